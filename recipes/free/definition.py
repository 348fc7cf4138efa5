"""The 68 points as 300-W defines them, from curves that begin or are divided otherwise.

The jaw of 300-W is the visible outline of the face from about the height of the eyes to the chin.
Where exactly it begins, and how its 17 points divide it, is taken from the 68 vertices of the head
of ICT-FaceKit (`multipie68`), seen from the front.

The hand-placed points are those of the template of the Face Research Lab. Their jaw begins near the
height of the eyes, mostly a little below it; `Jaw.brought_over` cuts it, or continues it straight,
to the height where that of 300-W begins. Their brows end at the lower inner corner of the hair;
`with_brows` lets them end at the middle of its inner edge. The other points are kept: the brows lie
on the upper edge of the hair, and the base of the nose (31..35) is a nearly straight line at the
lower edge of the nostrils, where that of 300-W is lower in the middle.

Points are [..., 2] as (x, y), y down. Heights count from the eye line (0) to the chin (1).
"""

import dataclasses
from pathlib import Path

import numpy as np

from evae_tf.array_types import FloatArray

JAW = slice(0, 17)
_CHIN = 8
# Points of the template on the upper edge of a brow, from its outer tip to its two inner corners.
_BROWS = (
    (range(17, 22), (71, 72, 73, 74, 75, 76)),
    (range(26, 21, -1), (82, 81, 80, 79, 78, 77)),
)
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
    """Hand-placed landmarks whose brows end at the middle of the hair's inner edge.

    Args:
      landmarks: float [68, 2].
      template: float [189, 2], the points of the template.

    Returns:
      float [68, 2].
    """
    landmarks = landmarks.copy()
    for points, (*upper, corner, lower_corner) in _BROWS:
        end = template[[corner, lower_corner]].mean(axis=0)
        curve = np.concatenate([template[upper], end[None]])
        landmarks[points] = resample(curve, np.linspace(0, 1, 5))
    return landmarks


def jaw_of_head(path: str | Path) -> Jaw:
    """The jaw of the head at rest, from `ict_facekit_light.npz`."""
    with np.load(path) as file:
        return Jaw.of(file["neutral"][file["multipie68"], :2] * [1, -1])
