"""Brushes: polygons, lines and soft shadows, at fractions of a pixel, on float images."""

import cv2
import numpy as np

_SHIFT = 4  # OpenCV takes coordinates in units of 2 ** -_SHIFT pixels
_TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


def fill(image, points, color, strength=1.0, blur_px=0.0):
    """Mixes a filled polygon into the image itself.

    Args:
      image: float32 [3, H, W]; a plane for each colour, as it is mixed several times faster so.
      points: float [n, 2], (x, y), pixels.
      color: what is mixed in, three numbers.
      strength: from 0, nothing, to 1, opaque.
      blur_px: about the standard deviation of its soft edge.
    """
    points = _fixed(points)
    window, corner = _window(image, points, 2 + 2 * blur_px)
    mask = np.zeros(window.shape[1:], np.uint8)
    cv2.fillPoly(mask, [points - corner], 255, cv2.LINE_AA, _SHIFT)
    _mix(window, mask, color, strength, blur_px)


def stroke(image, lines, color, width, strength=1.0, blur_px=0.0):
    """Mixes open lines, float [count, n, 2], `width` pixels wide, in; else as `fill`."""
    lines = _fixed(lines)
    window, corner = _window(image, lines.reshape(-1, 2), 2 + width + 2 * blur_px)
    mask = np.zeros(window.shape[1:], np.uint8)
    # OpenCV's lines are whole pixels wide: a thinner one is drawn paler.
    strength *= min(1.0, width)
    thickness = max(1, round(width))
    cv2.polylines(mask, list(lines - corner), False, 255, thickness, cv2.LINE_AA, _SHIFT)
    _mix(window, mask, color, strength, blur_px)


def ellipse(centre, radii):
    """20 points [20, 2] of an ellipse, counted clockwise from its right end."""
    return centre + _CIRCLE * radii


def noise(rng, shape, cells):
    """Smooth noise of standard deviation about one, `cells` (rows, columns) bumps: float32."""
    coarse = rng.standard_normal(cells, np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR)


def _fixed(points):
    return np.rint(np.multiply(points, 2**_SHIFT)).astype(np.int32)


def _window(image, fixed, margin):
    """The part of the image around the points, as a view, and its corner in fixed units."""
    x, y, width, height = cv2.boundingRect(fixed)
    rows, columns = (
        slice(
            max(0, min((start >> _SHIFT) - int(margin), size - 1)),
            max(1, min((start + length >> _SHIFT) + int(margin) + 2, size)),
        )
        for start, length, size in ((y, height, image.shape[1]), (x, width, image.shape[2]))
    )
    return image[:, rows, columns], np.int32([columns.start, rows.start]) << _SHIFT


def _mix(window, mask, color, strength, blur_px):
    if blur_px:
        reach = 2 * round(1.5 * blur_px) + 1
        mask = cv2.stackBlur(mask, (reach, reach))
    color = np.float32(color)[:, None, None]
    window += mask * np.float32(strength / 255) * (color - window)
