"""Annotations of faces as arrays, the reference of an evaluation."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from evae_tf.array_types import BoolArray, FloatArray, IndexArray
from evae_tf.data.face import Face, one_markup
from evae_tf.errors import InputError
from evae_tf.evaluation import metrics
from evae_tf.markups import Markup


@dataclasses.dataclass(frozen=True)
class Truth:
    """The annotations of N faces.

    Attributes:
      markup: the `Markup` of all of them.
      landmarks: float32 [N, K, 2], image pixels; NaN where a point is not annotated.
      boxes: float32 [N, 4], image pixels; the models' input boxes.
      visible: bool [N, K], see `Face`, or None if a face lacks visibility flags.
      distances: dict of normaliser to `metrics.normalizing_distance`, float [N].
    """

    markup: Markup
    landmarks: FloatArray
    boxes: FloatArray
    visible: BoolArray | None
    distances: dict[str, FloatArray]

    @classmethod
    def of(cls, faces: Sequence[Face], normalizers: Iterable[str] | None = None) -> "Truth":
        """Gathers the annotations of faces.

        Args:
          faces: at least one.
          normalizers: names of `metrics.normalizing_distance`; None for
            `metrics.default_normalizer`.

        Raises:
          InputError: no face, faces of several markups, or a normaliser that is unknown or
            undefined for a face.
        """
        if not faces:
            raise InputError("there are no faces to evaluate models on; expected at least one.")
        markup = one_markup(faces)
        landmarks = np.stack([face.landmarks for face in faces])
        boxes = np.stack([face.box for face in faces])
        flags = [face.visible for face in faces if face.visible is not None]
        names = [face.source or face.name for face in faces]
        distances = {
            name: metrics.normalizing_distance(name, landmarks, boxes, markup, names)
            for name in normalizers or [metrics.default_normalizer(landmarks, markup)]
        }
        visible = np.stack(flags) if len(flags) == len(faces) else None
        return cls(markup, landmarks, boxes, visible, distances)

    @property
    def normalizer(self) -> str:
        """Name of the first normaliser."""
        return next(iter(self.distances))

    def nme(
        self,
        landmarks: FloatArray,
        normalizer: str | None = None,
        rows: slice | IndexArray = slice(None),
    ) -> FloatArray:
        """The normalised mean error of each face, as a fraction: float [n].

        Args:
          landmarks: float [n, K, 2], predictions in image pixels.
          normalizer: one of `distances`; None for the first.
          rows: the faces of the predictions.
        """
        distance = self.distances[normalizer or self.normalizer]
        return metrics.nme(landmarks, self.landmarks[rows], distance[rows])
