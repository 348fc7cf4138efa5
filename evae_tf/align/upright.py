"""The second pass: a crop that is centred on the landmarks of the first, the head upright in it."""

import numpy as np

from evae_tf import geometry
from evae_tf.array_types import FloatArray
from evae_tf.markups import Markup

_MIN_EYE_DISTANCE = 0.3  # of the box: closer eyes, of a turned head, say little about its roll


def upright_squares(
    landmarks: FloatArray,
    markup: Markup,
    margin: float,
    face_box: tuple[float, float, float] = geometry.TIGHT_BOX,
) -> tuple[FloatArray, FloatArray]:
    """Squares around faces, turned by the roll of the head.

    The line through the eyes gives it. Where they are close, as in a profile, the markup's rigid
    points do: by the direction in which those lie that are low on the head.

    Args:
      landmarks: float [N, K, 2], image pixels.
      markup: their `Markup`; one without eyes and rigid points gives squares that are not turned.
      margin: see `geometry.square_around`.
      face_box: where faces' boxes lie, see `geometry.relative_box`.

    Returns:
      (squares float32 [N, 3], angles float32 [N] in radians); see `geometry.cut_square`.
    """
    angles = _rolls(landmarks, markup)
    # The box is taken in the turned frame, then its centre is brought back.
    boxes = geometry.box_of_landmarks(geometry.rotate(landmarks, -angles), face_box)
    squares = geometry.square_around(boxes, margin)
    squares[:, :2] = geometry.rotate(squares[:, None, :2], angles)[:, 0]
    return squares, angles


def _rolls(landmarks: FloatArray, markup: Markup) -> FloatArray:
    """Radians, float32 [N]."""
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
    """How far the direction from high to low points leans: radians, float32 [N]."""
    points = list(markup.rigid_points)
    if not points:
        return np.zeros(len(landmarks), np.float32)
    heights = np.array([markup.rigid_points[point][1] for point in points], np.float64)
    down = np.einsum("k,nkc->nc", heights - heights.mean(), landmarks[:, points])
    return np.nan_to_num(np.arctan2(-down[:, 0], down[:, 1])).astype(np.float32)
