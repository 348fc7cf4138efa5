"""Drawing on float images: polygons, lines and soft shadows with subpixel precision."""

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from evae_tf.array_types import ByteArray, FloatArray

IntArray: TypeAlias = npt.NDArray[np.int32]
_SHIFT = 4  # OpenCV takes coordinates in units of 2 ** -_SHIFT pixels
_TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


def fill(
    image: FloatArray,
    points: ArrayLike,
    color: ArrayLike,
    strength: float = 1.0,
    blur_px: float = 0.0,
) -> None:
    """Blends a filled polygon into the image, in place.

    Args:
      image: float32 [3, H, W]; channels first, because blending is several times faster.
      points: float [n, 2], (x, y), pixels.
      color: three numbers.
      strength: opacity, 0 to 1.
      blur_px: approximate standard deviation of the soft edge.
    """
    points = _fixed(points)
    window, corner = _window(image, points, 2 + 2 * blur_px)
    mask = np.zeros(window.shape[1:], np.uint8)
    cv2.fillPoly(mask, [points - corner], 255, cv2.LINE_AA, _SHIFT)
    _mix(window, mask, color, strength, blur_px)


def stroke(
    image: FloatArray,
    lines: ArrayLike,
    color: ArrayLike,
    width: float,
    strength: float = 1.0,
    blur_px: float = 0.0,
) -> None:
    """Blends open lines, float [count, n, 2], `width` pixels wide, into the image; see `fill`."""
    lines = _fixed(lines)
    window, corner = _window(image, lines.reshape(-1, 2), 2 + width + 2 * blur_px)
    mask = np.zeros(window.shape[1:], np.uint8)
    # OpenCV's lines are at least one pixel wide; thinner ones are drawn fainter.
    strength *= min(1.0, width)
    thickness = max(1, round(width))
    cv2.polylines(mask, list(lines - corner), False, 255, thickness, cv2.LINE_AA, _SHIFT)
    _mix(window, mask, color, strength, blur_px)


def ellipse(centre: ArrayLike, radii: ArrayLike) -> FloatArray:
    """20 points [20, 2] of an ellipse, clockwise from its right end."""
    return np.asarray(centre) + _CIRCLE * np.asarray(radii)


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> FloatArray:
    """Smooth noise, float32, with standard deviation about 1 and `cells` (rows, columns) bumps."""
    coarse = rng.standard_normal(cells, np.float32)
    smooth = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.float32)


def _fixed(points: ArrayLike) -> IntArray:
    return np.rint(np.multiply(points, 2**_SHIFT)).astype(np.int32)


def _window(image: FloatArray, fixed: IntArray, margin: float) -> tuple[FloatArray, IntArray]:
    """A view of the image around the points, and its corner in fixed-point units."""
    x, y, width, height = cv2.boundingRect(fixed)
    rows, columns = (
        slice(
            max(0, min((start >> _SHIFT) - int(margin), size - 1)),
            max(1, min((start + length >> _SHIFT) + int(margin) + 2, size)),
        )
        for start, length, size in ((y, height, image.shape[1]), (x, width, image.shape[2]))
    )
    return image[:, rows, columns], np.asarray([columns.start, rows.start], np.int32) << _SHIFT


def _mix(
    window: FloatArray, mask: ByteArray, color: ArrayLike, strength: float, blur_px: float
) -> None:
    if blur_px:
        reach = 2 * round(1.5 * blur_px) + 1
        mask = np.asarray(cv2.stackBlur(mask, (reach, reach)), np.uint8)
    color = np.asarray(color, np.float32)[:, None, None]
    window += mask * np.float32(strength / 255) * (color - window)
