"""The second pass: a crop that is centred on the landmarks of the first, with level eyes."""

import numpy as np

from evae_tf import geometry
from evae_tf.array_types import FloatArray
from evae_tf.markups import Markup

_MIN_EYE_DISTANCE = 0.1  # of the box: closer eyes (a profile) say little about the angle


def upright_squares(
    landmarks: FloatArray,
    markup: Markup,
    margin: float,
    face_box: tuple[float, float, float] = geometry.TIGHT_BOX,
) -> tuple[FloatArray, FloatArray]:
    """Squares around faces that the eye line turns.

    Args:
      landmarks: float [N, K, 2], image pixels.
      markup: their `Markup`; one without eyes gives squares that are not turned.
      margin: see `geometry.square_around`.
      face_box: where faces' boxes lie, see `geometry.relative_box`.

    Returns:
      (squares float32 [N, 3], angles float32 [N] in radians); see `geometry.cut_square`.
    """
    angles = _eye_angles(landmarks, markup)
    # The box is taken in the turned frame, then its centre is brought back.
    boxes = geometry.box_of_landmarks(geometry.rotate(landmarks, -angles), face_box)
    squares = geometry.square_around(boxes, margin)
    squares[:, :2] = geometry.rotate(squares[:, None, :2], angles)[:, 0]
    return squares, angles


def _eye_angles(landmarks: FloatArray, markup: Markup) -> FloatArray:
    eyes = next(
        (markup.normalizers[n] for n in ("inter_pupil", "inter_ocular") if n in markup.normalizers),
        None,
    )
    if eyes is None:
        return np.zeros(len(landmarks), np.float32)
    left, right = (landmarks[:, list(group)].mean(axis=1) for group in eyes)
    line = right - left
    angles = np.arctan2(line[:, 1], line[:, 0]).astype(np.float32)
    size = geometry.box_size(geometry.landmark_box(landmarks))
    apart = np.linalg.norm(line, axis=1) >= _MIN_EYE_DISTANCE * size  # not where an eye is NaN
    return np.where(apart, angles, 0)
