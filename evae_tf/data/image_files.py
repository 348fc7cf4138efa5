"""Opens image files and identifies their format."""

import errno
import os
import stat
import struct
import warnings
from typing import BinaryIO

from PIL import Image, ImageFile

from evae_tf.data import image_formats, tiff_tags
from evae_tf.errors import InputError, first_line

# Reading takes 4 bytes per pixel in Pillow and 3 in the array: 1.9 GB at the limit, twice that for
# WebP. Phones reach 200 megapixels, below the limit. It is checked before decoding, because a few
# bytes can declare any image size.
MAX_PIXELS = 2**28

# A JPEG file has at most 512 pixels per byte: one bit per block of 8 x 8. Missing data would be
# decoded as grey. Other formats compress a single colour further, but not a large photo.
_PX_A_BYTE, _LARGE_PX = 600, 2**25


def hold_limit_in_pillow() -> None:
    """Sets Pillow's limit to `MAX_PIXELS`, also for TIFF, WebP, GIF and icon files.

    The limit is global to the process, so only commands call this.
    """
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def opened(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens the file at `path` for reading.

    Raises:
      InputError: it is missing, unreadable, a folder or not a regular file.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):  # opening a pipe or reading a device may block forever
            return open(path, "rb")
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such image.") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InputError(f"{path}: found a link to itself, expected an image file.") from error
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise InputError(f"{path!r}: not a valid file name ({error}).") from error
    found = "a folder" if stat.S_ISDIR(mode) else "a pipe, a device or a similar file"
    raise InputError(f"{path}: found {found}, expected an image file.")


def identified(file: BinaryIO, source: object) -> ImageFile.ImageFile:
    """Opens the image in a file without decoding its pixels.

    Like `Image.open`, but without its global limit, which is too low for phone photos. In TIFF,
    WebP, GIF and icon files, Pillow applies the limit all the same.

    Args:
      file: a binary file, at its beginning.
      source: name of the file in messages.

    Raises:
      InputError: it is not an image that Pillow can read.
      Exception: any exception of Pillow for damaged files.
    """
    Image.init()
    start = file.read(image_formats.LONGEST_START)
    if not start:
        raise InputError(f"{source}: the file is empty, expected an image.")
    unread = image_formats.unread_format(start)
    if unread is not None:
        raise InputError(f"{source}: found {unread}.")
    damage = None
    for name in Image.ID:
        create, accepts = Image.OPEN[name]
        try:
            accepted = accepts is None or accepts(start[:16])
            if not accepted or isinstance(accepted, str):  # text: a library is missing
                continue
            file.seek(0)
            image = create(file, b"")
        except (SyntaxError, IndexError, TypeError, struct.error) as error:  # not of this format
            damage = damage or (accepts and f"{name}: {first_line(error)}")
        else:
            return _photo(image, file, source)
    file.seek(0)
    found = tiff_tags.pixel_type(file)
    if found is not None:
        raise InputError(f"{source}: found {found}, expected grey, RGB or CMYK of 8 or 16 bits.")
    if damage is not None:
        raise InputError(f"{source}: the image is damaged or truncated ({damage}).")
    raise InputError(f"{source}: not an image file that can be read; expected JPEG or PNG.")


def _photo(image: ImageFile.ImageFile, file: BinaryIO, source: object) -> ImageFile.ImageFile:
    """The image, unless Pillow cannot decode its pixels or would decode only a preview."""
    if isinstance(image, ImageFile.StubImageFile):
        raise InputError(f"{source}: found a {image.format} file; convert it to JPEG or PNG.")
    if tiff_tags.is_raw(image):
        raise InputError(
            f"{source}: found a raw photo (DNG, NEF, ARW or similar); convert it to JPEG or PNG."
        )
    check_size(image, source)
    place = file.tell()
    size, count = file.seek(0, os.SEEK_END), image.width * image.height
    file.seek(place)
    smallest = 0 if image.format in ("JPEG", "MPO") else _LARGE_PX
    if count > max(smallest, _PX_A_BYTE * size):
        raise InputError(
            f"{source}: the image is damaged or not a photo ({image.width} x {image.height} pixels "
            f"in {size} bytes)."
        )
    return image


def check_size(image: Image.Image, source: object) -> None:
    """Checks the size of an image.

    Raises:
      InputError: it has more than `MAX_PIXELS`, or no pixels.
    """
    count = image.width * image.height
    if not count:
        raise InputError(f"{source}: found an image of {image.width} x {image.height} pixels.")
    if count > MAX_PIXELS:
        raise InputError(
            f"{source}: the image is too large: {image.width} x {image.height} are "
            f"{count / 1e6:.0f} megapixels, expected at most {MAX_PIXELS / 1e6:.0f}."
        )
