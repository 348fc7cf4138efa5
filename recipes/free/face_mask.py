"""A face mask on the rendered head."""

import numpy as np

from evae_tf.array_types import FloatArray, IndexArray
from recipes.free.hair import outward
from recipes.free.head import Head, Part
from recipes.free.tracing import Layer


def face_mask(
    head: Head, vertices: FloatArray, color: FloatArray, top: float, rng: np.random.Generator
) -> Layer:
    """A mask over mouth and nose.

    Args:
      head: the head.
      vertices: float [V, 3], of the person.
      color: float [3], RGB, 0 to 1.
      top: height of its upper edge on the nose, units of the mean head; the tip is at 0.4.
      rng: draws its folds.
    """
    rest = head.neutral
    upper = top - 0.035 * rest[:, 0] ** 2 * (rest[:, 2] > 3)
    covered = (rest[:, 1] < upper) & (rest[:, 1] > -7.7) & (rest[:, 2] > 4.2)
    front = np.clip((rest[:, 2] - 3) / 8, 0, 1)
    covered |= (np.abs(rest[:, 0]) < 3) & (np.abs(rest[:, 1] + 3.4) < 2.5)  # the mouth's inside
    lifted = vertices + outward(vertices) * (0.15 + 0.35 * front)[:, None]
    # Over the lips and the mouth it is a smooth sheet.
    tip, lip = vertices[head.points[30]], vertices[head.points[51]]
    low = np.clip((tip[1] - lifted[:, 1]) / (tip[1] - lip[1]), 0, 1)
    ridge = (1 - low) * (tip[2] + 0.25) + low * (lip[2] + 0.5)
    sheet = ridge - 0.11 * lifted[:, 0] ** 2 - 0.1 * np.clip(lip[1] - lifted[:, 1], 0, None) ** 2
    middle = (np.abs(rest[:, 0]) < 3) & (rest[:, 1] < 0.5)
    lifted[:, 2] = np.where(middle, np.maximum(lifted[:, 2], sheet), lifted[:, 2])
    rows = np.flatnonzero((head.part == Part.SKIN) & covered[head.triangles].all(axis=1))
    corners = head.triangles[rows]
    folds = rng.uniform(0, 0.12)

    def paint(triangle: IndexArray, place: FloatArray) -> FloatArray:
        height = np.einsum("nk,nk->n", place, rest[corners[triangle], 1])
        return np.clip(color * (1 - folds * (np.sin(height * 4) > 0.6))[:, None], 0, 1)

    return Layer(lifted, corners, paint)
