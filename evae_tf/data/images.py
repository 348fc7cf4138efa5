"""Decoding image files, with every sort of picture brought to 8-bit RGB."""

import os
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from evae_tf.array_types import ByteArray
from evae_tf.errors import InputError

# `I` has 32 bits, but is what Pillow makes of some 16-bit files too.
_SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def read_image(path: str | os.PathLike[str] | BinaryIO) -> ByteArray:
    """The pixels of an image file, its EXIF rotation applied.

    Grey, alpha, palette, 16-bit and CMYK images are converted. Pillow is used because it refuses
    a truncated file, which OpenCV returns half grey.

    Args:
      path: a JPEG, PNG or any other file that Pillow reads, or such a file opened.

    Returns:
      uint8 [H, W, 3], RGB.

    Raises:
      InputError: the file is missing, empty, truncated or not an image, or its values are floats
        or need more than 16 bits: it does not say which of them is white.
    """
    try:
        with Image.open(path) as image:
            return rgb_pixels(image, path)
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such image.") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: not an image file that can be read, or empty.") from error
    except PermissionError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise InputError(f"{path}: the image is damaged or truncated ({error}).") from error


def rgb_pixels(image: Image.Image, path: object) -> ByteArray:
    """The pixels of a Pillow image that errors call `path`; see `read_image`."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise InputError(f"{path}: found values that are floats, expected 8 or 16 bits each.")
    if image.mode not in _SIXTEEN_BIT_MODES:
        return np.array(image.convert("RGB"))
    values = np.asarray(image)
    least, most = values.min(), values.max()
    if least < 0 or most > 65535:
        raise InputError(
            f"{path}: found values from {least} to {most}, expected 8 or 16 bits each."
        )
    # Pillow's own conversion clips at 255 instead of scaling.
    grey = np.rint(np.asarray(values, np.float32) * (255 / 65535)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
