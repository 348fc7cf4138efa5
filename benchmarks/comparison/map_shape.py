"""Measures of the shape of response maps: spread, roughness and number of peaks (NumPy).

Each function takes float [N, h, w, K] and returns float [N, K]. Negative cells count as 0. The
measures do not depend on the scale of a map.
"""

import numpy as np
from scipy import ndimage

from evae_tf.array_types import FloatArray

_NEIGHBOURS = np.ones((3, 3), bool)  # a cell touches eight others


def entropy(maps: FloatArray) -> FloatArray:
    """Entropy, in nats, of each map normalised to sum 1; log(h * w) without positive cells.

    A Gaussian peak of standard deviation s cells has an entropy of log(2 pi e s ** 2).
    """
    cells = _cells(maps)
    cells = cells.reshape(*cells.shape[:2], -1)
    total = cells.sum(axis=-1, keepdims=True)
    flat = np.full_like(cells, 1 / cells.shape[-1])
    shares = np.divide(cells, total, out=flat, where=total > 0)
    logarithms = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return -(shares * logarithms).sum(axis=-1)


def roughness(maps: FloatArray) -> FloatArray:
    """Total variation: the sum of all differences between neighbours, over the highest cell.

    It does not depend on the position of a smooth peak. Each further peak or ripple adds twice its
    height in each row and column that it crosses. 0 for an empty map.
    """
    cells = np.pad(_cells(maps), ((0, 0), (0, 0), (1, 1), (1, 1)))
    variation = sum(np.abs(np.diff(cells, axis=axis)).sum(axis=(2, 3)) for axis in (2, 3))
    highest = cells.max(axis=(2, 3))
    return np.divide(variation, highest, out=np.zeros_like(highest), where=highest > 0)


def second_peak(maps: FloatArray) -> FloatArray:
    """Height of the second highest peak over that of the highest; 0 if there is only one peak.

    A peak is a cell, or a plateau of equal cells, that no neighbour exceeds.
    """
    cells = _cells(maps)
    tops = cells == ndimage.maximum_filter(cells, size=(1, 1, 3, 3), mode="constant")
    tops &= cells > 0
    ratios = np.zeros(cells.shape[:2])
    for index in np.ndindex(ratios.shape):
        peaks, number = ndimage.label(tops[index], _NEIGHBOURS)
        if number > 1:
            heights = ndimage.maximum(cells[index], peaks, np.arange(1, number + 1))
            second, first = np.sort(heights)[-2:]
            ratios[index] = second / first
    return ratios


def _cells(maps: FloatArray) -> FloatArray:
    """[N, h, w, K] -> float64 [N, K, h, w] without negative values."""
    return np.maximum(np.moveaxis(np.asarray(maps, np.float64), 3, 1), 0)
