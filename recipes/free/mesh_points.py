"""The 68 points from the 478 points of a mesh.

Each inner point is a weighted mean of mesh points near it. The weights add up to 1, so they hold
for turned heads, too: the point moves with the surface. They are learned by ridge regression from
faces with hand-placed points. Those faces have open eyes and closed mouths, so a lid and a lip take
points of their own only: mixed with those of the other, they would stay half closed or half open.

The jaw lies on the visible outline of the mesh, moved by a mean offset: what is seen of a turned
head ends at its cheek, and there no mesh point is the jaw.
"""

import dataclasses

import cv2
import numpy as np

from evae_tf.array_types import FloatArray, IndexArray
from recipes.free.definition import JAW, jaw_along

_NEAREST = 24  # mesh points for each point
_RIDGE = 0.01
_EYE_CORNERS = [33, 133, 362, 263]  # mesh points, from left to right
_FOREHEAD, _CHIN = 10, 152
_EYES = [36, 39, 42, 45]
_IRISES = range(468, 478)  # they move with the gaze
# Rings of MediaPipe's topology, with both corners.
_LEFT_LIDS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
)
_RIGHT_LIDS = (
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
)
_UPPER_LIP = (
    *(61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    *(76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    *(62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
    *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
)
_LOWER_LIP = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    *(76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    *(62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)
_OWN = {  # landmarks -> the mesh points that they may take
    **dict.fromkeys((37, 38), _LEFT_LIDS[0]),
    **dict.fromkeys((40, 41), _LEFT_LIDS[1]),
    **dict.fromkeys((43, 44), _RIGHT_LIDS[0]),
    **dict.fromkeys((46, 47), _RIGHT_LIDS[1]),
    **dict.fromkeys((*range(49, 54), *range(61, 64)), _UPPER_LIP),
    **dict.fromkeys((*range(55, 60), *range(65, 68)), _LOWER_LIP),
}


@dataclasses.dataclass(frozen=True)
class Readout:
    """Learned weights and offsets; make them with `learn`.

    Attributes:
      weights: float [51, 478], of each inner point; rows add up to 1.
      offsets: float [17, 2], of the jaw from the mesh's outline, inwards and along it, as fractions
        of the distance from the eyes to the chin.
    """

    weights: FloatArray
    offsets: FloatArray

    def points(self, mesh: FloatArray) -> FloatArray:
        """Landmarks of a mesh: float [478, 2 or 3] -> float [68, 2], in its unit."""
        mesh = mesh[:, :2]
        jaw = jaw_of(mesh)
        jaw = jaw + _height(mesh) * np.einsum("jkc,jk->jc", _axes(jaw), self.offsets)
        return np.concatenate([jaw, self.weights @ mesh])


def learn(meshes: FloatArray, landmarks: FloatArray) -> Readout:
    """Learns the readout from faces with known landmarks.

    Args:
      meshes: float [N, 478, 2 or 3].
      landmarks: float [N, 68, 2], in the frame of the meshes.
    """
    meshes, inner = meshes[..., :2], landmarks[:, JAW.stop :]
    units = np.array([_height(mesh) for mesh in meshes])[:, None, None]
    centres = meshes[:, _EYE_CORNERS].mean(axis=1, keepdims=True)
    mean_mesh = ((meshes - centres) / units).mean(axis=0)
    mean_inner = ((inner - centres) / units).mean(axis=0)
    weights = np.zeros((len(mean_inner), len(mean_mesh)))
    for row, place in enumerate(mean_inner):
        apart = np.linalg.norm(mean_mesh - place, axis=1)
        near = _candidates(JAW.stop + row, apart)
        weights[row, near] = _weights(meshes[:, near] / units, inner[:, row] / units[:, 0])
    offsets = []
    for mesh, own, unit in zip(meshes, landmarks[:, JAW], units, strict=True):
        found = jaw_of(mesh)
        offsets.append(np.einsum("jkc,jc->jk", _axes(found), own - found) / unit)
    return Readout(weights, np.mean(offsets, axis=0))


def _candidates(landmark: int, apart: FloatArray) -> IndexArray:
    """The mesh points that a landmark may take: the nearest of `apart`, float [478]."""
    own = _OWN.get(landmark, range(_IRISES.start))
    return np.array(sorted(own, key=lambda index: apart[index])[:_NEAREST])


def _weights(near: FloatArray, target: FloatArray) -> FloatArray:
    """Weights [n] of points [N, n, 2] whose weighted means are the targets [N, 2]."""
    mean = near.mean(axis=1)
    inputs = (near - mean[:, None]).swapaxes(1, 2).reshape(-1, near.shape[1])
    penalty = _RIDGE * np.eye(near.shape[1])
    found = np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ (target - mean).ravel())
    return 1 / len(found) + found - found.mean()


def jaw_of(mesh: FloatArray) -> FloatArray:
    """The jaw on the visible outline of a mesh, which is taken for convex.

    Args:
      mesh: float [478, 2].

    Returns:
      float [17, 2].
    """
    hull = cv2.convexHull(mesh.astype(np.float32), clockwise=True)[:, 0].astype(np.float64)
    first = np.linalg.norm(hull - mesh[_FOREHEAD], axis=-1).argmin()
    outline = np.roll(hull, -first, axis=0)
    frame = np.zeros((68, 2))
    frame[_EYES], frame[8] = mesh[_EYE_CORNERS], mesh[_CHIN]
    closed = np.concatenate([outline, outline[:1]])
    return jaw_along(closed, frame)


def _height(mesh: FloatArray) -> float:
    """The distance from the middle of the eyes to the chin."""
    return float(np.linalg.norm(mesh[_CHIN] - mesh[_EYE_CORNERS].mean(axis=0)))


def _axes(jaw: FloatArray) -> FloatArray:
    """Directions at each point of a jaw [17, 2]: inwards and along it, float [17, 2 (axis), 2]."""
    along = np.gradient(jaw, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    return np.stack([along @ [[0, -1], [1, 0]], along], axis=1)
