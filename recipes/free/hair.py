"""Hair and caps of the rendered head, as layers over its skin."""

import dataclasses

import cv2
import numpy as np

from evae_tf.array_types import FloatArray, IndexArray
from recipes.free.head import Head, Part
from recipes.free.tracing import Layer, Paint

_MIDDLE = np.array([0, 4.5, 0.5])  # of the skull: directions are seen from here
_STRANDS = (96, 512)  # texels of the strands, along the head's height and around it


@dataclasses.dataclass(frozen=True)
class Hairline:
    """Where hair begins: height above the skull's middle, degrees, by the angle from the front.

    Attributes:
      forehead: height over the middle of the forehead.
      temples: height at 52 degrees; from there the line falls to the ear.
      parting: how far the middle of the forehead's line is moved to the head's left, degrees.
      nape: height at the back, mostly below 0.
    """

    forehead: float
    temples: float
    parting: float
    nape: float

    def height(self, angle: FloatArray) -> FloatArray:
        """Height of the line at angles -180 to 180, degrees."""
        from_front = np.abs(angle - self.parting * np.exp(-((angle / 45) ** 2)))
        return np.interp(
            from_front,
            # At 72, 86 and 100 degrees: the sideburn, above the ear, and behind it.
            [0, 35, 52, 64, 72, 86, 100, 115, 180],
            [self.forehead, self.forehead - 3, self.temples, 0.4 * self.temples, -4, -7, -5]
            + [self.nape * 0.7, self.nape],
        )


class Scalp:
    """The head's vertices as directions from the middle of the skull."""

    def __init__(self, head: Head) -> None:
        """Finds the directions of the mean head's vertices."""
        self._head = head
        away = head.neutral - _MIDDLE
        self._angle = np.degrees(np.arctan2(away[:, 0], away[:, 2]))
        self._height = np.degrees(np.arctan2(away[:, 1], np.hypot(away[:, 0], away[:, 2])))
        ear = (np.abs(head.neutral[:, 0]) > 7.3) & (np.abs(head.neutral[:, 1] - 2) < 4.5)
        self._is_ear = ear & (head.neutral[:, 2] < 3)

    def above(self, line: Hairline, soft: float) -> FloatArray:
        """How far inside the hair each vertex is: float [V], 0 outside to 1 at `soft` degrees."""
        inside = (self._height - line.height(self._angle)) / soft
        return np.where(self._is_ear, 0, np.clip(inside, 0, 1))

    def hair(
        self,
        vertices: FloatArray,
        line: Hairline,
        thickness: float,
        color: FloatArray,
        skin: Paint,
        rng: np.random.Generator,
        *,
        soft: float = 14.0,
        strands: float = 1.0,
    ) -> Layer:
        """Hair, or a cap if it has no strands.

        Args:
          vertices: float [V, 3], of the person.
          line: where it begins.
          thickness: units, above the skin.
          color: float [3], RGB, 0 to 1.
          skin: paints the skin below, of all of the head's triangles.
          rng: draws the strands.
          soft: degrees from the line to full thickness.
          strands: contrast of the strands.
        """
        return self.grown(vertices, self.above(line, soft), thickness, color, skin, rng, strands)

    def grown(
        self,
        vertices: FloatArray,
        inside: FloatArray,
        thickness: float,
        color: FloatArray,
        skin: Paint,
        rng: np.random.Generator,
        strands: float = 1.0,
    ) -> Layer:
        """Hair on any part of the head.

        Args:
          vertices: float [V, 3], of the person.
          inside: float [V], where it grows: 0 outside, 1 at full thickness and density.
          thickness: see `hair`.
          color: see `hair`.
          skin: see `hair`.
          rng: see `hair`.
          strands: see `hair`.
        """
        waves = 1 + 0.25 * _waves(rng, self._angle, self._height)
        lifted = vertices + outward(vertices) * (thickness * inside**0.7 * waves)[:, None]
        rows = np.flatnonzero(
            (self._head.part == Part.SKIN) & (inside[self._head.triangles] > 0).any(axis=1)
        )
        corners = self._head.triangles[rows]
        texture = _strands(rng, strands)

        def paint(triangle: IndexArray, place: FloatArray) -> FloatArray:
            at = corners[triangle]
            angle, height, full = (
                np.einsum("nk,nk->n", place, values[at])
                for values in (self._angle, self._height, inside)
            )
            strand = _look_up(texture, angle, height)
            hair = np.clip(color * (1 + 0.5 * (strand - 0.5))[:, None], 0, 1)
            dense = np.clip((full - 0.35 * strand) / 0.25, 0, 1) if strands else full > 0.05
            alpha = np.asarray(dense, np.float64)[:, None]
            return alpha * hair + (1 - alpha) * skin(rows[triangle], place)

        return Layer(lifted, corners, paint, gloss=0.12 * strands)

    def long_hair(
        self,
        vertices: FloatArray,
        begin: float,
        length: float,
        thickness: float,
        color: FloatArray,
        rng: np.random.Generator,
    ) -> Layer:
        """Hair that hangs beside and behind the head.

        Args:
          vertices: float [V, 3], of the person.
          begin: angle from the front at which it begins on both sides, degrees.
          length: height of its ends, units; the chin is at about -7.
          thickness: units, outside of the head.
          color: float [3], RGB, 0 to 1.
          rng: draws its waves.
        """
        angles = np.linspace(begin, 360 - begin, 72)
        heights = np.linspace(9.5, length, 28)
        angle, height = np.meshgrid(np.radians(angles), heights, indexing="ij")
        wide = np.abs(vertices[self._is_ear, 0]).mean() + thickness
        deep = 9.2 + thickness
        over = np.clip((height - 4) / 9, 0, 0.95)
        shrink = np.sqrt(1 - over**2) * (1 + rng.uniform(-0.012, 0.03) * np.clip(2 - height, 0, 9))
        shrink = shrink * (1 + 0.02 * np.sin(height * rng.uniform(0.5, 1.5) + 3 * angle))
        x = np.sin(angle) * wide * shrink
        z = np.cos(angle) * deep * shrink + np.where(np.cos(angle) > 0, -2.0, 0.0)
        grid = np.stack([x, height, z], axis=-1)
        columns = len(heights)
        first = np.arange((len(angles) - 1) * columns).reshape(-1, columns)[:, :-1].ravel()
        corners = np.concatenate(
            [
                np.stack([first, first + 1, first + columns], axis=1),
                np.stack([first + 1, first + columns + 1, first + columns], axis=1),
            ]
        )
        texture = _strands(rng, 1.0)
        degrees, along = np.degrees(angle).ravel(), height.ravel() * 4

        def paint(triangle: IndexArray, place: FloatArray) -> FloatArray:
            at = corners[triangle]
            strand = _look_up(
                texture,
                np.einsum("nk,nk->n", place, degrees[at]),
                np.einsum("nk,nk->n", place, along[at]),
            )
            return np.clip(color * (0.95 + 0.55 * (strand - 0.5))[:, None], 0, 1)

        return Layer(grid.reshape(-1, 3), corners, paint, gloss=0.12)


