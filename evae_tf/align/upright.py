"""Crops of the second pass: centred on the landmarks of the first pass, with the head upright."""

import numpy as np

from evae_tf import geometry
from evae_tf.array_types import FloatArray
from evae_tf.markups import Markup

_MIN_EYE_DISTANCE = 0.3  # of the box size; the roll of closer eyes, as in a profile, is unreliable


def upright_squares(
    landmarks: FloatArray,
    markup: Markup,
    margin: float,
    face_box: tuple[float, float, float] = geometry.TIGHT_BOX,
) -> tuple[FloatArray, FloatArray]:
    """Squares around faces, turned by the roll of the head.

    The roll is that of the line through the eyes. If the eyes are close, as in a profile, it is the
    direction from the high to the low rigid points of the markup.

    Args:
      landmarks: float [N, K, 2], image pixels.
      markup: their `Markup`; without eyes and rigid points, the squares are not turned.
      margin: see `geometry.square_around`.
      face_box: place of face boxes, see `geometry.relative_box`.

    Returns:
      (squares float32 [N, 3], angles float32 [N] in radians); see `geometry.cut_square`.
    """
    angles = _rolls(landmarks, markup)
    # The box is computed in the turned frame, then its centre is turned back.
    boxes = geometry.box_of_landmarks(geometry.rotate(landmarks, -angles), face_box)
    squares = geometry.square_around(boxes, margin)
    squares[:, :2] = geometry.rotate(squares[:, None, :2], angles)[:, 0]
    return squares, angles


def _rolls(landmarks: FloatArray, markup: Markup) -> FloatArray:
    """Roll of the heads, radians, float32 [N]."""
    normalizers = (markup.normalizers.get(name) for name in ("inter_pupil", "inter_ocular"))
    eyes = next((groups for groups in normalizers if groups), None)
    axis = _axis_angles(landmarks, markup)
    if eyes is None:
        return axis
    left, right = (landmarks[:, list(group)].mean(axis=1) for group in eyes)
    line = right - left
    angles = np.arctan2(line[:, 1], line[:, 0])
    size = geometry.box_size(geometry.landmark_box(landmarks))
    apart = np.linalg.norm(line, axis=1) >= _MIN_EYE_DISTANCE * size  # not where an eye is NaN
    return np.where(apart, angles, axis).astype(np.float32)


def _axis_angles(landmarks: FloatArray, markup: Markup) -> FloatArray:
    """Roll from the direction of high to low points: radians, float32 [N]."""
    points = list(markup.rigid_points)
    if not points:
        return np.zeros(len(landmarks), np.float32)
    heights = np.array([markup.rigid_points[point][1] for point in points], np.float64)
    down = np.einsum("k,nkc->nc", heights - heights.mean(), landmarks[:, points])
    return np.nan_to_num(np.arctan2(-down[:, 0], down[:, 1])).astype(np.float32)
