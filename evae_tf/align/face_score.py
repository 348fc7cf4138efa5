"""A face score computed from the landmark model alone.

On a face, the landmarks stay in place when the crop moves. Elsewhere they move with the crop,
because a model that sees no face predicts one in the centre.
"""

from collections.abc import Sequence

import numpy as np

from evae_tf import geometry
from evae_tf.array_types import FloatArray

# Two extra crops: rotation (radians), shift (fractions of the side) and scale.
_PROBES = ((0.2, (0.08, 0.05), 1.12), (-0.2, (-0.08, -0.05), 0.92))
_HALF, _STEEPNESS = 0.035, 6.0


def probe_squares(squares: FloatArray, angles: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
    """The squares of the extra crops, as a list of (squares [N, 3], angles [N])."""
    moved: list[tuple[FloatArray, FloatArray]] = []
    for turn, shift, scale in _PROBES:
        offset = geometry.rotate(np.array([shift], np.float32), angles) * squares[:, None, 2:]
        centre = squares[:, :2] + offset[:, 0]
        moved.append((np.concatenate([centre, squares[:, 2:] * scale], axis=1), angles + turn))
    return moved


def face_score(
    landmarks: FloatArray, probed: Sequence[FloatArray], squares: FloatArray
) -> FloatArray:
    """Score of each face: 1 where landmarks do not move, 0.5 where they move by 3.5 % of the crop.

    Args:
      landmarks: float [N, K, 2], image pixels.
      probed: list of landmarks of the same faces, from the crops of `probe_squares`.
      squares: float [N, 3], the crops in which `landmarks` were found.

    Returns:
      float [N], 0 to 1.
    """
    moves = [np.linalg.norm(found - landmarks, axis=-1).mean(axis=1) for found in probed]
    move = np.mean(moves, axis=0) / squares[:, 2]
    return 1 / (1 + (move / _HALF) ** _STEEPNESS)
