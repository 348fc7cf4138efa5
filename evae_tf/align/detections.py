"""What a detector returns, checked: boxes, scores and, where it has them, five points."""

import dataclasses

import numpy as np
import numpy.typing as npt

from evae_tf import geometry
from evae_tf.align.inputs import box_array
from evae_tf.array_types import BoolArray, FloatArray
from evae_tf.errors import InputError

_KEYPOINTS = 5
_LEAST_SIDE_PX = 18  # of the square around landmarks: smaller ones show no points


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
    """The faces that a detector finds in one image.

    Attributes:
      boxes: float32 [N, 4], (x_min, y_min, x_max, y_max) in image pixels, about as tight as those
        around landmarks.
      scores: float32 [N], how likely each is a face, 0 to 1; or None, if the detector does not say.
      keypoints: float32 [N, 5, 2], (x, y) in image pixels: the eye on the left of an upright face,
        the eye on its right, the tip of the nose, the left and the right corner of the mouth; or
        None.
    """

    boxes: FloatArray
    scores: FloatArray | None = None
    keypoints: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def picked(self, mask: BoolArray) -> "Detections":
        """Those of a mask [N]."""
        scores, keypoints = (
            None if values is None else values[mask] for values in (self.scores, self.keypoints)
        )
        return Detections(self.boxes[mask], scores, keypoints)

    @property
    def rolls(self) -> FloatArray:
        """By how much each head leans, float32 [N] in radians; 0 where there are no keypoints."""
        if self.keypoints is None:
            return np.zeros(len(self), np.float32)
        return rolls(self.keypoints)


def checked(found: "Detections | npt.ArrayLike", source: str) -> Detections:
    """What a detector returned, as `Detections` of arrays of the right shapes.

    Args:
      found: `Detections`; boxes [N, 4]; or boxes and scores, [N, 5].
      source: who found it, for the message.

    Raises:
      InputError: it is none of these, a box is empty or not finite, or a score not from 0 to 1.
    """
    if isinstance(found, Detections):
        boxes, scores, keypoints = found.boxes, found.scores, found.keypoints
    else:
        boxes, scores, keypoints = *_with_scores(found), None
    boxes = box_array(boxes, source)
    if scores is not None:
        scores = _array(scores, (len(boxes),), f"{source}: scores")
        if not ((scores >= 0) & (scores <= 1)).all():
            raise InputError(f"{source}: found scores outside 0 to 1.")
    if keypoints is not None:
        keypoints = _array(keypoints, (len(boxes), _KEYPOINTS, 2), f"{source}: keypoints")
    return Detections(boxes, scores, keypoints)


def _with_scores(found: npt.ArrayLike) -> tuple[npt.ArrayLike, npt.ArrayLike | None]:
    """An array of five columns taken apart: boxes, and scores if there are any."""
    try:
        array = np.asarray(found)
    except ValueError:  # rows of different lengths: `box_array` has the sentence
        return found, None
    if array.ndim == 2 and array.shape[1] == 5:
        return array[:, :4], array[:, 4]
    return found, None


def _array(values: npt.ArrayLike, shape: tuple[int, ...], what: str) -> FloatArray:
    try:
        array = np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: expected numbers, found {type(values).__name__}.") from error
    if not array.size and not shape[0]:
        return array.reshape(shape)
    if array.shape != shape or not np.isfinite(array).all():
        raise InputError(
            f"{what}: expected finite numbers of the shape {list(shape)}, found "
            f"{list(array.shape)}."
        )
    return array


def rolls(keypoints: FloatArray) -> FloatArray:
    """By how much heads lean, from x towards y: float [N, 5, 2] -> float32 [N], radians.

    Eyes and corners of the mouth say where the right is, what lies between them where below is. A
    profile has only the latter, the former counts by its length.
    """
    eyes, mouth = keypoints[:, :2], keypoints[:, 3:]
    right = (eyes[:, 1] - eyes[:, 0]) + (mouth[:, 1] - mouth[:, 0])
    down = mouth.mean(axis=1) - eyes.mean(axis=1)
    # Turned back by a right angle, the way down is the way to the right.
    x, y = right[:, 0] + down[:, 1], right[:, 1] - down[:, 0]
    return np.arctan2(y, x).astype(np.float32)


def of_network(
    boxes: FloatArray,
    scores: FloatArray,
    keypoints: FloatArray,
    place: tuple[float, float, float],
) -> Detections:
    """What a network with five points a face finds, less what is too small for landmarks.

    Args:
      boxes: float [N, 4], image pixels, as the network gives them.
      scores: float [N].
      keypoints: float [N, 5, 2], image pixels.
      place: see `landmark_squares`.
    """
    boxes = landmark_squares(boxes, rolls(keypoints), place)
    found = Detections(boxes, scores, keypoints)
    return found.picked(boxes[:, 2] - boxes[:, 0] >= _LEAST_SIDE_PX)


def landmark_squares(
    boxes: FloatArray, angles: FloatArray, place: tuple[float, float, float]
) -> FloatArray:
    """Boxes of a detector -> those of landmarks, as it finds them on faces.

    Args:
      boxes: float [N, 4], image pixels.
      angles: float [N], radians by which the heads lean.
      place: (x, y, side) of the landmarks' box in that of an upright face: its centre from the
        other's, and its longer side, as fractions of the other's longer side.

    Returns:
      float32 [N, 4], squares.
    """
    squares = geometry.square_around(boxes, 0.0)
    offset = np.array([place[:2]], np.float32) * squares[:, None, 2:]
    centre = squares[:, :2] + geometry.rotate(offset, angles)[:, 0]
    half = squares[:, 2:] * np.float32(place[2] / 2)
    return np.concatenate([centre - half, centre + half], axis=1)


def distinct(squares: FloatArray, shared: float) -> list[int]:
    """Indices of squares that are not of the same face as one before them.

    Args:
      squares: float [N, 3], see `geometry.square_around`.
      shared: of what two squares cover together, what those of one face share at least.
    """
    kept: list[int] = []
    for index, square in enumerate(squares):
        if not (geometry.squares_overlap(square, squares[kept]) > shared).any():
            kept.append(index)
    return kept
