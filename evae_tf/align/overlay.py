"""Draws landmarks on images."""

import math
from collections.abc import Collection, Iterable

import cv2
import numpy as np

from evae_tf import geometry
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.evaluation.calibration import ellipse_radius
from evae_tf.markups import Markup

DRAWINGS = ("points", "ellipses", "ids", "box", "numbers")
_RADIUS = ellipse_radius(0.9)  # standard deviations
_DOT_RGB, _LINE_RGB = (240, 228, 66), (255, 255, 255)
_ELLIPSE_RGB, _BOX_RGB, _TEXT_RGB = (86, 180, 233), (0, 158, 115), (255, 255, 255)
_SHADOW_RGB = (0, 0, 0)
_LEAST_TEXT = 0.4  # OpenCV font scale: digits of nine pixels
_FULL_LINES_PX = 120  # size of a face whose lines are one pixel wide; smaller ones are fainter
_LEAST_RADIUS_PX = 0.6  # of a dot; a smaller dot is one pixel
_SHIFT = 4  # OpenCV takes coordinates in units of 2 ** -shift pixels


def draw_faces(
    image: ByteArray, faces: Iterable[AlignedFace], drawings: Collection[str]
) -> ByteArray:
    """Draws faces on a copy of an image.

    Args:
      image: uint8 [H, W, 3], RGB.
      faces: list of `AlignedFace`.
      drawings: a subset of `DRAWINGS`. An ellipse is the 90 % confidence region; faces without
        covariance have none. `ids` are identities in a video, and the order of faces in a photo;
        `numbers` are point indices.

    Returns:
      uint8 [H, W, 3].
    """
    image = image.copy()
    for index, face in enumerate(faces):
        side = geometry.square_around(geometry.landmark_box(face.landmarks), 0.0)[2]
        thickness = max(1, round(float(side) / 250))
        if "box" in drawings:
            left, top, right, bottom = np.rint(face.box).astype(int).tolist()
            cv2.rectangle(image, (left, top), (right, bottom), _BOX_RGB, thickness, cv2.LINE_AA)
        if "points" in drawings:
            _draw_landmarks(image, face.landmarks, face.markup)
        if "ellipses" in drawings and face.covariance is not None:
            known = geometry.annotated(face.landmarks)
            _draw_ellipses(image, face.landmarks[known], face.covariance[known], thickness)
        if "ids" in drawings:
            identity = index if face.identity is None else face.identity
            scale = max(_LEAST_TEXT, float(side) / 150)
            _draw_text(image, str(identity), face.box[:2], scale, max(1, round(scale * 1.5)))
        if "numbers" in drawings:
            for point in np.flatnonzero(geometry.annotated(face.landmarks)).tolist():
                _draw_text(image, str(point), face.landmarks[point], 0.3 * thickness, 1)
    return image


def _draw_text(
    image: ByteArray, text: str, place: FloatArray, scale: float, thickness: int
) -> None:
    """Draws outlined text above and to the right of `place`."""
    x, y = np.rint(place).astype(int).tolist()
    for colour, width in ((_SHADOW_RGB, thickness + 2), (_TEXT_RGB, thickness)):
        cv2.putText(
            image, text, (x + 2, y - 2), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, width, cv2.LINE_AA
        )


def _draw_ellipses(
    image: ByteArray, landmarks: FloatArray, covariance: FloatArray, thickness: int
) -> None:
    variances, vectors = np.linalg.eigh(covariance)
    radii = _RADIUS * np.sqrt(np.maximum(variances, 0))
    angles = np.degrees(np.arctan2(vectors[:, 1, 1], vectors[:, 0, 1]))
    for centre, (minor, major), angle in zip(landmarks, radii, angles, strict=True):
        x, y, a, b = np.rint(np.array([*centre, major, minor]) * 2**_SHIFT).astype(int).tolist()
        cv2.ellipse(
            image, (x, y), (a, b), float(angle), 0, 360, _ELLIPSE_RGB, thickness, cv2.LINE_AA,
            _SHIFT,
        )  # fmt: skip


def draw_landmarks(image: ByteArray, landmarks_image: FloatArray, markup: Markup) -> ByteArray:
    """Draws landmarks on a copy of an image, to 1/16 of a pixel.

    Widths scale with the face. Lines thinner than a pixel are drawn fainter, and points smaller
    than a pixel as one pixel.

    Args:
      image: uint8 [H, W, 3], RGB; not modified.
      landmarks_image: float [K, 2], image pixels; points outside the image or NaN are left out.
      markup: the landmarks' `Markup`.

    Returns:
      uint8 [H, W, 3].
    """
    image = image.copy()
    _draw_landmarks(image, landmarks_image, markup)
    return image


def _draw_landmarks(image: ByteArray, landmarks_image: FloatArray, markup: Markup) -> None:
    known = geometry.annotated(landmarks_image)
    if not known.any():
        return
    extent = float(np.ptp(landmarks_image[known], axis=0).max())
    radius = extent / 120
    points = {
        int(index): np.rint(landmarks_image[index] * 2**_SHIFT).astype(int).tolist()
        for index in np.flatnonzero(known)
    }
    # Lines are drawn on a copy and blended: OpenCV cannot draw lines thinner than a pixel.
    left, top, right, bottom = _part(image, landmarks_image[known], margin=math.ceil(radius) + 2)
    part = image[top:bottom, left:right]
    lines = part.copy()
    origin = np.array([left, top]) * 2**_SHIFT
    for i, j in markup.outline:
        if i in points and j in points:
            start, end = ((np.array(points[each]) - origin).tolist() for each in (i, j))
            thickness = max(1, round(radius / 2))
            cv2.line(lines, start, end, _LINE_RGB, thickness, cv2.LINE_AA, _SHIFT)
    strength = min(1.0, extent / _FULL_LINES_PX)
    if part.size:
        image[top:bottom, left:right] = cv2.addWeighted(lines, strength, part, 1 - strength, 0)
    for point in points.values():
        if radius < _LEAST_RADIUS_PX:
            _set_pixel(image, point)
        else:
            size = round(max(1.0, radius) * 2**_SHIFT)
            cv2.circle(image, point, size, _DOT_RGB, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _part(image: ByteArray, points: FloatArray, margin: int) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the part of an image around the points."""
    height, width = image.shape[:2]
    low = np.clip(np.floor(points.min(axis=0)) - margin, 0, (width, height)).astype(int)
    high = np.clip(np.ceil(points.max(axis=0)) + margin + 1, 0, (width, height)).astype(int)
    return *low.tolist(), *high.tolist()


def _set_pixel(image: ByteArray, point: list[int]) -> None:
    x, y = (round(coordinate / 2**_SHIFT) for coordinate in point)
    if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
        image[y, x] = _DOT_RGB
