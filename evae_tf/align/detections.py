"""Checked output of a detector: boxes and, if available, scores and five keypoints."""

import dataclasses

import numpy as np
import numpy.typing as npt

from evae_tf import geometry
from evae_tf.align.inputs import box_array
from evae_tf.array_types import BoolArray, FloatArray
from evae_tf.errors import InputError

_KEYPOINTS = 5
_LEAST_SIDE_PX = 18  # of the square around landmarks; a smaller face is too coarse to align


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
    """The detections of one image.

    Attributes:
      boxes: float32 [N, 4], (x_min, y_min, x_max, y_max) in image pixels, about as tight as
        landmark boxes.
      scores: float32 [N], 0 to 1; or None if the detector has no scores.
      keypoints: float32 [N, 5, 2], (x, y) in image pixels: left eye, right eye, tip of the nose,
        left and right corner of the mouth, as the viewer sees an upright face; or None.
    """

    boxes: FloatArray
    scores: FloatArray | None = None
    keypoints: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def picked(self, mask: BoolArray) -> "Detections":
        """The detections that a mask [N] selects."""
        scores, keypoints = (
            None if values is None else values[mask] for values in (self.scores, self.keypoints)
        )
        return Detections(self.boxes[mask], scores, keypoints)

    @property
    def rolls(self) -> FloatArray:
        """Roll of each head, float32 [N] in radians; 0 without keypoints."""
        if self.keypoints is None:
            return np.zeros(len(self), np.float32)
        return rolls(self.keypoints)


def checked(found: "Detections | npt.ArrayLike", source: str) -> Detections:
    """Converts a detector's output to `Detections` and checks shapes and values.

    Args:
      found: `Detections`; boxes [N, 4]; or boxes and scores, [N, 5].
      source: name of the detector, for messages.

    Raises:
      InputError: `found` is none of these, a box is empty or not finite, or a score is outside
        0 to 1.
    """
    if isinstance(found, Detections):
        boxes, scores, keypoints = found.boxes, found.scores, found.keypoints
    else:
        boxes, scores, keypoints = *_with_scores(found), None
    boxes = box_array(boxes, source)
    if scores is not None:
        scores = _array(scores, (len(boxes),), f"{source}: scores")
        if not ((scores >= 0) & (scores <= 1)).all():
            raise InputError(f"{source}: scores are outside the expected range 0 to 1.")
    if keypoints is not None:
        keypoints = _array(keypoints, (len(boxes), _KEYPOINTS, 2), f"{source}: keypoints")
    return Detections(boxes, scores, keypoints)


def _with_scores(found: npt.ArrayLike) -> tuple[npt.ArrayLike, npt.ArrayLike | None]:
    """Splits an array of five columns into boxes and scores; four columns have no scores."""
    try:
        array = np.asarray(found)
    except ValueError:  # rows of different lengths; `box_array` raises the error
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
            f"{what}: found the shape {list(array.shape)}, expected finite numbers of the shape "
            f"{list(shape)}."
        )
    return array


def rolls(keypoints: FloatArray) -> FloatArray:
    """Roll of heads from keypoints, from x towards y: float [N, 5, 2] -> float32 [N], radians.

    Eyes and mouth corners give the direction to the right, eyes to mouth the direction down. Each
    direction is weighted by its length; in a profile only the second one counts.
    """
    eyes, mouth = keypoints[:, :2], keypoints[:, 3:]
    right = (eyes[:, 1] - eyes[:, 0]) + (mouth[:, 1] - mouth[:, 0])
    down = mouth.mean(axis=1) - eyes.mean(axis=1)
    # The direction down, turned back by 90 degrees, is the direction to the right.
    x, y = right[:, 0] + down[:, 1], right[:, 1] - down[:, 0]
    return np.arctan2(y, x).astype(np.float32)


def of_network(
    boxes: FloatArray,
    scores: FloatArray,
    keypoints: FloatArray,
    place: tuple[float, float, float],
) -> Detections:
    """Detections of a network with five keypoints per face, without faces too small to align.

    Args:
      boxes: float [N, 4], image pixels, as the network outputs them.
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
    """Converts a detector's boxes to landmark boxes.

    Args:
      boxes: float [N, 4], image pixels.
      angles: float [N], roll of the heads, radians.
      place: (x, y, side) of the landmark box relative to the detector's box of an upright face:
        offset of its centre, and its longer side, as fractions of the detector box's longer side.

    Returns:
      float32 [N, 4], squares.
    """
    squares = geometry.square_around(boxes, 0.0)
    offset = np.array([place[:2]], np.float32) * squares[:, None, 2:]
    centre = squares[:, :2] + geometry.rotate(offset, angles)[:, 0]
    half = squares[:, 2:] * np.float32(place[2] / 2)
    return np.concatenate([centre - half, centre + half], axis=1)


def distinct(squares: FloatArray, shared: float) -> list[int]:
    """Non-maximum suppression: indices of squares that no earlier kept square overlaps.

    Args:
      squares: float [N, 3], by descending priority, see `geometry.square_around`.
      shared: IoU above which two squares are the same face.
    """
    kept: list[int] = []
    for index, square in enumerate(squares):
        if not (geometry.squares_overlap(square, squares[kept]) > shared).any():
            kept.append(index)
    return kept
