"""Landmarks drawn onto the photo."""

from collections.abc import Collection, Iterable

import cv2
import numpy as np

from evae_tf.align.aligned_face import AlignedFace
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.evaluation import calibration, figures

DRAWINGS = ("points", "ellipses", "ids", "box")
_LEVEL = 0.9
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
        thickness = max(1, round(float(np.ptp(face.landmarks, axis=0).max()) / 250))
        if "box" in drawings:
            left, top, right, bottom = np.rint(face.box).astype(int).tolist()
            cv2.rectangle(image, (left, top), (right, bottom), _BOX_RGB, thickness, cv2.LINE_AA)
        if "points" in drawings:
            image = figures.draw_landmarks(image, face.landmarks, face.markup)
        if "ellipses" in drawings and face.covariance is not None:
            _draw_ellipses(image, face.landmarks, face.covariance, thickness)
        if "ids" in drawings:
            for index, (x, y) in enumerate(np.rint(face.landmarks).astype(int).tolist()):
                scale = 0.3 * thickness
                cv2.putText(
                    image, str(index), (x + 2, y - 2), cv2.FONT_HERSHEY_SIMPLEX, scale, _TEXT_RGB,
                    1, cv2.LINE_AA,
                )  # fmt: skip
    return image


def _draw_ellipses(
    image: ByteArray, landmarks: FloatArray, covariance: FloatArray, thickness: int
) -> None:
    variances, vectors = np.linalg.eigh(covariance)
    radii = calibration.ellipse_radius(_LEVEL) * np.sqrt(np.maximum(variances, 0))
    angles = np.degrees(np.arctan2(vectors[:, 1, 1], vectors[:, 0, 1]))
    for centre, (minor, major), angle in zip(landmarks, radii, angles, strict=True):
        x, y, a, b = np.rint(np.array([*centre, major, minor]) * 2**_SHIFT).astype(int).tolist()
        cv2.ellipse(
            image, (x, y), (a, b), float(angle), 0, 360, _ELLIPSE_RGB, thickness, cv2.LINE_AA,
            _SHIFT,
        )  # fmt: skip
