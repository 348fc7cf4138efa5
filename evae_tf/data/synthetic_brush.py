"""Brushes: polygons, lines and soft shadows at fractions of a pixel, on float images."""

import cv2
import numpy as np

SHIFT = 4  # OpenCV takes coordinates in units of 2 ** -SHIFT pixels


def fill_polygon(image, points, color):
    """A polygon [n, 2] with smooth edges, on the image itself."""
    points = np.rint(np.asarray(points) * 2**SHIFT).astype(np.int32)
    cv2.fillPoly(image, [points], tuple(map(float, color)), cv2.LINE_AA, SHIFT)


def draw_line(image, points, color, width, closed=False):
    """A line through points [n, 2], `width` pixels wide, on the image itself."""
    points = np.rint(np.asarray(points) * 2**SHIFT).astype(np.int32)
    thickness = max(1, round(width))
    cv2.polylines(image, [points], closed, tuple(map(float, color)), thickness, cv2.LINE_AA, SHIFT)


def window_around(image, points, margin):
    """The part of the image around a polygon, as a view, and the polygon's place in it."""
    height, width = image.shape[:2]
    points = np.asarray(points)
    low = np.clip(np.floor(points.min(axis=0) - margin).astype(int), 0, (width - 1, height - 1))
    high = np.clip(np.ceil(points.max(axis=0) + margin).astype(int) + 1, low + 1, (width, height))
    return image[low[1] : high[1], low[0] : high[0]], points - low


def fill_softly(image, points, color, strength, blur_px):
    """A polygon with soft edges, mixed in."""
    size = 2 * round(blur_px) + 1
    window, points = window_around(image, points, size)
    mask = np.zeros(window.shape[:2], np.float32)
    fill_polygon(mask, points, (strength,))
    mask = cv2.GaussianBlur(mask, (size, size), 0)[..., None]
    window += mask * (np.float32(color) - window)


def ellipse(centre, radii, count=16):
    """`count` points [count, 2] of an ellipse."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return centre + np.stack([np.cos(angle), np.sin(angle)], axis=1) * radii
