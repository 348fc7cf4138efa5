"""Image files to crops in TensorFlow operations, for servers without Python.

The counterpart of `geometry.cut_square`; tests compare the two, and both with the golden vectors.
Errors in a row are raised inside a `tf.data` pipeline, which drops the row; raised anywhere else,
they would fail the whole batch.
"""

import tensorflow as tf

from evae_tf.array_types import Tensor
from evae_tf.serving.image_files import decode

_LARGEST_BOX = 100  # times the image, which is then a dot in the crop


def cut_crops(
    image_bytes: Tensor, boxes: Tensor, size: int, margin: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Decodes image files and crops a face from each, one by one.

    Args:
      image_bytes: string [N], JPEG or PNG files; N may be 0.
      boxes: float32 [N, 4], (x_min, y_min, x_max, y_max) in pixels of the upright image.
      size: S, side of the crops in pixels.
      margin: see `geometry.square_around`.

    Returns:
      crops float32 [N, S, S, 3], RGB in [0, 1]; squares float32 [N, 3], image pixels, see
      `geometry.square_around`; valid bool [N]: false if the bytes do not decode, or the box is
      empty, outside the image, or more than a hundred times as large. The crop of an invalid row
      is black and its square 0.
    """

    def cut(row: Tensor, data: Tensor, box: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        image = decode(data)
        square = square_around(_checked_box(box, image), margin)
        return row, cut_square(image, square, size), square

    # One pipeline for all rows, and an extra row, so that a batch exists if all rows are invalid.
    # `get_single_element` reuses the function between requests; `reduce` would build and optimise
    # it each time, which takes far longer than running it.
    count = tf.shape(image_bytes)[0]
    rows = tf.data.Dataset.from_tensor_slices((tf.range(count), image_bytes, boxes))
    last = tf.data.Dataset.from_tensors((count, tf.zeros((size, size, 3)), tf.zeros(3)))
    found = rows.map(cut).ignore_errors().concatenate(last)
    row, crops, squares = found.batch(tf.cast(count, tf.int64) + 1).get_single_element()
    is_row = tf.ones_like(row, tf.bool)
    parts = (
        tf.scatter_nd(row[:, None], part, (count + 1, *part.shape[1:]))
        for part in (crops, squares, is_row)
    )
    return tuple(part[:count] for part in parts)


def square_around(box: Tensor, margin: float) -> Tensor:
    """`geometry.square_around` for one box: float32 [4] -> float32 [3]."""
    low, high = box[:2], box[2:]
    side = tf.reduce_max(high - low) * (1 + margin)
    return tf.concat([(low + high) / 2, [side]], axis=0)


def cut_square(image: Tensor, square: Tensor, size: int) -> Tensor:
    """`geometry.cut_square` for squares that are not rotated.

    Args:
      image: uint8 [H, W, 3].
      square: float32 [3].
      size: S.

    Returns:
      float32 [S, S, 3], in [0, 1].
    """
    step, extent = square[2] / size, tf.shape(image)
    # A box may be far larger than the image; never average more lines than the image has.
    longer = tf.cast(tf.reduce_max(extent[:2]), tf.float32)
    shrink = tf.cast(tf.clip_by_value(step, 1.0, longer), tf.int32)
    reach = step * size / 2
    top, rows = _groups(square[1], reach, shrink, extent[0])
    left, columns = _groups(square[0], reach, shrink, extent[1])
    averaged = _shrunk(image, (top, rows), (left, columns), shrink)
    for axis, centre, first in ((0, square[1], top), (1, square[0], left)):
        averaged = _sample(averaged, axis, centre - tf.cast(first, tf.float32), step, shrink, size)
    return tf.ensure_shape(averaged / 255, (size, size, 3))


def _groups(centre: Tensor, reach: Tensor, shrink: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """The first line of pixels needed, and the number of groups of `shrink` lines."""
    first, last = (
        tf.cast(tf.clip_by_value(end, -1.0, tf.cast(length, tf.float32)), tf.int32)
        for end in (centre - reach, centre + reach)
    )
    first = tf.maximum(first - 2 * shrink, 0)
    last = tf.minimum(last + 2 * shrink, length)
    return first, tf.maximum(-((first - last) // shrink), 1)


def _shrunk(
    image: Tensor, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor], shrink: Tensor
) -> Tensor:
    """Averages over `shrink` x `shrink` pixels; past the border, the last line repeats.

    `resize` averages the rows, since it takes bytes: a large photo as floats is four times larger.
    """
    (top, height), (left, width) = rows, columns
    image = image[:, left : left + width * shrink]
    image = tf.gather(image, _up_to(top, height * shrink, tf.shape(image)[0]))
    image = tf.image.resize(image, (height, tf.shape(image)[1]), "area")
    image = tf.gather(image, _up_to(0, width * shrink, tf.shape(image)[1]), axis=1)
    return tf.reduce_mean(tf.reshape(image, (height, width, shrink, 3)), axis=2)


def _up_to(first: Tensor, count: Tensor, length: Tensor) -> Tensor:
    return tf.minimum(first + tf.range(count), length - 1)


def _sample(
    pixels: Tensor, axis: int, centre: Tensor, step: Tensor, shrink: Tensor, size: int
) -> Tensor:
    """Interpolates `size` lines, `step` image pixels apart, from lines averaged by `shrink`."""
    # Image pixels to averaged pixels; see `geometry.fraction_to_pixel`.
    scale, count = tf.cast(shrink, tf.float32), tf.shape(pixels)[axis]
    offsets = (tf.range(size, dtype=tf.float32) - (size - 1) / 2) * step
    positions = (centre + offsets + 0.5) / scale - 0.5
    positions = tf.clip_by_value(positions, -2.0, tf.cast(count, tf.float32) + 1)  # black there
    low = tf.floor(positions)

    def line(index: Tensor) -> Tensor:
        inside = tf.cast((index >= 0) & (index < count), tf.float32)  # black outside the image
        inside = tf.reshape(inside, (-1, 1, 1) if axis == 0 else (1, -1, 1))
        return tf.gather(pixels, tf.clip_by_value(index, 0, count - 1), axis=axis) * inside

    share = tf.reshape(positions - low, (-1, 1, 1) if axis == 0 else (1, -1, 1))
    low = tf.cast(low, tf.int32)
    return line(low) * (1 - share) + line(low + 1) * share


def _checked_box(box: Tensor, image: Tensor) -> Tensor:
    extent = tf.cast(tf.gather(tf.shape(image), [1, 0]), tf.float32)
    low, high = box[:2], box[2:]
    is_face = (high > low) & (low < extent) & (high > 0)  # false for NaN
    is_face &= high - low <= _LARGEST_BOX * tf.reduce_max(extent)
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(is_face), [box])]):
        return tf.identity(box)
