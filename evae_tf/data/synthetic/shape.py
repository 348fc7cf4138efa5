"""The parametric 3-D model of synthetic faces: surface, landmarks and expression.

Face frame: x to the viewer's right, y down, z towards the viewer. The eyes are 1 apart, with (0, 0)
between them. The mean points are those of the near-frontal training faces of 300-W, averaged with
their mirror images. Proportions and expressions cover the range of these faces.
"""

import dataclasses
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from evae_tf.array_types import FloatArray

# Right half of the mean 68-point face: jaw 8..16, brow, nose, eye, lips from the middle.
_JAW = [
    *((0.0, 1.754), (0.272, 1.71), (0.509, 1.557), (0.72, 1.366), (0.89, 1.136)),
    *((0.996, 0.871), (1.051, 0.587), (1.09, 0.297), (1.11, 0.002)),
]
_JAW_DEPTH = [0.08, 0.02, -0.15, -0.36, -0.58, -0.78, -0.95, -1.05, -1.1]
_BROW = [(0.19, -0.256), (0.384, -0.327), (0.586, -0.355), (0.783, -0.32), (0.924, -0.196)]
_NOSE_BRIDGE = [(0.0, -0.029), (0.0, 0.166), (0.0, 0.36), (0.0, 0.558)]
_NOSE_BASE = [(0.0, 0.746), (0.117, 0.71), (0.225, 0.672)]
_EYE = [
    *((0.299, 0.028), (0.423, -0.065), (0.57, -0.069)),
    *((0.692, 0.0), (0.58, 0.052), (0.435, 0.055)),
]
_UPPER_LIP = [(0.0, 0.955), (0.114, 0.927), (0.275, 0.959), (0.435, 1.021)]
_LOWER_LIP = [(0.0, 1.257), (0.124, 1.244), (0.282, 1.177)]
_INNER_LIP = [(0.0, 1.033), (0.117, 1.02), (0.368, 1.031), (0.118, 1.102), (0.0, 1.116)]

Curves: TypeAlias = dict[str, FloatArray]
TOP = -1.8  # of the head, y
_MIRROR = np.asarray([-1, 1], np.float64)


