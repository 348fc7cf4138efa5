"""Image files: opened, and told apart by what they hold."""

import errno
import os
import stat
import struct
import warnings
from typing import BinaryIO

from PIL import Image, ImageFile

from evae_tf.data import image_formats, tiff_tags
from evae_tf.errors import InputError, first_line

# Reading takes 4 bytes a pixel in Pillow and 3 in the array: 1.9 GB at the limit, which the 200
# megapixels of phones are below; of WebP files twice that. It is held before pixels are decoded: a
# few bytes can promise any number of them.
MAX_PIXELS = 2**28

# A JPEG file holds at most 512: a bit for each block of 8 x 8. What is missing would become grey.
# Other formats pack one colour tighter, but no large photo.
_PX_A_BYTE, _LARGE_PX = 600, 2**25


def hold_limit_in_pillow() -> None:
    """Makes `MAX_PIXELS` Pillow's limit, inside of TIFF, WebP and GIF files and icons as well.

    It is one for the whole process, so this is for commands.
    """
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def opened(path: str | os.PathLike[str]) -> BinaryIO:
    """The file at `path`, ready to read.

    Raises:
      InputError: it is missing, may not be read, or is a folder or no ordinary file.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):  # to open a pipe may take for ever, and so may to read a device
            return open(path, "rb")
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such image.") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InputError(f"{path}: a link to itself.") from error
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise InputError(f"{path!r}: not the name of a file ({error}).") from error
    found = "a folder" if stat.S_ISDIR(mode) else "a pipe, a device or the like"
    raise InputError(f"{path}: found {found}, expected an image file.")


def identified(file: BinaryIO, source: object) -> ImageFile.ImageFile:
    """The image in a file, its pixels not decoded yet.

    As `Image.open`, but without its limit, which is below what phones take and which the whole
    process shares. Inside of TIFF, WebP and GIF files and icons Pillow holds it all the same.

    Args:
      file: at its beginning.
      source: what errors call it.

    Raises:
      InputError: it is no image that Pillow reads.
      Exception: whatever Pillow raises on damaged files.
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
    """The image, unless its pixels are none that Pillow decodes, or none of the photo itself."""
    if isinstance(image, ImageFile.StubImageFile):
        raise InputError(f"{source}: found a {image.format} file; convert it to JPEG or PNG.")
    if tiff_tags.is_raw(image):
        raise InputError(
            f"{source}: found a raw photo of a camera (DNG, NEF, ARW or the like); convert it to "
            "JPEG or PNG."
        )
    check_size(image, source)
    place = file.tell()
    size, count = file.seek(0, os.SEEK_END), image.width * image.height
    file.seek(place)
    smallest = 0 if image.format in ("JPEG", "MPO") else _LARGE_PX
    if count > max(smallest, _PX_A_BYTE * size):
        raise InputError(
            f"{source}: the image is damaged or no photo ({image.width} x {image.height} pixels in "
            f"{size} bytes)."
        )
    return image


def check_size(image: Image.Image, source: object) -> None:
    """Holds an image against `MAX_PIXELS`.

    Raises:
      InputError: it has more of them, or none.
    """
    count = image.width * image.height
    if not count:
        raise InputError(f"{source}: found an image of {image.width} x {image.height} pixels.")
    if count > MAX_PIXELS:
        raise InputError(
            f"{source}: the image is too large: {image.width} x {image.height} are "
            f"{count / 1e6:.0f} megapixels, expected at most {MAX_PIXELS / 1e6:.0f}."
        )
