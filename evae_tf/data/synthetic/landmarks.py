"""The points of each markup on the parametric face."""

from collections.abc import Callable

import numpy as np

from evae_tf.array_types import FloatArray
from evae_tf.data.synthetic.shape import Curves, Shape

_IBUG_CURVES = (
    *("jaw", "left_brow", "right_brow", "nose_bridge", "nose_base"),
    *("left_eye", "right_eye", "outer_lip", "inner_lip"),
)


def along(curve: FloatArray, count: int) -> FloatArray:
    """Resamples a curve [n, 2] at `count` points, evenly by index."""
    places = np.linspace(0, len(curve) - 1, count)
    return np.stack([np.interp(places, range(len(curve)), axis) for axis in curve.T], axis=1)


def _lid(curve: FloatArray, count: int) -> FloatArray:
    """Samples a lid, the cubic through its four points, at `count` points."""
    (x0, _), (x1, _) = curve[0], curve[-1]
    coefficients = np.linalg.solve(np.vander(curve[:, 0] - x0), curve[:, 1])
    x = np.linspace(x0, x1, count)
    return np.stack([x, np.polyval(coefficients, x - x0)], axis=1)


def eye_contour(eye: FloatArray, count: int) -> FloatArray:
    """A closed eye contour of 2 * count - 2 points from the 6 of `ibug_68`: upper lid first."""
    upper, lower = _lid(eye[:4], count), _lid(eye[[3, 4, 5, 0]], count)
    return np.concatenate([upper, lower[1:-1]])


def lower_brow(brow: FloatArray) -> FloatArray:
    """The lower edge of a brow from its upper edge, both [5, 2], thinner at the ends."""
    return brow + np.asarray([0.04, 0.1, 0.12, 0.1, 0.04], np.float64)[:, None] * [0, 1]


def markup_points(shape: Shape, markup_name: str) -> FloatArray:
    """The landmarks (x, y) of one of `markups.MARKUPS` on a `Shape`: float [K, 2]."""
    return LAYOUTS[markup_name](shape.curves)


def _ibug_68(curves: Curves) -> FloatArray:
    return np.concatenate([curves[name] for name in _IBUG_CURVES])


def _mtfl_5(curves: Curves) -> FloatArray:
    ibug = _ibug_68(curves)
    return np.stack([ibug[36:42].mean(axis=0), ibug[42:48].mean(axis=0), *ibug[[30, 48, 54]]])


def _wflw_98(curves: Curves) -> FloatArray:
    ibug, left, right = _ibug_68(curves), curves["left_brow"], curves["right_brow"]
    eyes = [eye_contour(curves[name], 5) for name in ("left_eye", "right_eye")]
    brows = [left, lower_brow(left)[:0:-1], right, lower_brow(right)[-2::-1]]
    rest = [ibug[27:36], *eyes, ibug[48:68], curves["pupils"]]
    return np.concatenate([along(curves["jaw"], 33), *brows, *rest])


def _aflw_19(curves: Curves) -> FloatArray:
    ibug = _ibug_68(curves)
    left_eye, right_eye = ibug[36:42].mean(axis=0), ibug[42:48].mean(axis=0)
    mouth = (ibug[51] + ibug[57]) / 2
    return np.stack(
        [*ibug[[17, 19, 21, 22, 24, 26, 36]], left_eye, *ibug[[39, 42]], right_eye, ibug[45]]
        + [*ibug[[31, 30, 35, 48]], mouth, ibug[54], ibug[8]]
    )


def _cofw_29(curves: Curves) -> FloatArray:
    ibug = _ibug_68(curves)
    left, right = (eye_contour(curves[name], 5)[[2, 6]] for name in ("left_eye", "right_eye"))
    left_low, right_low = (lower_brow(curves[name])[2] for name in ("left_brow", "right_brow"))
    return np.stack(
        [*ibug[[17, 26, 21, 22, 19]], left_low, ibug[24], right_low, *ibug[[36, 45, 39, 42]]]
        + [*left, *right, *curves["pupils"], *ibug[[31, 35, 30, 33, 48, 54, 51, 62, 66, 57, 8]]]
    )


LAYOUTS: dict[str, Callable[[Curves], FloatArray]] = {
    "mtfl_5": _mtfl_5,
    "aflw_19": _aflw_19,
    "cofw_29": _cofw_29,
    "ibug_68": _ibug_68,
    "wflw_98": _wflw_98,
}
