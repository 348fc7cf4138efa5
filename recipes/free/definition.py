"""The 68 points as 300-W defines them, from curves that begin or are divided otherwise.

Nothing here is measured on 300-W. `recipes.free.descriptions` compares three descriptions of the 68
points: the vertices of the head of ICT-FaceKit (`multipie68`), the points of MediaPipe's mesh in a
public table, and the hand-placed points of the Face Research Lab.

- The jaw is the visible outline of the face, from the height of the eyes over the chin. Each side
  is divided evenly. The described ones begin up to 4 % of the face's height above or below the
  eyes, and are divided unevenly in different ways.
- The brows lie on the upper edge of the hair. The described ones lie there or a little above it.
  Only for the outer tip do they differ much: the hand-placed one is 6 and 9 % of the distance of
  the eyes lower than the others. It is raised to the mean of the three.
- The bridge of the nose begins at the height of the head's vertex. The hand-placed one begins
  between the inner corners of the eyes.
- The base of the nose (31..35) is lower in its middle. The hand-placed one is a straight line.

The other hand-placed points are kept.

Points are [..., 2] as (x, y), y down. Heights count from the eye line (0) to the chin (1).
"""

from pathlib import Path

import numpy as np

from evae_tf.array_types import FloatArray

JAW = slice(0, 17)
JAW_TOP = 0.0  # height of its ends, see `heights`
CHIN = 8
_NASION, _NOSE_TIP = 27, 30
_NOSE_BASE = slice(31, 36)
# Points of the template on the upper edge of a brow, from its outer tip.
_BROWS = ((range(17, 22), (71, 72, 73, 74, 75)), (range(26, 21, -1), (82, 81, 80, 79, 78)))
_TIP_RAISED = 0.049  # of a brow, by the distance of the outer eye corners
_BELOW_NOSE = (170, 172)  # of the template: the upper ends of the ridges between nose and lip
_LEFT_EYE, _RIGHT_EYE = (36, 39), (42, 45)  # the corners


def heights(points: FloatArray, landmarks: FloatArray) -> FloatArray:
    """Heights of points in the frame of a face: [N, 2] -> [N]; negative above the eye line.

    The direction is at right angles to the line through the eyes.

    Args:
      points: float [N, 2].
      landmarks: float [68, 2], for the corners of the eyes and the chin.
    """
    left, right = landmarks[[*_LEFT_EYE]].mean(axis=0), landmarks[[*_RIGHT_EYE]].mean(axis=0)
    along = right - left
    down = np.array([-along[1], along[0]]) / np.hypot(*along)
    middle = (left + right) / 2
    return (points - middle) @ down / ((landmarks[CHIN] - middle) @ down)


def length_fractions(curve: FloatArray) -> FloatArray:
    """The fraction of the curve's length at each point: [K, 2] -> [K], from 0 to 1."""
    lengths = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(lengths) / lengths.sum()])


def resample(curve: FloatArray, fractions: FloatArray) -> FloatArray:
    """The points at fractions of a curve's length: [N, 2] and [K] -> [K, 2]."""
    own = length_fractions(curve)
    return np.stack([np.interp(fractions, own, values) for values in curve.T], axis=-1)


def cut(curve: FloatArray, curve_heights: FloatArray, top: float) -> FloatArray:
    """The part of a jaw below a height; an end that is lower is continued straight up to it.

    Args:
      curve: float [N, 2], from one ear over the chin to the other.
      curve_heights: float [N], see `heights`.
      top: the height.

    Returns:
      float [M, 2]; both ends are at the height `top`.
    """
    for _ in range(2):  # each end in turn
        below = int(np.argmax(curve_heights > top))
        first = max(below - 1, 0)
        (start, end), (low, high) = curve[first : first + 2], curve_heights[first : first + 2]
        share = (top - low) / (high - low)
        curve = np.concatenate([[start + share * (end - start)], curve[below:]])[::-1]
        curve_heights = np.concatenate([[top], curve_heights[below:]])[::-1]
    return curve


def jaw_along(outline: FloatArray, landmarks: FloatArray) -> FloatArray:
    """The 17 points of the jaw on the outline of a face.

    Args:
      outline: float [N, 2], from one side of the face over the chin to the other.
      landmarks: float [68, 2], for the corners of the eyes and the chin.

    Returns:
      float [17, 2].
    """
    curve = cut(outline, heights(outline, landmarks), JAW_TOP)
    chin = int(np.linalg.norm(curve - landmarks[CHIN], axis=1).argmin())
    steps = np.linspace(0, 1, CHIN + 1)
    sides = resample(curve[: chin + 1], steps), resample(curve[chin:], steps)
    return np.concatenate([sides[0], sides[1][1:]])


def with_jaw(landmarks: FloatArray) -> FloatArray:
    """Landmarks with their own jaw cut and divided anew: float [68, 2] -> float [68, 2]."""
    return np.concatenate([jaw_along(landmarks[JAW], landmarks), landmarks[JAW.stop :]])


def with_brows(landmarks: FloatArray, template: FloatArray) -> FloatArray:
    """Hand-placed landmarks whose brows lie on the upper edge of the hair, divided evenly.

    The outer tips are above it.

    Args:
      landmarks: float [68, 2].
      template: float [189, 2], the points of the template.

    Returns:
      float [68, 2].
    """
    along = landmarks[_RIGHT_EYE[1]] - landmarks[_LEFT_EYE[0]]
    raised = _TIP_RAISED * np.array([along[1], -along[0]])
    landmarks = landmarks.copy()
    for points, upper in _BROWS:
        edge = template[[*upper]].astype(np.float64)
        edge[0] += raised
        landmarks[points] = resample(edge, np.linspace(0, 1, 5))
    return landmarks


def with_bridge(landmarks: FloatArray, frontal: FloatArray) -> FloatArray:
    """Landmarks whose bridge of the nose (27..30) begins at the height of another face's.

    Args:
      landmarks: float [68, 2].
      frontal: float [68, 2], the other face, seen from the front.

    Returns:
      float [68, 2]; the bridge is straight, and its points are equally far apart.
    """
    landmarks = landmarks.copy()
    (wanted,) = heights(frontal[[_NASION]], frontal)
    ends = landmarks[[_NOSE_TIP, _NASION]]
    tip, top = heights(ends, landmarks)
    first = ends[0] + (wanted - tip) / (top - tip) * (ends[1] - ends[0])
    landmarks[_NASION : _NOSE_TIP + 1] = np.linspace(first, ends[0], 4)
    return landmarks


def with_nose_base(landmarks: FloatArray, template: FloatArray) -> FloatArray:
    """Hand-placed landmarks whose nose is lower in the middle (33) than at its sides (31, 35).

    The middle moves half the way to where the ridges between nose and lip begin.

    Args:
      landmarks: float [68, 2].
      template: float [189, 2], the points of the template.

    Returns:
      float [68, 2].
    """
    landmarks = landmarks.copy()
    first, _, middle, _, last = landmarks[_NOSE_BASE]
    middle = (middle + template[[*_BELOW_NOSE]].mean(axis=0)) / 2
    landmarks[_NOSE_BASE] = resample(np.stack([first, middle, last]), np.linspace(0, 1, 5))
    return landmarks


def points_of_head(path: str | Path) -> FloatArray:
    """The landmarks of the head at rest, seen from the front: [68, 2], units, y down.

    Args:
      path: `ict_facekit_light.npz`.
    """
    with np.load(path) as file:
        return file["neutral"][file["multipie68"], :2] * [1, -1]
