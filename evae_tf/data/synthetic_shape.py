"""The parametric 3-D face behind the drawn ones: its surface, its landmarks, how it moves.

Face frame: x to the viewer's right, y down, z towards the viewer; the eyes are 1 apart, (0, 0)
lies between them. The mean layout of the points is that of the near-frontal faces of 300-W's
training part, averaged with their mirror images; widths and motions cover what was seen there.
"""

import dataclasses

import numpy as np

# One half of the mean 68-point face: jaw 8..16, right brow, nose, right eye, lips from the middle.
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

TOP = -1.8  # of the head, y
_MIRROR = np.float64([-1, 1])


@dataclasses.dataclass(frozen=True)
class Shape:
    """One face, before it is turned. Lengths in eye distances.

    Attributes:
      curves: dict of float [n, 2] (x, y): `jaw` 17, `left_brow` and `right_brow` 5 (upper edge,
        outer or inner end first as 68 points have them), `nose_bridge` 4, `nose_base` 5,
        `left_eye` and `right_eye` 6, `outer_lip` 12, `inner_lip` 8, `pupils` 2.
      depth: how far the face is from flat; 1 is the mean.
      nose: how far the nose stands out of the face.
    """

    curves: dict
    depth: float
    nose: float

    def surface(self, points):
        """The point of the face over (x, y): float [..., 2] -> [..., 3].

        Each row of the head is half an ellipse from jaw to jaw; nose, lips and eye sockets are
        added to it.
        """
        x, y = points[..., 0], points[..., 1]
        half_width, back, front = self.row(y)
        across = np.sqrt(np.clip(1 - (x / half_width) ** 2, 0, 1))
        z = back + (front - back) * across
        return np.stack([x, y, z + self._relief(x, y)], axis=-1)

    def row(self, y):
        """Half width, depth of the jaw's side and depth of the middle of the rows at height y."""
        jaw = self.curves["jaw"][8:]
        chin = jaw[0, 1]
        below = np.interp(y, jaw[::-1, 1], jaw[::-1, 0])
        rise = np.clip(1 - np.abs(y / TOP) ** 2.8, 1e-4, 1) ** (1 / 2.4)
        half_width = np.where(y > jaw[-1, 1], below, jaw[-1, 0] * rise)
        half_width = np.maximum(half_width, 0.02)
        back = np.interp(y, jaw[::-1, 1], self.depth * np.float64(_JAW_DEPTH[::-1]))
        heights = [TOP, -1.6, -1.3, -0.8, -0.3, 0.0, 0.7, 1.0, 0.85 * chin, chin]
        profile = [-1.0, -0.55, -0.2, 0.06, 0.15, 0.1, 0.16, 0.2, 0.16, 0.08]
        return half_width, back, self.depth * np.interp(y, heights, profile)

    def _relief(self, x, y):
        tip, root = self.curves["nose_bridge"][3, 1], self.curves["nose_bridge"][0, 1]
        base = self.curves["nose_base"][2, 1]
        ridge = np.interp(y, [root - 0.25, root, tip, base, base + 0.08], [0, 0.12, 0.42, 0.2, 0])
        width = np.interp(y, [root, tip, base], [0.1, 0.16, 0.2])
        z = self.nose * ridge * np.exp(-((x / width) ** 2))
        for pupil in self.curves["pupils"]:
            z = z - 0.1 * np.exp(-(((x - pupil[0]) / 0.25) ** 2) - ((y - pupil[1]) / 0.14) ** 2)
        lips = self.curves["outer_lip"].mean(axis=0)
        return z + 0.1 * np.exp(-((x / 0.4) ** 2) - ((y - lips[1]) / 0.22) ** 2)


def _both(half):
    """A curve given from its middle to the right end, mirrored: from the left end to the right."""
    half = np.float64(half)
    return np.concatenate([half[:0:-1] * _MIRROR, half])


def _mean_curves():
    eye, brow = np.float64(_EYE), np.float64(_BROW)
    upper, lower = _both(_UPPER_LIP), _both(_LOWER_LIP)
    inner_top, inner_bottom = _both(_INNER_LIP[:3]), _both(_INNER_LIP[:2:-1])
    return {
        "jaw": _both(_JAW),
        "left_brow": (brow * _MIRROR)[::-1],
        "right_brow": brow,
        "nose_bridge": np.float64(_NOSE_BRIDGE),
        "nose_base": _both(_NOSE_BASE),
        "left_eye": (eye * _MIRROR)[[3, 2, 1, 0, 5, 4]],
        "right_eye": eye,
        "outer_lip": np.concatenate([upper, lower[::-1]]),
        "inner_lip": np.concatenate([inner_top, inner_bottom[::-1]]),
        "pupils": np.float64([(-0.5, 0.0), (0.5, 0.0)]),
    }


_MEAN = _mean_curves()


