"""Decoding image files, with every sort of picture brought to 8-bit RGB."""

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from evae_tf.errors import InputError

_SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def read_image(path):
    """The pixels of an image file, its EXIF rotation applied.

    Grey, alpha, palette, 16-bit and CMYK images are converted. Pillow is used because it refuses
    a truncated file, which OpenCV returns half grey.

    Args:
      path: a JPEG, PNG or any other file that Pillow reads.

    Returns:
      uint8 [H, W, 3], RGB.

    Raises:
      InputError: the file is missing, empty, truncated or not an image.
    """
    try:
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image)
            if image.mode in _SIXTEEN_BIT_MODES:
                # Pillow's own conversion clips at 255 instead of scaling.
                grey = np.asarray(image, np.float32) * (255 / 65535)
                return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)
            return np.array(image.convert("RGB"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such image.") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: not an image file that can be read, or empty.") from error
    except PermissionError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise InputError(f"{path}: the image is damaged or truncated ({error}).") from error