def outward(vertices: FloatArray) -> FloatArray:
    """Directions away from the middle of the skull: float [V, 3] -> the same, of length 1."""
    away = vertices - _MIDDLE
    return away / (np.linalg.norm(away, axis=1, keepdims=True) + 1e-9)


def _strands(rng: np.random.Generator, contrast: float) -> FloatArray:
    """Strands that run down the head: float [height, around], about 0 to 1."""
    rows, columns = _STRANDS
    fine = rng.random((rows // 16, columns)).astype(np.float32)
    coarse = rng.random((3, columns // 12)).astype(np.float32)
    size = (columns, rows)
    mixed = 0.6 * cv2.resize(fine, size, interpolation=cv2.INTER_CUBIC) + 0.5 * cv2.resize(
        coarse, size, interpolation=cv2.INTER_CUBIC
    )
    return 0.5 + contrast * (mixed - 0.55)


def _look_up(texture: FloatArray, angle: FloatArray, height: FloatArray) -> FloatArray:
    rows, columns = texture.shape
    row = ((height + 90) / 180 * rows).astype(np.intp) % rows
    return texture[row, (angle / 360 * columns).astype(np.intp) % columns]


def _waves(rng: np.random.Generator, angle: FloatArray, height: FloatArray) -> FloatArray:
    bumps = np.zeros(angle.shape)
    for _ in range(4):
        around, up = rng.integers(1, 6), rng.uniform(0.02, 0.09)
        bumps += np.sin(np.radians(angle) * around + height * up + rng.uniform(0, 7))
    return bumps / 2
