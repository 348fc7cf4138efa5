"""Colours of the head itself: skin, eyes, teeth and mouth."""

import numpy as np

from evae_tf.array_types import ByteArray, FloatArray, IndexArray
from recipes.free.head import Head, Part
from recipes.free.rasters import sample
from recipes.free.tracing import Layer

_PUPIL, _IRIS, _WHITE = 9.0, 24.0, 27.0  # degrees from the axis of the eye
_COLLAR = -11.0  # height below which clothes begin, units


class Surface:
    """Paints the triangles of a head."""

    def __init__(self, head: Head) -> None:
        """Finds the angle of each vertex of the eyes from the eye's axis."""
        self._head = head
        self._angle = np.zeros(len(head.neutral))
        eyes = np.unique(head.triangles[head.part == Part.EYE])
        for side in (-1, 1):
            ball = eyes[np.sign(head.neutral[eyes, 0]) == side]
            low, high = head.neutral[ball].min(axis=0), head.neutral[ball].max(axis=0)
            away = head.neutral[ball] - (low + high) / 2
            cosine = away[:, 2] / np.linalg.norm(away, axis=1)
            self._angle[ball] = np.degrees(np.arccos(np.clip(cosine, -1, 1)))

    def layer(
        self,
        vertices: FloatArray,
        texture: ByteArray,
        iris: FloatArray,
        clothes: FloatArray,
        whiteness: float,
    ) -> Layer:
        """The head of a person.

        Args:
          vertices: float [V, 3].
          texture: uint8 [side, side, 3], RGB, of the face.
          iris: float [3], RGB, 0 to 1.
          clothes: float [3], RGB, 0 to 1.
          whiteness: of teeth and eyes, 0 to 1.
        """
        head = self._head
        side = texture.shape[0]
        skin = texture.astype(np.float32) / 255
        plain = skin[-side // 5 :].mean(axis=(0, 1))

        def paint(triangle: IndexArray, place: FloatArray) -> FloatArray:
            uv = np.einsum("nk,nkd->nd", place, head.uv[triangle])
            at = (uv * side - 0.5).astype(np.float32)
            part = head.part[triangle]
            color = np.where((uv[:, :1] < 1), sample(skin, at), plain)
            height = np.einsum("nk,nk->n", place, head.neutral[head.triangles[triangle], 1])
            depth = np.einsum("nk,nk->n", place, head.neutral[head.triangles[triangle], 2])
            inside = np.clip((depth - 7) / 4, 0.05, 1)[:, None]  # the mouth is dark behind the lips
            color = np.where((height < _COLLAR)[:, None], clothes, color)
            color = np.where((part == Part.MOUTH)[:, None], [0.55, 0.22, 0.2] * inside, color)
            white = np.array([0.95, 0.9, 0.82]) * whiteness
            color = np.where((part == Part.TEETH)[:, None], white * inside, color)
            angle = np.einsum("nk,nk->n", place, self._angle[head.triangles[triangle]])[:, None]
            eye = np.where(angle < _PUPIL, 0.03, iris * np.clip(angle / _IRIS + 0.25, 0, 1))
            rim = np.clip((angle - _IRIS) / (_WHITE - _IRIS), 0, 1)
            ball = np.array([0.93, 0.88, 0.86]) * whiteness
            eye = np.where(angle < _IRIS, eye, (1 - rim) * iris * 0.5 + rim * ball)
            return np.where((part == Part.EYE)[:, None], eye, color)

        return Layer(vertices, head.triangles, paint, gloss=0.12)
