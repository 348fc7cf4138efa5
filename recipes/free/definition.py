"""The 68 points as 300-W defines them, from curves that begin or are divided otherwise.

The jaw of 300-W is the visible outline of the face from about the height of the eyes to the chin.
Where exactly it begins, and how its 17 points divide it, is taken from the 68 vertices of the head
of ICT-FaceKit (`multipie68`), seen from the front.

The hand-placed points are those of the template of the Face Research Lab. Four parts differ from
300-W:

- Their jaw begins near the height of the eyes, mostly a little below it. `Jaw.brought_over` cuts
  it, or continues it straight, to the height where that of 300-W begins.
- Their brows lie on the upper edge of the hair. `with_brows` moves them to the middle of the hair.
- Their bridge of the nose begins between the inner corners of the eyes. `with_bridge` continues it
  to the height of the head's vertex.
- The base of their nose (31..35) is a straight line. `with_nose_base` lowers its middle.

The other points are kept.

Points are [..., 2] as (x, y), y down. Heights count from the eye line (0) to the chin (1).
"""

import dataclasses
from pathlib import Path

import numpy as np

from evae_tf.array_types import FloatArray

JAW = slice(0, 17)
_CHIN = 8
_NASION, _NOSE_TIP = 27, 30
_NOSE_BASE = slice(31, 36)
# Points of the template on the upper and the lower edge of a brow, from its outer tip.
_BROWS = (
    (range(17, 22), (71, 72, 73, 74, 75), (71, 83, 84, 76)),
    (range(26, 21, -1), (82, 81, 80, 79, 78), (82, 86, 85, 77)),
)
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
    return (points - middle) @ down / ((landmarks[_CHIN] - middle) @ down)


def jaw_fractions(jaw: FloatArray) -> FloatArray:
    """The fraction of the curve's length at each point: [K, 2] -> [K], from 0 to 1."""
    lengths = np.hypot(*np.diff(jaw, axis=0).T)
    return np.concatenate([[0.0], np.cumsum(lengths) / lengths.sum()])


def resample(curve: FloatArray, fractions: FloatArray) -> FloatArray:
    """The points at fractions of a curve's length: [N, 2] and [K] -> [K, 2]."""
    own = jaw_fractions(curve)
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


@dataclasses.dataclass(frozen=True)
class Jaw:
    """Where a jaw begins and how its points divide it.

    Attributes:
      top: mean height of points 0 and 16, see `heights`.
      fractions: float [17], see `jaw_fractions`.
    """

    top: float
    fractions: FloatArray

    @classmethod
    def of(cls, landmarks: FloatArray) -> "Jaw":
        """That of a face which looks straight ahead, float [68, 2]."""
        ends = heights(landmarks[[0, 16]], landmarks)
        return cls(float(ends.mean()), jaw_fractions(landmarks[JAW]))

    def along(self, outline: FloatArray, landmarks: FloatArray) -> FloatArray:
        """The 17 points of the jaw on the outline of a face.

        Args:
          outline: float [N, 2], from one side of the face over the chin to the other.
          landmarks: float [68, 2], for the corners of the eyes and the chin.

        Returns:
          float [17, 2].
        """
        return resample(cut(outline, heights(outline, landmarks), self.top), self.fractions)

    def brought_over(self, landmarks: FloatArray) -> FloatArray:
        """Landmarks with their own jaw cut and divided anew: float [68, 2] -> float [68, 2]."""
        jaw = self.along(landmarks[JAW], landmarks)
        return np.concatenate([jaw, landmarks[JAW.stop :]])


def with_brows(landmarks: FloatArray, template: FloatArray) -> FloatArray:
    """Hand-placed landmarks whose brows lie on the middle line of the hair.

    Args:
      landmarks: float [68, 2].
      template: float [189, 2], the points of the template.

    Returns:
      float [68, 2].
    """
    landmarks = landmarks.copy()
    steps = np.linspace(0, 1, 5)
    for points, upper, lower in _BROWS:
        edges = [resample(template[[*edge]], steps) for edge in (upper, lower)]
        landmarks[points] = np.mean(edges, axis=0)
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
