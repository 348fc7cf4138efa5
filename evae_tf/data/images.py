"""Decoding image files, with every sort of picture brought to 8-bit RGB.

Pillow decodes, because it refuses a truncated file, which OpenCV returns half grey.
"""

import contextlib
import ctypes
import logging
import os
import warnings
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image

from evae_tf.array_types import ByteArray
from evae_tf.data import image_files, tiff_tags
from evae_tf.errors import InputError, first_line

_BAND_PX = 2**21
_EIGHT_BITS, _SIXTEEN_BITS = 255, 65535
_DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I")
# How often, and whether mirrored, `pixels` is turned to the left to lie as the file stores it.
_STORED = {
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (-1, True),
    6: (1, False),
    7: (1, True),
    8: (-1, False),
}


def _quieten_pillow() -> None:
    """What Pillow and its libtiff print of damaged files, it raises as well.

    Or it is no matter, as damaged metadata are where the pixels are good. This is for the whole
    process: `warnings.catch_warnings` does not hold in threads.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)
    library = ctypes.CDLL(Image.core.__file__)
    if hasattr(library, "TIFFSetErrorHandler"):
        library.TIFFSetErrorHandler(None)


_quieten_pillow()


def read_image(path: str | os.PathLike[str] | BinaryIO) -> ByteArray:
    """The pixels of an image file, its EXIF rotation applied.

    Grey, alpha, palette, 16-bit, CMYK and Lab images are converted; of several pictures in a file
    the first is read. Whole numbers of 16 bits or more that all lie within 0 to 255 are taken as
    those of 8 bits: as 16 bits they would be black.

    Args:
      path: a JPEG, PNG or any other file that Pillow reads, or such a file opened.

    Returns:
      uint8 [H, W, 3], RGB.

    Raises:
      InputError: there is no such file, it is truncated or no image that Pillow reads; it has more
        than `image_files.MAX_PIXELS`; or its values are floats, or of 32 bits and not within 0 to
        255: it does not say which of them is white.
    """
    if isinstance(path, str | os.PathLike):
        with image_files.opened(path) as file:
            return _read(file, path)
    return _read(path, "an image in memory")


def rgb_pixels(image: Image.Image, source: object) -> ByteArray:
    """The pixels of a Pillow image that errors call `source`; see `read_image`."""
    with _stated(source):
        image_files.check_size(image, source)
        high_bytes_only = any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))
        image.load()
        if image.mode == "F":
            raise InputError(f"{source}: found values that are floats, expected 8 or 16 bits each.")
        white = _white(image, source) if image.mode in _DEEP_MODES else None
        pixels = _upright(image, white)
        if high_bytes_only and image.mode not in _DEEP_MODES and not pixels.any():
            raise InputError(
                f"{source}: found 16-bit values of which none is above 255, expected 8 bits each, "
                "or up to 65535."
            )
    return pixels


def _read(file: BinaryIO, source: object) -> ByteArray:
    with _stated(source), image_files.identified(file, source) as image:
        return rgb_pixels(image, source)


@contextlib.contextmanager
def _stated(source: object) -> Iterator[None]:
    """Makes stated errors of what Pillow raises: its decoders, almost anything on damaged files."""
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{source}: there is too little memory for the image.") from error
    except Image.DecompressionBombError as error:  # see `image_files.identified`
        raise InputError(f"{source}: the image is too large ({first_line(error)}).") from error
    except Exception as error:
        reason = first_line(error).rstrip(".") or type(error).__name__
        raise InputError(f"{source}: the image is damaged or truncated ({reason}).") from error


def _bands(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """Yields (rows, what they show) of a loaded image, from top to bottom."""
    height = max(1, _BAND_PX // image.width)
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def _white(image: Image.Image, source: object) -> int:
    """The value of white in a loaded image of `_DEEP_MODES`."""
    ranges = [(band.min(), band.max()) for _, part in _bands(image) for band in [np.asarray(part)]]
    least, most = (int(value) for value in (min(ranges)[0], max(most for _, most in ranges)))
    if least >= 0 and most <= _EIGHT_BITS:
        return _EIGHT_BITS
    # `I` has 32 bits, or a sign; but Pillow makes it of .pgm files of 16 bits, too.
    if image.mode == "I" and image.format != "PPM":
        raise InputError(
            f"{source}: found 32-bit or signed values from {least} to {most}, expected 8 or 16 "
            "bits each."
        )
    return tiff_tags.white_of_12_bits(image) or _SIXTEEN_BITS


def _upright(image: Image.Image, white: int | None) -> ByteArray:
    """The pixels of a loaded image, turned as its EXIF data say.

    Band by band: Pillow's own functions would hold a large image several times.

    Args:
      image: of any mode that converts to RGB; or of `_DEEP_MODES`.
      white: of `_white`, or None of other modes.
    """
    turns, is_mirrored = _STORED.get(_orientation(image), (0, False))
    size = image.size if turns % 2 else image.size[::-1]
    pixels = np.empty((*size, 3), np.uint8)
    stored = np.rot90(pixels, turns)
    stored = stored[:, ::-1] if is_mirrored else stored
    for rows, band in _bands(image):
        stored[rows] = _rgb(band) if white is None else _grey(band, white, image)
    return pixels


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF data, which viewers ignore as well
        return 1


def _rgb(band: Image.Image) -> ByteArray:
    band.info.pop("transparency", None)  # Pillow would weigh it, and warn
    band = band.convert("LA") if band.mode == "La" else band
    return np.asarray(band.convert("RGB"))


def _grey(band: Image.Image, white: int, image: Image.Image) -> ByteArray:
    values = np.asarray(band, np.float32) * np.float32(_EIGHT_BITS / white)
    values = _EIGHT_BITS - values if tiff_tags.is_white_zero(image) else values
    return np.rint(values).astype(np.uint8)[..., None]
