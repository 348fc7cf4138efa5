"""One face of one image: where its landmarks are and how sure that is."""

import dataclasses
from typing import Any

import numpy as np

from evae_tf import arguments, geometry
from evae_tf.align.upright import upright_squares
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.head_pose import HeadPose
from evae_tf.markups import Markup
from evae_tf.pose_estimation import head_pose

_CHIP_MARGIN = 0.25
SAME_FACE = 0.4  # of what the squares of two boxes cover together, what those of one face share


@dataclasses.dataclass(frozen=True, eq=False)
class AlignedFace:
    """What `Aligner` returns, in pixels of the image it was given.

    Attributes:
      landmarks: float32 [K, 2], (x, y); the centre of the first pixel is (0, 0).
      box: float32 [4], (x_min, y_min, x_max, y_max): the tight box of the landmarks, or where the
        model was trained on other boxes, such a one.
      score: how good the landmarks are, 0 to 1; low where there is no face. The model's `presence`;
        of a model without, how little they move when the crop does, see `face_score`.
      markup: `Markup` of the landmarks.
      image: uint8 [H, W, 3], RGB, that the face is in: the pixels that were used.
      covariance: float32 [K, 2, 2], pixels squared, or None where the model does not give it.
      visibility: float32 [K], probability that the landmark can be seen, or None likewise.
      detection_score: how sure the detector was of a face, 0 to 1; None where it does not say or
        the box was known.
      identity: in a video, a number that the face keeps from frame to frame; else None.
    """

    landmarks: FloatArray = dataclasses.field(repr=False)
    box: FloatArray
    score: float
    markup: Markup
    image: ByteArray = dataclasses.field(repr=False)
    covariance: FloatArray | None = dataclasses.field(default=None, repr=False)
    visibility: FloatArray | None = dataclasses.field(default=None, repr=False)
    detection_score: float | None = None
    identity: int | None = None

    def point(self, name: str) -> FloatArray:
        """The landmark of this name: float32 [2], (x, y).

        Args:
          name: one of `markup.points`.

        Raises:
          InputError: the markup has no such point; see `Markup.index`.
        """
        return self.landmarks[self.markup.index(name)]

    @property
    def confidence(self) -> float:
        """How sure it is that this is a face, 0 to 1: the mean of the scores that are known.

        A mask hides what landmarks hold on to, not the face; a statue's are steady, too. Each
        score alone takes more false faces for true ones, or true ones for false.
        """
        if self.detection_score is None:
            return self.score
        return (self.detection_score + self.score) / 2

    @property
    def pose(self) -> HeadPose | None:
        """`HeadPose`, or None where its markup gives none; see `head_pose`."""
        return head_pose(self.landmarks, self.markup)

    def is_same(self, other: "AlignedFace") -> bool:
        """Whether both are one face: their squares share 40 % of what they cover together.

        The squares around their boxes: a box of two level eyes covers nothing.
        """
        squares = geometry.square_around(np.stack([self.box, other.box]), 0.0)
        return bool(geometry.squares_overlap(*squares) > SAME_FACE)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the image; keys that the model cannot fill are absent."""
        record = {
            "box": np.round(self.box.astype(float), 2).tolist(),
            "score": round(self.score, 4),
            "landmarks": np.round(self.landmarks.astype(float), 3).tolist(),
        }
        if self.detection_score is not None:
            record["detection_score"] = round(self.detection_score, 4)
        if self.covariance is not None:
            record["covariance"] = np.round(self.covariance.astype(float), 4).tolist()
        if self.visibility is not None:
            record["visibility"] = np.round(self.visibility.astype(float), 4).tolist()
        if (pose := self.pose) is not None:
            record["pose"] = {
                angle: round(degrees, 2) for angle, degrees in dataclasses.asdict(pose).items()
            }
        if self.identity is not None:
            record["id"] = self.identity
        return record

    def chip(self, size: int) -> ByteArray:
        """The face with level eyes, as recognition models want it: uint8 [size, size, 3].

        A profile, whose eyes nearly coincide, stands upright.

        Raises:
          InputError: `size` is no whole number above 0.
        """
        size = arguments.whole_number("size", size)
        squares, angles = upright_squares(self.landmarks[None], self.markup, _CHIP_MARGIN)
        return geometry.cut_square(self.image, squares[0], size, float(angles[0]))
