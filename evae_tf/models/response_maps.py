"""Response maps: encoding of landmarks as label maps, decoding of maps to landmarks.

A `ResponseMapCodec` holds the encoding of a network; the mathematics are plain functions.

Landmarks are crop fractions [B, K, 2]; maps are [B, h, w, K]. The centre of cell (i, j) is at
((j + 0.5) / w, (i + 0.5) / h), see `geometry`.

**Border bias of `soft_argmax`.** A map lacks the part of a peak that lies outside the crop, so the
mean of a Gaussian response is pulled inwards. For a peak of standard deviation s (in cells) at
distance d from the border, the bias is s * phi(d / s) / Phi(d / s), by the mean of a truncated
normal distribution: 0.8 s at the border, 0.06 s at d = 2 s and 0.005 s at d = 3 s. With the
default crop margin and maps, landmarks of an exact box are at least 2.8 cells from the border.
`tests/models/test_response_maps.py` compares the bias with the formula.
"""

import dataclasses
import math
from typing import Self

from keras import ops

from evae_tf.array_types import Tensor
from evae_tf.config import Config
from evae_tf.geometry import fraction_to_pixel, pixel_to_fraction
from evae_tf.metadata import ModelMetadata

_TINY = 1e-7  # the mass of an empty map
_NOWHERE = -1e3  # crop fractions: so far outside that the label is 0 everywhere in the crop


@dataclasses.dataclass(frozen=True)
class ResponseMapCodec:
    """The encoding of a network's response maps: from landmarks to maps and back.

    Attributes:
      label: the shape of a label, `gaussian` (see `gaussian_maps`) or `diamond` (`diamond_maps`).
      label_size_px: the Gaussian's standard deviation or the diamond's radius, cells.
      readout_power: see `soft_argmax`.
    """

    label: str
    label_size_px: float
    readout_power: int

    @classmethod
    def of(cls, config: Config) -> Self:
        """The codec of the networks that `models.build` makes from a `Config`."""
        return cls(config.map_label, config.map_label_size_px, config.map_readout_power)

    @classmethod
    def of_saved(cls, metadata: ModelMetadata) -> Self:
        """The codec of a saved model, from its metadata."""
        return cls(metadata.map_label, metadata.map_label_size_px, metadata.readout_power)

    @property
    def softmax_peak(self) -> float:
        """Factor that brings the peak of a map of sum 1 near 1, the peak of a label.

        It is the sum of a Gaussian label of this size, also for diamonds.
        """
        return 2 * math.pi * self.label_size_px**2

    def draw(self, landmarks: Tensor, height: int, width: int) -> Tensor:
        """The label maps of landmarks, with a peak of 1.

        Args:
          landmarks: float [B, K, 2], crop fractions; may lie outside the crop. NaN if not
            annotated: the label is then all 0.
          height: h, cells.
          width: w, cells.

        Returns:
          float32 [B, h, w, K].
        """
        shape = {"gaussian": gaussian_maps, "diamond": diamond_maps}[self.label]
        return shape(landmarks, height, width, self.label_size_px)

    def read(self, maps: Tensor) -> Tensor:
        """The landmarks of maps: float [B, h, w, K] -> float [B, K, 2]."""
        return soft_argmax(maps, self.readout_power)


