"""From image files to crops inside the graph, so that a server needs no Python of ours.

The twins of `data.images.read_image` and `geometry.cut_square` in TensorFlow operations; tests
hold them against these and against the golden vectors. What is wrong with a row raises inside a
`tf.data` pipeline of that row alone, which leaves the row out: an error anywhere else would refuse
the whole batch.
"""

import tensorflow as tf

from evae_tf.array_types import Tensor

_EXIF_MARKER, _SCAN_MARKER = 0xE1, 0xDA
_MAX_SEGMENTS = 200  # a photo has a dozen; a file made to keep a server busy has thousands
_ORIENTATION_TAG = 0x0112


def cut_crops(
    image_bytes: Tensor, boxes: Tensor, size: int, margin: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Decodes image files and cuts a face out of each.

    Args:
      image_bytes: string [N], JPEG or PNG files.
      boxes: float32 [N, 4], (x_min, y_min, x_max, y_max) in pixels of the upright image.
      size: S, side of the crops in pixels.
      margin: see `geometry.square_around`.

    Returns:
      crops float32 [N, S, S, 3], RGB in [0, 1]; squares float32 [N, 3], image pixels, see
      `geometry.square_around`; valid bool [N]: false where the bytes do not decode, or the box is
      empty or outside the image. Such a row's crop is black and its square 0.
    """

    def cut(data: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
        image = decode(data)
        square = square_around(_checked_box(box, image), margin)
        return cut_square(image, square, size), square

    def row(inputs: Tensor) -> Tensor:
        found = tf.data.Dataset.from_tensors(inputs).map(cut).ignore_errors()
        nothing: Tensor = (tf.zeros((size, size, 3)), tf.zeros(3), False)
        return found.reduce(nothing, lambda _, cut_out: (*cut_out, True))

    shapes = ((size, size, 3), tf.float32), ((3,), tf.float32), ((), tf.bool)
    signature = tuple(tf.TensorSpec(*shape) for shape in shapes)
    return tf.map_fn(row, (image_bytes, boxes), fn_output_signature=signature)


def decode(data: Tensor) -> Tensor:
    """The pixels of an image file, a JPEG file's EXIF rotation applied.

    Args:
      data: string scalar.

    Returns:
      uint8 [H, W, 3], RGB.

    Raises:
      tf.errors.InvalidArgumentError: damaged, truncated or no image (when it runs).
    """

    def jpeg() -> Tensor:
        # Of the two transforms that libraries have, the exact one: Pillow takes it as well.
        image = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
        return upright(image, exif_orientation(data))

    def other() -> Tensor:
        return tf.io.decode_image(data, channels=3, expand_animations=False)

    image = tf.cond(tf.io.is_jpeg(data), jpeg, other)
    return tf.ensure_shape(image, (None, None, 3))


def upright(image: Tensor, orientation: Tensor) -> Tensor:
    """Undoes what EXIF's orientation 1 to 8 says was done: [H, W, 3] -> [H, W, 3] or [W, H, 3]."""
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    mirrored = tf.reduce_any(orientation == [2, 3, 6, 7])
    upside_down = tf.reduce_any(orientation == [3, 4, 7, 8])
    # Not by slices of step -1: the graph's optimisers stop at those, for the network as well.
    image = tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(upside_down, lambda: tf.reverse(image, [0]), lambda: image)


def exif_orientation(data: Tensor) -> Tensor:
    """The orientation, 1 to 8, that a JPEG file's EXIF data give, and 1 where they give none.

    Args:
      data: string scalar, a JPEG file.

    Returns:
      int64 scalar.

    Source: CIPA DC-008, Exif 2.32, sections 4.5 (file structure) and 4.6.4 (orientation).
    """
    values = tf.io.decode_raw(data, tf.uint8)
    size = tf.size(values, tf.int64)

    def number(position: Tensor, count: int, little: Tensor = False) -> Tensor:
        """The `count` bytes at each position as a number; past the end they repeat the last."""
        position = tf.minimum(position[..., None] + tf.range(count, dtype=tf.int64), size - 1)
        powers = [256**i for i in range(count)]
        powers = tf.where(little, tf.constant(powers, tf.int64), powers[::-1])
        return tf.reduce_sum(tf.cast(tf.gather(values, position), tf.int64) * powers, axis=-1)

    def marker(position: Tensor) -> Tensor:
        return number(position, 2) - 0xFF00

    def is_segment_before(position: Tensor) -> Tensor:
        found = marker(position)
        return (position + 4 < size) & (found > 0) & (found != _SCAN_MARKER) & ~is_exif(position)

    def is_exif(position: Tensor) -> Tensor:
        return (marker(position) == _EXIF_MARKER) & (
            number(position + 4, 4) == int.from_bytes(b"Exif", "big")
        )

    # Segments follow the two bytes that open the file, each with a marker and its length.
    (exif,) = tf.while_loop(
        is_segment_before,
        lambda position: (position + 2 + tf.maximum(number(position + 2, 2), 2),),
        (tf.constant(2, tf.int64),),
        maximum_iterations=_MAX_SEGMENTS,
    )
    # A TIFF file lies in it: its byte order, the place of its directory, in that 12 bytes an entry.
    start = exif + 10
    little = number(start, 2) == int.from_bytes(b"II", "big")
    directory = start + number(start + 4, 4, little)
    entries = directory + 2 + 12 * tf.range(number(directory, 2, little))
    wanted = tf.boolean_mask(entries, number(entries, 2, little) == _ORIENTATION_TAG)
    found = number(wanted + 8, 2, little)
    found = tf.boolean_mask(found, is_exif(exif) & (found >= 1) & (found <= 8))
    return tf.concat([found, [1]], axis=0)[0]


def square_around(box: Tensor, margin: float) -> Tensor:
    """`geometry.square_around` for one box: float32 [4] -> float32 [3]."""
    low, high = box[:2], box[2:]
    side = tf.reduce_max(high - low) * (1 + margin)
    return tf.concat([(low + high) / 2, [side]], axis=0)


def cut_square(image: Tensor, square: Tensor, size: int) -> Tensor:
    """`geometry.cut_square` for squares that are not turned.

    Args:
      image: uint8 [H, W, 3].
      square: float32 [3].
      size: S.

    Returns:
      float32 [S, S, 3], in [0, 1].
    """
    step = square[2] / size
    # A box may be far larger than the image: no more lines are averaged than the image has.
    longer = tf.cast(tf.reduce_max(tf.shape(image)[:2]), tf.float32)
    shrink = tf.cast(tf.clip_by_value(step, 1.0, longer), tf.int32)
    for axis, centre in ((0, square[1]), (1, square[0])):
        image = _sample(image, axis, centre, step, shrink, size)
    return tf.ensure_shape(image / 255, (size, size, 3))


def _sample(
    pixels: Tensor, axis: int, centre: Tensor, step: Tensor, shrink: Tensor, size: int
) -> Tensor:
    """Averages `shrink` lines of pixels into one, then takes `size` lines, `step` apart."""
    length, reach = tf.shape(pixels)[axis], step * size / 2
    first, last = (
        tf.cast(tf.clip_by_value(end, -1.0, tf.cast(length, tf.float32)), tf.int32)
        for end in (centre - reach, centre + reach)
    )
    first = tf.maximum(first - 2 * shrink, 0)
    last = tf.minimum(last + 2 * shrink, length)
    count = tf.maximum(-((first - last) // shrink), 1)
    lines = first + tf.range(count * shrink)
    pixels = tf.gather(pixels, tf.clip_by_value(lines, 0, length - 1), axis=axis)
    pixels = tf.cast(pixels, tf.float32)  # only now: a whole photo would take four times its memory
    shape = tf.shape(pixels)
    parted = tf.concat([shape[:axis], [count, shrink], shape[axis + 1 :]], axis=0)
    pixels = tf.reduce_mean(tf.reshape(pixels, parted), axis=axis + 1)

    # From pixels of the image to averaged ones; see `geometry.fraction_to_pixel`.
    scale = tf.cast(shrink, tf.float32)
    offsets = (tf.range(size, dtype=tf.float32) - (size - 1) / 2) * step
    positions = (centre + offsets - tf.cast(first, tf.float32) + 0.5) / scale - 0.5
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
    wanted = (tf.math.is_finite(high - low), high > low, low < extent, high > 0)
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(w), [box]) for w in wanted]):
        return tf.identity(box)
