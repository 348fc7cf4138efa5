"""Decodes image files to 8-bit RGB.

Pillow is used because it refuses truncated files, which OpenCV returns partly grey.
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
# EXIF orientation -> (left turns, mirrored) that bring `pixels` into the layout of the file.
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
    """Silences warnings of Pillow and libtiff about damaged files.

    They duplicate exceptions, or concern only metadata. The setting is global to the process,
    because `warnings.catch_warnings` does not work in threads.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)
    library = ctypes.CDLL(Image.core.__file__)
    if hasattr(library, "TIFFSetErrorHandler"):
        library.TIFFSetErrorHandler(None)


_quieten_pillow()


def read_image(path: str | os.PathLike[str] | BinaryIO) -> ByteArray:
    """Reads an image file and applies its EXIF rotation.

    Grey, alpha, palette, 16-bit, CMYK and Lab images are converted. If a file contains several
    images, the first is read. Integers of 16 or more bits that are all within 0 to 255 are read as
    8 bits; as 16 bits they would be black.

    Args:
      path: a JPEG, PNG or other file that Pillow can read, or an open binary file.

    Returns:
      uint8 [H, W, 3], RGB.

    Raises:
      InputError: the file is missing, truncated or not readable by Pillow; it has more than
        `image_files.MAX_PIXELS`; or its values are floats, or 32-bit integers outside 0 to 255,
        whose white level is unknown.
    """
    if isinstance(path, str | os.PathLike):
        with image_files.opened(path) as file:
            return _read(file, path)
    return _read(path, "an image in memory")


def rgb_pixels(image: Image.Image, source: object) -> ByteArray:
    """The pixels of a Pillow image, called `source` in messages; see `read_image`."""
    with _stated(source):
        image_files.check_size(image, source)
        high_bytes_only = any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))
        image.load()
        if image.mode == "F":
            raise InputError(f"{source}: found float values, expected 8-bit or 16-bit integers.")
        white = _white(image, source) if image.mode in _DEEP_MODES else None
        pixels = _upright(image, white)
        if high_bytes_only and image.mode not in _DEEP_MODES and not pixels.any():
            raise InputError(
                f"{source}: found 16-bit values up to 255 only, expected 8-bit values or values up "
                "to 65535."
            )
    return pixels


def _read(file: BinaryIO, source: object) -> ByteArray:
    with _stated(source), image_files.identified(file, source) as image:
        return rgb_pixels(image, source)


@contextlib.contextmanager
def _stated(source: object) -> Iterator[None]:
    """Converts Pillow's exceptions to `InputError`; damaged files can raise almost any type."""
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
    """Yields (rows, their pixels) of a loaded image, from top to bottom."""
    height = max(1, _BAND_PX // image.width)
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def _white(image: Image.Image, source: object) -> int:
    """The white level of a loaded image of `_DEEP_MODES`."""
    ranges = [(band.min(), band.max()) for _, part in _bands(image) for band in [np.asarray(part)]]
    least, most = (int(value) for value in (min(ranges)[0], max(most for _, most in ranges)))
    if least >= 0 and most <= _EIGHT_BITS:
        return _EIGHT_BITS
    # Mode `I` is 32-bit or signed, but Pillow also uses it for 16-bit .pgm files.
    if image.mode == "I" and image.format != "PPM":
        raise InputError(
            f"{source}: found 32-bit or signed values from {least} to {most}, expected 8-bit or "
            "16-bit unsigned values."
        )
    return tiff_tags.white_of_12_bits(image) or _SIXTEEN_BITS


def _upright(image: Image.Image, white: int | None) -> ByteArray:
    """The pixels of a loaded image with its EXIF rotation applied.

    It works in bands, because Pillow's functions would copy a large image several times.

    Args:
      image: an image of `_DEEP_MODES` or of a mode that converts to RGB.
      white: result of `_white`; None for other modes.
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
    except Exception:  # damaged EXIF data; viewers ignore it too
        return 1


def _rgb(band: Image.Image) -> ByteArray:
    band.info.pop("transparency", None)  # Pillow would apply it, and warn
    band = band.convert("LA") if band.mode == "La" else band
    return np.asarray(band.convert("RGB"))


def _grey(band: Image.Image, white: int, image: Image.Image) -> ByteArray:
    values = np.asarray(band, np.float32) * np.float32(_EIGHT_BITS / white)
    values = _EIGHT_BITS - values if tiff_tags.is_white_zero(image) else values
    return np.rint(values).astype(np.uint8)[..., None]