def sample_shape(rng):
    """A random `Shape`: who it is, and what the face is doing."""

    def normal(deviation):
        return rng.normal(0, deviation)

    curves = {name: points.copy() for name, points in _MEAN.items()}
    _open_eyes(curves, np.clip(rng.normal(1.0, 0.3), 0.1, 1.8), normal(0.08), normal(0.04))
    for side, raised in (("left_brow", normal(0.05)), ("right_brow", normal(0.05))):
        curves[side] = curves[side] * [1 + normal(0.04), 1] + [0, raised + normal(0.03)]
    both_raised = normal(0.06)
    curves["left_brow"][:, 1] += both_raised
    curves["right_brow"][:, 1] += both_raised
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
    squareness = normal(0.05) * np.sin(np.pi * weight[:, 0])
    jaw[:, 0] *= (1 + normal(0.05)) * (1 + squareness)
    jaw[:, 1:] += weight * (0.75 * lower + normal(0.09))
    return Shape(curves, depth=1 + normal(0.08), nose=1 + normal(0.18))


def _open_eyes(curves, opening, size, tilt):
    for name, pupil, sign in (("left_eye", 0, -1), ("right_eye", 1, 1)):
        centre = curves["pupils"][pupil]
        offset = (curves[name] - centre) * [1 + size, (1 + size) * opening]
        offset[:, 1] += sign * tilt * offset[:, 0]
        curves[name] = centre + offset


def _move_mouth(curves, rng):
    """Opening, smiling, pursing, and lips of many widths."""
    opening = max(0.0, rng.normal(-0.05, 0.22)) if rng.random() < 0.6 else 0.0
    smile, width = rng.normal(0.02, 0.06), 1 + rng.normal(0, 0.1)
    thick = 1 + rng.normal(0, 0.25)
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
        lips[:, 0] *= width + 0.6 * smile - 0.15 * opening
        lips[:, 1] += 0.35 * opening * sideways**2 - smile * sideways**2


def along(curve, count):
    """A curve [n, 2] sampled anew at `count` points, evenly by index."""
    places = np.linspace(0, len(curve) - 1, count)
    return np.stack([np.interp(places, range(len(curve)), axis) for axis in curve.T], axis=1)


def _lid(curve, count):
    """A lid as the cubic through its four points, from corner to corner, at `count` points."""
    (x0, _), (x1, _) = curve[0], curve[-1]
    coefficients = np.polyfit(curve[:, 0] - x0, curve[:, 1], 3)
    x = np.linspace(x0, x1, count)
    return np.stack([x, np.polyval(coefficients, x - x0)], axis=1)


def eye_contour(eye, count):
    """A closed eye contour of 2 * count - 2 points from the 6 of `ibug_68`: upper lid first."""
    upper, lower = _lid(eye[:4], count), _lid(eye[[3, 4, 5, 0]], count)
    return np.concatenate([upper, lower[1:-1]])


def lower_brow(brow):
    """The lower edge of a brow from its upper edge, both [5, 2], thinner at the ends."""
    return brow + np.float64([0.04, 0.1, 0.12, 0.1, 0.04])[:, None] * [0, 1]


def markup_points(shape, markup_name):
    """The landmarks (x, y) of a markup on a shape: float [K, 2]."""
    c = shape.curves
    ibug = [
        *("jaw", "left_brow", "right_brow", "nose_bridge", "nose_base"),
        *("left_eye", "right_eye", "outer_lip", "inner_lip"),
    ]
    all_68 = np.concatenate([c[name] for name in ibug])
    left_8, right_8 = eye_contour(c["left_eye"], 5), eye_contour(c["right_eye"], 5)
    if markup_name == "ibug_68":
        return all_68
    if markup_name == "mtfl_5":
        return np.stack([*c["pupils"], all_68[30], all_68[48], all_68[54]])
    if markup_name == "wflw_98":
        left, right = c["left_brow"], c["right_brow"]
        brows = [left, lower_brow(left)[:0:-1], right, lower_brow(right)[-2::-1]]
        rest = [all_68[27:36], left_8, right_8, all_68[48:68], c["pupils"]]
        return np.concatenate([along(c["jaw"], 33), *brows, *rest])
    mouth = (all_68[51] + all_68[57]) / 2
    if markup_name == "aflw_19":
        brows = all_68[[17, 19, 21, 22, 24, 26]]
        eyes = [all_68[36], c["pupils"][0], all_68[39], all_68[42], c["pupils"][1], all_68[45]]
        return np.stack(
            [*brows, *eyes, all_68[31], all_68[30], all_68[35], all_68[48], mouth]
            + [all_68[54], all_68[8]]
        )
    left_low, right_low = lower_brow(c["left_brow"])[2], lower_brow(c["right_brow"])[2]
    return np.stack(
        [all_68[17], all_68[26], all_68[21], all_68[22], all_68[19], left_low, all_68[24]]
        + [right_low, all_68[36], all_68[45], all_68[39], all_68[42]]
        + [left_8[2], left_8[6], right_8[2], right_8[6], *c["pupils"]]
        + [all_68[31], all_68[35], all_68[30], all_68[33], all_68[48], all_68[54]]
        + [all_68[51], all_68[62], all_68[66], all_68[57], all_68[8]]
    )
