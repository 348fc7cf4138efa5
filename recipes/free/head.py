"""The morphable head of ICT-FaceKit: shapes of people, and the parts they are made of.

The file is `clean/ict_facekit/ict_facekit_light.npz`; its PROVENANCE.md describes the arrays.
Lengths are about centimetres: x to the head's left, y up, z forward.

Source: Li et al., Learning Formation of Physically-Based Face Attributes, CVPR 2020.
"""

import dataclasses
import enum
from pathlib import Path

import numpy as np

from evae_tf.array_types import FloatArray, IndexArray

FILE = "ict_facekit/ict_facekit_light.npz"  # in the folder clean/
_MORPHED = 25351  # the vertices after it are strips of eyelashes, which the modes leave out


class Part(enum.IntEnum):
    """What a triangle belongs to."""

    SKIN = 0
    MOUTH = 1  # gums and tongue
    TEETH = 2
    EYE = 3


_PARTS = {  # first vertex and the one after the last; the rest are clear shells of the eye, tear
    # films and eyelashes
    Part.SKIN: [(0, 14062)],
    Part.MOUTH: [(14062, 17039)],
    Part.TEETH: [(17039, 21451)],
    Part.EYE: [(22221, 23021), (23791, 24591)],
}


@dataclasses.dataclass(frozen=True)
class Head:
    """The parts of the head that are rendered.

    Attributes:
      neutral: float32 [V, 3], the mean face at rest.
      identity: float32 [100, V, 3], displacements of one standard deviation.
      expressions: float32 [E, V, 3], displacements of the full expression.
      expression_names: the E names.
      triangles: int [T, 3], vertices.
      part: int [T], a `Part` of each triangle.
      uv: float32 [T, 3, 2], texture coordinates of the corners: the face is at x in 0..1, the rest
        of the skin at 1..2; y is down.
      points: int [68], vertices of the landmarks. Those of the jaw are on its outline in a frontal
        view, which is in front of its edge.
    """

    neutral: FloatArray
    identity: FloatArray
    expressions: FloatArray
    expression_names: tuple[str, ...]
    triangles: IndexArray
    part: IndexArray
    uv: FloatArray
    points: IndexArray

    def shape(self, identity: FloatArray, expression: FloatArray) -> FloatArray:
        """Vertices of a person.

        Args:
          identity: float [up to 100], in standard deviations.
          expression: float [E], 0 to 1.

        Returns:
          float64 [V, 3].
        """
        used = np.flatnonzero(expression)
        modes = np.concatenate([identity, expression[used]]).astype(np.float32)  # as the arrays
        moved = np.tensordot(modes[: len(identity)], self.identity[: len(identity)], 1)
        moved += np.tensordot(modes[len(identity) :], self.expressions[used], 1)
        return self.neutral + moved.astype(np.float64)

    def expression(self, **weights: float) -> FloatArray:
        """Weights by name, float [E]; a name without `_L` or `_R` sets both sides.

        Raises:
          KeyError: there is no such expression.
        """
        values = np.zeros(len(self.expression_names))
        for name, weight in weights.items():
            columns = [
                index
                for index, full in enumerate(self.expression_names)
                if full in (name, f"{name}_L", f"{name}_R")
            ]
            if not columns:
                raise KeyError(name)
            values[columns] = weight
        return values


def load(path: str | Path) -> Head:
    """Reads `ict_facekit_light.npz`."""
    with np.load(path) as file:
        corners = _triangulated(file["faces"])
        corners_uv = _triangulated(file["faces_uv"])
        part = np.full(_MORPHED, -1)
        for name, ranges in _PARTS.items():
            for start, stop in ranges:
                part[start:stop] = name
        of_triangle = np.where(
            corners.max(axis=1) < _MORPHED, part[np.minimum(corners[:, 0], _MORPHED - 1)], -1
        )
        kept = of_triangle >= 0
        uv = file["uv"][corners_uv[kept]]
        uv[..., 1] = 1 - uv[..., 1]
        return Head(
            neutral=file["neutral"][:_MORPHED],
            identity=file["identity"] * file["identity_scale"][:, None, None].astype(np.float32),
            expressions=file["expressions"]
            * file["expressions_scale"][:, None, None].astype(np.float32),
            expression_names=tuple(map(str, file["expression_names"])),
            triangles=corners[kept],
            part=of_triangle[kept],
            uv=uv,
            points=file["multipie68"],
        )


def _triangulated(faces: IndexArray) -> IndexArray:
    """Splits quadrilaterals: int [Q, 4], -1 in the last column of a triangle, to [T, 3]."""
    quadrilaterals = faces[faces[:, 3] >= 0]
    return np.concatenate([faces[:, :3], quadrilaterals[:, [0, 2, 3]]])
