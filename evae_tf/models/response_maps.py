"""Response maps: drawn as labels from landmarks, read back as landmarks.

Landmarks are crop fractions [B, K, 2]; maps are [B, h, w, K], cell (i, j) having its centre at
((j + 0.5) / w, (i + 0.5) / h), see `geometry`.

**Border bias of `soft_argmax`.** A map cannot hold the part of a peak that lies outside the crop,
so the mean of a Gaussian response is pulled inwards: for a peak of standard deviation s (in cells)
at distance d from the border by s * phi(d / s) / Phi(d / s), the mean of a truncated normal
distribution. That is 0.8 s at the border itself, 0.06 s at d = 2 s and 0.005 s at d = 3 s. With
the default crop margin and maps, landmarks of an exact box lie 2.8 cells and more from the border.
`tests/models/test_response_maps.py` measures the bias against the formula.
"""

from keras import ops

from evae_tf.geometry import fraction_to_pixel, pixel_to_fraction


def _cell_offsets(landmarks, height, width):
    """Signed distance, in cells, from each landmark to each column [B,1,w,K] and row [B,h,1,K]."""
    columns = ops.reshape(ops.arange(width, dtype="float32"), (1, 1, width, 1))
    rows = ops.reshape(ops.arange(height, dtype="float32"), (1, height, 1, 1))
    x = fraction_to_pixel(landmarks[:, None, None, :, 0], width)
    y = fraction_to_pixel(landmarks[:, None, None, :, 1], height)
    return columns - x, rows - y


def gaussian_maps(landmarks, height, width, sigma_px):
    """Labels with a Gaussian of peak value 1 at each landmark.

    Args:
      landmarks: float [B, K, 2], crop fractions; may lie outside the crop.
      height: h, cells.
      width: w, cells.
      sigma_px: standard deviation in cells.

    Returns:
      float32 [B, h, w, K]. The peak value is reached only where a landmark meets a cell's centre.
    """
    dx, dy = _cell_offsets(landmarks, height, width)
    return ops.exp(-(dx**2) / (2 * sigma_px**2)) * ops.exp(-(dy**2) / (2 * sigma_px**2))


def diamond_maps(landmarks, height, width, radius_px):
    """Labels with a binary diamond (an L1 ball) at each landmark, the paper's.

    Args:
      landmarks: float [B, K, 2], crop fractions.
      height: h, cells.
      width: w, cells.
      radius_px: cells within this L1 distance of the landmark are 1, all others 0.

    Returns:
      float32 [B, h, w, K].
    """
    dx, dy = _cell_offsets(landmarks, height, width)
    return ops.cast(ops.abs(dx) + ops.abs(dy) <= radius_px, "float32")


def spatial_log_softmax(logits):
    """Log-softmax over the cells of each map: float [B, h, w, K] -> float [B, K, h * w]."""
    height, width, num_points = logits.shape[1:]
    cells = ops.reshape(logits, (-1, height * width, num_points))
    return ops.log_softmax(ops.transpose(cells, (0, 2, 1)), axis=-1)


def spatial_softmax(logits):
    """Softmax over the cells of each map: float [B, h, w, K] -> the same shape, each map sums to 1.

    The cells are brought to the last axis by hand: a softmax over another axis becomes a chain of
    shape operations in a TFLite graph.
    """
    height, width, num_points = logits.shape[1:]
    cells = ops.transpose(ops.reshape(logits, (-1, height * width, num_points)), (0, 2, 1))
    cells = ops.transpose(ops.softmax(cells, axis=-1), (0, 2, 1))
    return ops.reshape(cells, (-1, height, width, num_points))


def soft_argmax(maps, power=1):
    """Reads the landmarks off response maps: the mean position, weighted by the map.

    For maps made by `spatial_softmax` this is the usual soft-argmax. Maps trained by squared error
    keep a faint background that would pull the mean to the centre: a higher power fades it.

    Args:
      maps: float [B, h, w, K]; negative cells count as 0. A map without any positive cell is read
        as the centre of the crop.
      power: exponent of the weights, an integer.

    Returns:
      float [B, K, 2], crop fractions. See the module's note on the border.
    """
    weights = ops.relu(maps) ** power if power != 1 else ops.relu(maps)
    tiny = 1e-7
    total = ops.sum(weights, axis=(1, 2)) + tiny
    positions = []
    # Over the rows for x, over the columns for y: what is left has one axis of positions.
    for others, size in ((1, maps.shape[2]), (2, maps.shape[1])):
        centres = pixel_to_fraction(ops.arange(size, dtype=maps.dtype), size)
        centres = ops.reshape(centres, (1, size, 1))
        moment = ops.sum(ops.sum(weights, axis=others) * centres, axis=1)
        positions.append(ops.expand_dims((moment + 0.5 * tiny) / total, axis=-1))
    return ops.concatenate(positions, axis=-1)


def log_spread(maps):
    """How widely the mass of each map is spread, and in which direction.

    Args:
      maps: float [B, h, w, K], non-negative.

    Returns:
      float [B, 4, K]: the logarithms of the standard deviations of x and of y in crop fractions,
      the correlation of x and y, and the logarithm of the highest cell's share of the mass.
    """
    tiny = 1e-7
    shares = maps / (ops.sum(maps, axis=(1, 2), keepdims=True) + tiny)
    # Positions count from the crop's centre: the difference below then loses fewer digits.
    height, width = maps.shape[1:3]
    x = pixel_to_fraction(ops.arange(width, dtype=maps.dtype), width) - 0.5
    y = pixel_to_fraction(ops.arange(height, dtype=maps.dtype), height) - 0.5
    x, y = ops.reshape(x, (1, width, 1)), ops.reshape(y, (1, height, 1))
    columns, rows = ops.sum(shares, axis=1), ops.sum(shares, axis=2)
    mean_x, mean_y = ops.sum(columns * x, axis=1), ops.sum(rows * y, axis=1)
    product = ops.sum(ops.sum(shares * x[:, None], axis=2) * y, axis=1)
    variance_x = ops.sum(columns * x * x, axis=1) - mean_x**2
    variance_y = ops.sum(rows * y * y, axis=1) - mean_y**2
    # Not below a tenth of a cell: what is left in one cell has no shape.
    deviation_x, deviation_y = (
        ops.sqrt(ops.maximum(variance, (0.1 / size) ** 2))
        for variance, size in ((variance_x, width), (variance_y, height))
    )
    correlation = (product - mean_x * mean_y) / (deviation_x * deviation_y)
    highest = ops.max(shares, axis=(1, 2))
    measures = [ops.log(deviation_x), ops.log(deviation_y), correlation, ops.log(highest + tiny)]
    return ops.concatenate([ops.expand_dims(measure, axis=1) for measure in measures], axis=1)


def peak(maps):
    """The centre of the highest cell of each map: float [B, h, w, K] -> float32 [B, K, 2]."""
    height, width, num_points = maps.shape[1:]
    cells = ops.reshape(maps, (-1, height * width, num_points))
    index = ops.argmax(cells, axis=1)
    x = pixel_to_fraction(ops.cast(index % width, "float32"), width)
    y = pixel_to_fraction(ops.cast(index // width, "float32"), height)
    return ops.stack([x, y], axis=-1)