@dataclasses.dataclass(frozen=True)
class Shape:
    """One face in the face frame. Lengths are in eye distances.

    Attributes:
      curves: dict of float [n, 2] (x, y): `jaw` 17, `left_brow` and `right_brow` 5 (upper edge,
        in the order of `ibug_68`), `nose_bridge` 4, `nose_base` 5, `left_eye` and `right_eye` 6,
        `outer_lip` 12, `inner_lip` 8, `pupils` 2.
      depth: depth of the face; 1 is the mean.
      nose: length of the nose in depth; 1 is the mean.
    """

    curves: Curves
    depth: float
    nose: float

    def surface(self, points: FloatArray) -> FloatArray:
        """The surface point at (x, y): float [..., 2] -> [..., 3].

        Each row of the head is half an ellipse from jaw to jaw, plus the relief of nose, lips and
        eye sockets.
        """
        x, y = points[..., 0], points[..., 1]
        half_width, back, front = self.row(y)
        across = np.sqrt(np.clip(1 - (x / half_width) ** 2, 0, 1))
        z = back + (front - back) * across
        return np.stack([x, y, z + self._relief(x, y)], axis=-1)

    def head(self, angle: FloatArray, y: FloatArray) -> FloatArray:
        """Points of the whole head: float [...] angles, 0 in front, and heights -> [..., 3].

        The front is `surface`. Behind the ears the rows continue as half ellipses that become
        flatter towards the chin, so that the head is closed below the jaw.
        """
        half_width, back, _ = self.row(y)
        points = self.surface(np.stack([half_width * np.sin(angle), y], axis=-1))
        depth = np.interp(y, [-0.3, 0.9], [1.25, 0.0]) * half_width
        behind = np.cos(angle) < 0
        points[..., 2] = np.where(behind, back + depth * np.cos(angle), points[..., 2])
        return points

    def half_width(self, y: FloatArray) -> FloatArray:
        """Half width of the head's rows at height y."""
        jaw = self.curves["jaw"][8:]
        below = np.interp(y, jaw[::-1, 1], jaw[::-1, 0])
        rise = np.clip(1 - np.abs(y / TOP) ** 2.8, 1e-4, 1) ** (1 / 2.4)
        return np.maximum(np.where(y > jaw[-1, 1], below, jaw[-1, 0] * rise), 0.02)

    def row(self, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Half width, depth at the jaw and depth at the middle of the rows at height y."""
        jaw, chin = self.curves["jaw"][8:], self.curves["jaw"][8, 1]
        back = np.interp(y, jaw[::-1, 1], self.depth * np.asarray(_JAW_DEPTH[::-1], np.float64))
        heights = [TOP, -1.6, -1.3, -0.8, -0.3, 0.0, 0.7, 1.0, 0.85 * chin, chin]
        profile = [-1.0, -0.55, -0.2, 0.06, 0.15, 0.1, 0.16, 0.2, 0.16, 0.08]
        return self.half_width(y), back, self.depth * np.interp(y, heights, profile)

    def _relief(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """The relief of nose, brow ridge, eye sockets, cheekbones, lips and chin."""
        c = self.curves
        tip, root = c["nose_bridge"][3, 1], c["nose_bridge"][0, 1]
        base, wing = c["nose_base"][2, 1], c["nose_base"][4, 0]
        ridge = np.interp(y, [root - 0.25, root, tip, base, base + 0.08], [0, 0.12, 0.42, 0.2, 0])
        width = np.interp(y, [root, tip, base], [0.1, 0.16, 0.2])
        z = ridge * np.exp(-((x / width) ** 2))
        side = np.abs(x)
        z = self.nose * (z + _bump(side - 0.85 * wing, y - base + 0.1, 0.09, 0.09, 0.13))
        for eye in (c["left_eye"], c["right_eye"]):
            centre_x, centre_y = eye.mean(axis=0)
            z = z - _bump(x - centre_x, y - centre_y, 0.27, 0.16, 0.13)
            z = z + _bump(x - centre_x, y - centre_y, 0.12, 0.08, 0.05)  # the eyeball
        mouth, lower = c["outer_lip"][[0, 6], 1].mean(), c["outer_lip"][9, 1]
        return (
            z
            + _bump(side - 0.45, y + 0.3, 0.35, 0.12, 0.05)
            + _bump(side - 0.72, y - 0.45, 0.28, 0.25, 0.06)
            + _bump(x, y - mouth, 0.4, 0.22, 0.1)
            - _bump(x, y - lower - 0.1, 0.25, 0.06, 0.05)
            + _bump(x, y - c["jaw"][8, 1] + 0.2, 0.28, 0.16, 0.07)
        )


def _bump(x: FloatArray, y: FloatArray, wide: float, high: float, tall: float) -> FloatArray:
    return tall * np.exp(-((x / wide) ** 2) - (y / high) ** 2)


def _both(half: ArrayLike) -> FloatArray:
    """Completes a curve, given from its middle to the right end, by its mirror image."""
    half = np.asarray(half, np.float64)
    return np.concatenate([half[:0:-1] * _MIRROR, half])


def _mean_curves() -> Curves:
    eye, brow = np.asarray(_EYE, np.float64), np.asarray(_BROW, np.float64)
    upper, lower = _both(_UPPER_LIP), _both(_LOWER_LIP)
    inner_top, inner_bottom = _both(_INNER_LIP[:3]), _both(_INNER_LIP[:2:-1])
    return {
        "jaw": _both(_JAW),
        "left_brow": (brow * _MIRROR)[::-1],
        "right_brow": brow,
        "nose_bridge": np.asarray(_NOSE_BRIDGE, np.float64),
        "nose_base": _both(_NOSE_BASE),
        "left_eye": (eye * _MIRROR)[[3, 2, 1, 0, 5, 4]],
        "right_eye": eye,
        "outer_lip": np.concatenate([upper, lower[::-1]]),
        "inner_lip": np.concatenate([inner_top, inner_bottom[::-1]]),
        "pupils": np.asarray([(-0.5, 0.0), (0.5, 0.0)], np.float64),
    }


_MEAN = _mean_curves()


def mean_shape() -> Shape:
    """The mean face, with a slightly open mouth."""
    return Shape({name: points.copy() for name, points in _MEAN.items()}, depth=1.0, nose=1.0)


def sample_shape(rng: np.random.Generator) -> Shape:
    """A random `Shape`: identity and expression."""

    def normal(deviation: float) -> float:
        return rng.normal(0, deviation)

    curves = {name: points.copy() for name, points in _MEAN.items()}
    curves["pupils"] = curves["pupils"] + rng.normal(0, [0.045, 0.012])  # where they look
    _open_eyes(curves, np.clip(rng.normal(1.0, 0.3), 0.1, 1.8), normal(0.08), normal(0.04))
    both_raised = normal(0.06)
    for side in ("left_brow", "right_brow"):
        curves[side] = curves[side] * [1 + normal(0.04), 1] + [0, both_raised + normal(0.058)]
    length, wide = 1 + normal(0.08), 1 + normal(0.14)
    for name in ("nose_bridge", "nose_base"):
        curves[name] = curves[name] * [wide, length]
    _move_mouth(curves, rng)
    shift = curves["nose_base"][2, 1] - _MEAN["nose_base"][2, 1]
    for name in ("outer_lip", "inner_lip"):
        curves[name][:, 1] += shift
    lower = curves["outer_lip"][9, 1] - _MEAN["outer_lip"][9, 1]
    jaw = curves["jaw"]
    weight = np.clip(jaw[:, 1:] / 1.754, 0, 1)
    squareness = normal(0.06) * np.sin(np.pi * weight[:, 0])
    jaw[:, 0] *= (1.04 + normal(0.05)) * (1 + squareness)
    jaw[:, 1:] += weight * (0.75 * lower + normal(0.09))
    return Shape(curves, depth=1 + normal(0.08), nose=1 + normal(0.18))


def _open_eyes(curves: Curves, opening: float, size: float, tilt: float) -> None:
    for name, sign in (("left_eye", -1), ("right_eye", 1)):
        centre = curves[name].mean(axis=0)
        offset = (curves[name] - centre) * [1 + size, (1 + size) * opening]
        offset[:, 1] += sign * tilt * offset[:, 0]
        curves[name] = centre + offset


def _move_mouth(curves: Curves, rng: np.random.Generator) -> None:
    """Applies random opening, smile, pursing and lip thickness."""
    opening = max(0.0, rng.normal(0.05, 0.2)) if rng.random() < 0.65 else 0.0
    smile, width = rng.normal(0.0, 0.07), 1 + rng.normal(0, 0.1)
    thick = 0.82 * (1 + rng.normal(0, 0.22))
    seam = _MEAN["inner_lip"][:, 1].mean()
    for name in ("outer_lip", "inner_lip"):
        lips = curves[name]
        if name == "outer_lip":
            lips[:, 1] = seam + (lips[:, 1] - seam) * thick
        else:
            # The mean mouth is slightly open; most mouths are closed.
            lips[:, 1] = seam + (lips[:, 1] - seam) * 0.15
        sideways = np.abs(lips[:, 0]) / 0.435
        is_lower = np.arange(len(lips)) > len(lips) // 2
        lips[:, 1] += is_lower * opening * np.sqrt(np.clip(1 - (0.95 * sideways) ** 2, 0, 1))
        lips[:, 0] *= width + smile - 0.15 * opening
        lips[:, 1] += 0.35 * opening * sideways**2 - smile * sideways**2
