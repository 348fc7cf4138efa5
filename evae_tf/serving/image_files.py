"""Decodes image files to upright pixels in TensorFlow operations, for servers without Python.

The counterpart of `data.images.read_image`; tests compare the two. Errors in a file are raised
when the graph runs.
"""

import tensorflow as tf

from evae_tf.array_types import Tensor

LARGEST = 2**29 // 3  # pixels; TensorFlow's limit for a colour JPEG file
_MOST_WORK = 2**34  # pixels times scans of a JPEG file: about ten seconds
_MOST_PIXELS_PER_BYTE = 512  # of a JPEG file, which needs at least a bit for each 8 x 8 block

_EXIF_MARKER, _SCAN_MARKER = 0xE1, 0xDA
_MAX_SEGMENTS = 200  # a photo has a dozen; a malicious file has thousands
_ORIENTATION_TAG = 0x0112


def decode(data: Tensor) -> Tensor:
    """The pixels of an image file; the EXIF rotation of a JPEG file is applied.

    Args:
      data: string scalar, a JPEG or PNG file. TensorFlow's other formats are supported, too: BMP
        and, in newer releases, WebP.

    Returns:
      uint8 [H, W, 3], RGB.

    Raises:
      tf.errors.InvalidArgumentError: the file is damaged, truncated or not an image, or has more
        than `LARGEST` pixels; or it is a GIF, whose header does not bound its size (raised when
        the graph runs).
    """
    image = tf.cond(tf.io.is_jpeg(data), lambda: _decode_jpeg(data), lambda: _decode_other(data))
    return tf.ensure_shape(image, (None, None, 3))


def _decode_jpeg(data: Tensor) -> Tensor:
    pixels = _product(tf.io.extract_jpeg_shape(data)[:2])
    values = tf.io.decode_raw(data, tf.uint8)
    # A scan can be ten bytes long and visit all pixels. Its marker never occurs in pixel data.
    is_scan = (values[:-1] == 0xFF) & (values[1:] == _SCAN_MARKER)
    scans = tf.math.count_nonzero(is_scan, dtype=tf.int64)
    most = tf.minimum(_MOST_PIXELS_PER_BYTE * tf.size(values, tf.int64), LARGEST)
    with _only_if((pixels <= most) & (pixels * scans <= _MOST_WORK)):
        # The exact one of the two usual transforms; Pillow uses it as well.
        image = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
    return upright(image, exif_orientation(data))


def _decode_other(data: Tensor) -> Tensor:
    def png_fits() -> Tensor:  # the size must be in the first chunk; libpng also accepts it later
        size = tf.io.decode_raw(tf.strings.substr(data, 16, 8), tf.int32, little_endian=False)
        return (tf.strings.substr(data, 12, 4) == b"IHDR") & (_product(size) <= LARGEST)

    def is_bounded() -> Tensor:  # BMP is not compressed; WebP has at most 16,383 squared pixels
        return (kind == b"RIFF") | (tf.strings.substr(kind, 0, 2) == b"BM")

    kind = tf.strings.substr(data, 0, 4)
    with _only_if(tf.cond(kind == b"\x89PNG", png_fits, is_bounded)):
        return tf.io.decode_image(data, channels=3, expand_animations=False)


def _product(size: Tensor) -> Tensor:
    return tf.reduce_prod(tf.cast(size, tf.int64))


def _only_if(condition: Tensor) -> Tensor:
    return tf.control_dependencies([tf.debugging.Assert(condition, ["too large, or no image"])])


def upright(image: Tensor, orientation: Tensor) -> Tensor:
    """Undoes the EXIF orientation, 1 to 8: [H, W, 3] -> [H, W, 3] or [W, H, 3]."""
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    mirrored = tf.reduce_any(orientation == [2, 3, 6, 7])
    upside_down = tf.reduce_any(orientation == [3, 4, 7, 8])
    # No slices of step -1: they stop the graph optimisers, also for the network.
    image = tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(upside_down, lambda: tf.reverse(image, [0]), lambda: image)


def exif_orientation(data: Tensor) -> Tensor:
    """The EXIF orientation of a JPEG file, 1 to 8; 1 if there is none.

    Args:
      data: string scalar, a JPEG file.

    Returns:
      int64 scalar.

    Source: CIPA DC-008, Exif 2.32, sections 4.5 (file structure) and 4.6.4 (orientation).
    """
    values = tf.io.decode_raw(data, tf.uint8)
    size = tf.size(values, tf.int64)

    def number(position: Tensor, count: int, little: Tensor = False) -> Tensor:
        """The `count` bytes at each position as a number; past the end, the last byte repeats."""
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

    # After the first two bytes come segments, each with a marker and its length.
    (exif,) = tf.while_loop(
        is_segment_before,
        lambda position: (position + 2 + tf.maximum(number(position + 2, 2), 2),),
        (tf.constant(2, tf.int64),),
        maximum_iterations=_MAX_SEGMENTS,
    )
    # The segment contains a TIFF file: byte order, offset of the directory, 12 bytes per entry.
    start = exif + 10
    little = number(start, 2) == int.from_bytes(b"II", "big")
    directory = start + number(start + 4, 4, little)
    # Without EXIF data these bytes are arbitrary and could mean thousands of entries.
    count = tf.where(is_exif(exif), number(directory, 2, little), 0)
    entries = directory + 2 + 12 * tf.range(count)
    wanted = tf.boolean_mask(entries, number(entries, 2, little) == _ORIENTATION_TAG)
    found = number(wanted + 8, 2, little)
    found = tf.boolean_mask(found, (found >= 1) & (found <= 8))
    return tf.concat([found, [1]], axis=0)[0]
