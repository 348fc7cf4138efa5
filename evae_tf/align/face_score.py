"""Telling a face from anything else, with nothing but the landmark model.

On a face, landmarks stay where they are when the crop moves. On anything else they move along with
the crop, for a model that sees no face puts one into the middle of it.
"""

from collections.abc import Sequence

import numpy as np

from evae_tf import geometry
from evae_tf.array_types import FloatArray

# Two further crops: turned (radians), shifted (fractions of the side) and scaled.
_PROBES = ((0.2, (0.08, 0.05), 1.12), (-0.2, (-0.08, -0.05), 0.92))
_HALF, _STEEPNESS = 0.035, 6.0


def probe_squares(squares: FloatArray, angles: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
    """The squares of the further crops, as list of (squares [N, 3], angles [N])."""
    moved: list[tuple[FloatArray, FloatArray]] = []
    for turn, shift, scale in _PROBES:
        offset = geometry.rotate(np.array([shift], np.float32), angles) * squares[:, None, 2:]
        centre = squares[:, :2] + offset[:, 0]
        moved.append((np.concatenate([centre, squares[:, 2:] * scale], axis=1), angles + turn))
    return moved


def face_score(
    landmarks: FloatArray, probed: Sequence[FloatArray], squares: FloatArray
) -> FloatArray:
    """How likely each is a face: 0.5 where landmarks move by 3.5 % of the crop, 1 where by none.

    Args:
      landmarks: float [N, K, 2], image pixels.
      probed: list of landmarks of the same faces, found in the crops of `probe_squares`.
      squares: float [N, 3], the crops in which `landmarks` were found.

    Returns:
      float [N], 0 to 1.
    """
    moves = [np.linalg.norm(found - landmarks, axis=-1).mean(axis=1) for found in probed]
    move = np.mean(moves, axis=0) / squares[:, 2]
    return 1 / (1 + (move / _HALF) ** _STEEPNESS)
