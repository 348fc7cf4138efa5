"""Landmarks drawn onto the photo."""

import math
from collections.abc import Collection, Iterable

import cv2
import numpy as np

from evae_tf import geometry
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.markups import Markup

DRAWINGS = ("points", "ellipses", "ids", "box")
_RADIUS = math.sqrt(-2 * math.log(1 - 0.9))  # of the ellipse that holds nine of ten, in deviations
_DOT_RGB, _LINE_RGB = (240, 228, 66), (255, 255, 255)
_ELLIPSE_RGB, _BOX_RGB, _TEXT_RGB = (86, 180, 233), (0, 158, 115), (255, 255, 255)
_SHIFT = 4  # OpenCV takes coordinates in units of 2 ** -shift pixels


def draw_faces(
    image: ByteArray, faces: Iterable[AlignedFace], drawings: Collection[str]
) -> ByteArray:
    """A copy of a photo with its faces on it.

    Args:
      image: uint8 [H, W, 3], RGB.
      faces: list of `AlignedFace`.
      drawings: some of `DRAWINGS`. An ellipse holds the truth in nine of ten cases; faces without
        covariance have none.

    Returns:
      uint8 [H, W, 3].
    """
    image = image.copy()
    for face in faces:
        side = geometry.square_around(geometry.landmark_box(face.landmarks), 0.0)[2]
        thickness = max(1, round(float(side) / 250))
        if "box" in drawings:
            left, top, right, bottom = np.rint(face.box).astype(int).tolist()
            cv2.rectangle(image, (left, top), (right, bottom), _BOX_RGB, thickness, cv2.LINE_AA)
        if "points" in drawings:
            image = draw_landmarks(image, face.landmarks, face.markup)
        if "ellipses" in drawings and face.covariance is not None:
            known = geometry.annotated(face.landmarks)
            _draw_ellipses(image, face.landmarks[known], face.covariance[known], thickness)
        if "ids" in drawings:
            scale = 0.3 * thickness
            for index in np.flatnonzero(geometry.annotated(face.landmarks)).tolist():
                x, y = np.rint(face.landmarks[index]).astype(int).tolist()
                cv2.putText(
                    image, str(index), (x + 2, y - 2), cv2.FONT_HERSHEY_SIMPLEX, scale, _TEXT_RGB,
                    1, cv2.LINE_AA,
                )  # fmt: skip
    return image


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
    """A photo with landmarks drawn on it, placed to 1/16 of a pixel.

    Args:
      image: uint8 [H, W, 3], RGB; it is left as it is.
      landmarks_image: float [K, 2], image pixels; what lies outside the image is not seen,
        what is NaN is left out.
      markup: the landmarks' `Markup`.

    Returns:
      uint8 [H, W, 3].
    """
    image, known = image.copy(), geometry.annotated(landmarks_image)
    extent = np.ptp(landmarks_image[known], axis=0).max() if known.any() else 0
    radius = max(1.0, extent / 120)
    points = {
        int(index): np.rint(landmarks_image[index] * 2**_SHIFT).astype(int).tolist()
        for index in np.flatnonzero(known)
    }
    thickness = max(1, round(radius / 2))
    for i, j in markup.outline:
        if i in points and j in points:
            cv2.line(image, points[i], points[j], _LINE_RGB, thickness, cv2.LINE_AA, _SHIFT)
    for point in points.values():
        size = round(radius * 2**_SHIFT)
        cv2.circle(image, point, size, _DOT_RGB, cv2.FILLED, cv2.LINE_AA, _SHIFT)
    return image
