"""The landmarks of a posed head. The jaw of a turned head lies on its visible outline, as in 300-W.

The vertices of the head divide its jaw unevenly, from above the eyes. A spline through their places
gives the points that `definition` asks for.

Source of the outline: Zhu et al., High-Fidelity Pose and Expression Normalization for Face
Recognition in the Wild, CVPR 2015 (landmark marching).
"""

import numpy as np
from scipy.interpolate import CubicSpline

from evae_tf.array_types import FloatArray, IndexArray
from recipes.free import definition
from recipes.free.camera import Camera
from recipes.free.definition import CHIN, JAW
from recipes.free.head import Head, Part

_STEPS = 16
# Ends of a path, on the way from the frontal outline to the middle of the face. The edge of the
# jaw, which shows when the head is turned, is behind the frontal outline.
_EDGES = (-0.05, -0.05, -0.07, -0.12, -0.12, -0.08, 0, 0, 0)  # from the ear to the chin
_CHEEK = 0.62


class Outline:
    """Finds the 68 points of a head in a picture.

    Each jaw point has a path of vertices across the cheek. The point is the vertex of its path that
    is farthest out in the picture.
    """

    def __init__(self, head: Head, offsets: FloatArray | None = None) -> None:
        """Finds the paths.

        Args:
          head: the head.
          offsets: float [68, 3], head's frame: what is added to each point but those of the jaw, to
            bring the head's definition of the points to another one.
        """
        self._points = head.points
        self._offsets = np.zeros((68, 3)) if offsets is None else offsets
        self._paths, self._division = _paths(head), _division(head)
        outward = head.neutral[head.points[JAW], :2] - head.neutral[head.points[33], :2]
        self._outward = outward * [1, -1] / np.linalg.norm(outward, axis=1, keepdims=True)

    def points(self, vertices: FloatArray) -> FloatArray:
        """Places of the 68 points in the head's frame, [68, 3]; the jaw is that of a frontal view.

        Args:
          vertices: float [V, 3], of `Head.shape`.
        """
        return self._divided(vertices[self._points]) + self._offsets

    def moves(self, displacements: FloatArray) -> FloatArray:
        """Displacements of the 68 points, [N, 68, 3], of those of all vertices, [N, V, 3]."""
        return self._divided(displacements[:, self._points])

    def _divided(self, points: FloatArray) -> FloatArray:
        """The head's own points with the jaw divided anew: float [..., 68, 3] -> the same."""
        jaw = self._division @ points[..., JAW, :]
        return np.concatenate([jaw, points[..., JAW.stop :, :]], axis=-2)

    def seen(self, vertices: FloatArray, camera: Camera) -> FloatArray:
        """As `points`, with the jaw on the outline that the camera sees."""
        points = self.points(vertices)
        along = vertices[self._paths]
        # From the head's upward axis: its sideways axis also turns with yaw and pitch.
        roll = np.arctan2(camera.rotation[0, 1], camera.rotation[1, 1])
        turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        out = np.einsum("kpd,kd->kp", camera.project(along), self._outward @ turn.T)
        points[JAW] = self._division @ along[np.arange(JAW.stop), np.argmax(out, axis=1)]
        return points

    def project(self, vertices: FloatArray, camera: Camera) -> FloatArray:
        """The 68 points in the picture: float [68, 2], pixels."""
        return camera.project(self.seen(vertices, camera))


def _division(head: Head) -> FloatArray:
    """Points of the jaw as weighted means of the head's own: float [17, 17], rows add up to 1."""
    frontal = head.neutral[head.points, :2] * [1, -1]
    own = definition.length_fractions(frontal[JAW])
    height = definition.heights(frontal[JAW], frontal)
    sides = slice(None, CHIN + 1), slice(None, CHIN - 1, -1)  # from the ends to the chin
    first, last = (np.interp(definition.JAW_TOP, height[side], own[side]) for side in sides)
    left, right = np.linspace(first, own[CHIN], CHIN + 1), np.linspace(own[CHIN], last, CHIN + 1)
    return CubicSpline(own, np.eye(JAW.stop))(np.concatenate([left, right[1:]]))


def _paths(head: Head) -> IndexArray:
    """Vertices on the way from each jaw point towards the middle of the face: int [17, steps]."""
    skin = head.part == Part.SKIN
    vertex, first = np.unique(head.triangles[skin], return_index=True)
    uv = head.uv[skin].reshape(-1, 2)[first]
    place = {int(index): uv[row] for row, index in enumerate(vertex)}
    face = uv[:, 0] < 1
    middle = place[int(head.points[33])]
    paths = np.empty((JAW.stop, _STEPS), np.intp)
    for row, start in enumerate(head.points[JAW]):
        edge = _EDGES[min(row, JAW.stop - 1 - row)]
        for column, way in enumerate(np.linspace(edge, _CHEEK, _STEPS)):
            wanted = place[int(start)] + way * (middle - place[int(start)])
            distance = np.where(face, ((uv - wanted) ** 2).sum(axis=1), np.inf)
            paths[row, column] = vertex[np.argmin(distance)]
    return paths