def _cell_offsets(landmarks: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Signed distance, in cells, from each landmark to each column [B,1,w,K] and row [B,h,1,K]."""
    landmarks = ops.where(ops.isnan(landmarks), _NOWHERE, landmarks)
    columns = ops.reshape(ops.arange(width, dtype="float32"), (1, 1, width, 1))
    rows = ops.reshape(ops.arange(height, dtype="float32"), (1, height, 1, 1))
    x = fraction_to_pixel(landmarks[:, None, None, :, 0], width)
    y = fraction_to_pixel(landmarks[:, None, None, :, 1], height)
    return columns - x, rows - y


def gaussian_maps(landmarks: Tensor, height: int, width: int, sigma_px: float) -> Tensor:
    """Labels with a Gaussian of peak value 1 at each landmark.

    Args:
      landmarks: float [B, K, 2], crop fractions; may lie outside the crop, or be NaN.
      height: h, cells.
      width: w, cells.
      sigma_px: standard deviation in cells.

    Returns:
      float32 [B, h, w, K]. The peak value is reached only if a landmark is at a cell's centre.
    """
    dx, dy = _cell_offsets(landmarks, height, width)
    return ops.exp(-(dx**2) / (2 * sigma_px**2)) * ops.exp(-(dy**2) / (2 * sigma_px**2))


def diamond_maps(landmarks: Tensor, height: int, width: int, radius_px: float) -> Tensor:
    """Labels with a binary diamond (an L1 ball) at each landmark, as in the paper.

    Args:
      landmarks: as `gaussian_maps`.
      height: h, cells.
      width: w, cells.
      radius_px: cells within this L1 distance of the landmark are 1, all others 0.

    Returns:
      float32 [B, h, w, K].
    """
    dx, dy = _cell_offsets(landmarks, height, width)
    return ops.cast(ops.abs(dx) + ops.abs(dy) <= radius_px, "float32")


def cells_last(maps: Tensor) -> Tensor:
    """Maps [B, h, w, K] with their cells on the last axis: [B, K, h * w]."""
    height, width, num_points = maps.shape[1:]
    return ops.transpose(ops.reshape(maps, (-1, height * width, num_points)), (0, 2, 1))


def spatial_log_softmax(logits: Tensor) -> Tensor:
    """Log-softmax over the cells of each map: float [B, h, w, K] -> float [B, K, h * w]."""
    return ops.log_softmax(cells_last(logits), axis=-1)


def spatial_softmax(logits: Tensor) -> Tensor:
    """Softmax over the cells of each map: float [B, h, w, K] -> the same shape, each map sums to 1.

    The cells are moved to the last axis first: a softmax over another axis becomes a chain of
    shape operations in a TFLite graph.
    """
    height, width, num_points = logits.shape[1:]
    cells = ops.transpose(ops.softmax(cells_last(logits), axis=-1), (0, 2, 1))
    return ops.reshape(cells, (-1, height, width, num_points))


def soft_argmax(maps: Tensor, power: int = 1) -> Tensor:
    """Reads landmarks off response maps: the mean position, weighted by the map.

    For maps of `spatial_softmax` this is the usual soft-argmax. Maps trained by squared error have
    a faint background that would pull the mean to the centre; a higher power suppresses it.

    Args:
      maps: float [B, h, w, K]; negative cells count as 0. A map without positive cells gives the
        centre of the crop.
      power: exponent of the weights, an integer.

    Returns:
      float [B, K, 2], crop fractions. See the module's note on the border.
    """
    weights = ops.relu(maps) ** power if power != 1 else ops.relu(maps)
    columns, rows, total = marginals(weights)
    positions = []
    for marginal in (columns, rows):
        moment = ops.sum(marginal * _centres(marginal), axis=1) + 0.5 * _TINY
        positions.append(ops.expand_dims(moment / total, axis=-1))
    return ops.concatenate(positions, axis=-1)


def marginals(weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of maps: of each column [B, w, K], of each row [B, h, K], and of all cells [B, K].

    What is read off the maps starts from these sums, and a converter computes them once. The sum
    of all cells is a little above 0 for an empty map, as it divides others.

    Args:
      weights: float [B, h, w, K], not negative.
    """
    columns, rows = ops.sum(weights, axis=1), ops.sum(weights, axis=2)
    return columns, rows, ops.sum(columns, axis=1) + _TINY


def _centres(marginal: Tensor) -> Tensor:
    """Centres of the cells of a marginal [B, n, K] as crop fractions, float [1, n, 1]."""
    size = marginal.shape[1]
    centres = pixel_to_fraction(ops.arange(size, dtype=marginal.dtype), size)
    return ops.reshape(centres, (1, size, 1))


def log_spread(maps: Tensor) -> Tensor:
    """Spread of the mass of each map: size, direction and peak.

    Args:
      maps: float [B, h, w, K]; negative values count as 0.

    Returns:
      float [B, 4, K]: the logarithms of the standard deviations of x and of y in crop fractions,
      the correlation of x and y, and the logarithm of the highest cell's share of the mass.
    """
    weights = ops.relu(maps)
    columns, rows, total = marginals(weights)
    # Positions are relative to the crop's centre: the differences below then lose fewer digits.
    x, y = _centres(columns) - 0.5, _centres(rows) - 0.5
    mean_x, mean_y = ops.sum(columns * x, axis=1) / total, ops.sum(rows * y, axis=1) / total
    variance_x = ops.sum(columns * x * x, axis=1) / total - mean_x**2
    variance_y = ops.sum(rows * y * y, axis=1) / total - mean_y**2
    product = ops.sum(ops.sum(weights * x[:, None], axis=2) * y, axis=1) / total
    # At least a tenth of a cell: a peak within one cell has no shape.
    deviation_x, deviation_y = (
        ops.sqrt(ops.maximum(variance, (0.1 / size) ** 2))
        for variance, size in ((variance_x, maps.shape[2]), (variance_y, maps.shape[1]))
    )
    correlation = (product - mean_x * mean_y) / (deviation_x * deviation_y)
    highest = ops.max(weights, axis=(1, 2)) / total
    measures = [ops.log(deviation_x), ops.log(deviation_y), correlation, ops.log(highest + _TINY)]
    return ops.concatenate([ops.expand_dims(measure, axis=1) for measure in measures], axis=1)
