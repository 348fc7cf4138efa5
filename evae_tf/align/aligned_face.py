"""One face of one image: its landmarks, their uncertainty and its scores."""

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
SAME_FACE = 0.4  # IoU of squares around two boxes above which they are the same face


@dataclasses.dataclass(frozen=True, eq=False)
class AlignedFace:
    """One face as `Aligner` returns it, in pixels of the input image.

    Attributes:
      landmarks: float32 [K, 2], (x, y); the centre of the first pixel is (0, 0).
      box: float32 [4], (x_min, y_min, x_max, y_max): the tight box of the landmarks, or a box of
        the kind that the model was trained on. Where unstable landmarks (a score below 0.5) left
        the box that they were searched in, that box.
      score: quality of the landmarks, 0 to 1; low where there is no face. The model's `presence`
        output; for a model without it, how stable they are when the crop moves, see `face_score`.
      markup: `Markup` of the landmarks.
      image: uint8 [H, W, 3], RGB: the pixels that the face was found in.
      covariance: float32 [K, 2, 2], pixels squared, or None if the model does not output it.
      visibility: float32 [K], probability that the landmark is visible, or None likewise.
      detection_score: confidence of the detector, 0 to 1; None if it has no scores or the box was
        given.
      identity: in a video, a number that the face keeps across frames; else None.
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
        """The landmark called `name`: float32 [2], (x, y).

        Args:
          name: one of `markup.points`.

        Raises:
          InputError: the markup has no such point; see `Markup.index`.
        """
        return self.landmarks[self.markup.index(name)]

    @property
    def confidence(self) -> float:
        """Confidence that this is a face, 0 to 1: the mean of the available scores.

        Each score alone makes more errors. A mask lowers the landmarks' score, not the detector's;
        landmarks on a statue are stable.
        """
        if self.detection_score is None:
            return self.score
        return (self.detection_score + self.score) / 2

    @property
    def pose(self) -> HeadPose | None:
        """`HeadPose`, or None if the markup does not determine one; see `head_pose`."""
        return head_pose(self.landmarks, self.markup)

    def is_same(self, other: "AlignedFace") -> bool:
        """Whether both are the same face: the squares around their boxes have an IoU above 0.4.

        Boxes themselves would not do: the box of two level eyes has no area.
        """
        squares = geometry.square_around(np.stack([self.box, other.box]), 0.0)
        return bool(geometry.squares_overlap(*squares) > SAME_FACE)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict without the image; outputs that the model lacks are absent."""
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
        """A face crop with level eyes, as recognition models expect: uint8 [size, size, 3].

        A profile, whose eyes nearly coincide, is set upright.

        Raises:
          InputError: `size` is not a whole number above 0.
        """
        size = arguments.whole_number("size", size)
        squares, angles = upright_squares(self.landmarks[None], self.markup, _CHIP_MARGIN)
        return geometry.cut_square(self.image, squares[0], size, float(angles[0]))
