"""Pixel properties from TIFF tags that Pillow does not report."""

from typing import BinaryIO

from PIL import Image, TiffImagePlugin

_SUBFILE_TYPE, _SUB_FILES, _DNG_VERSION = 254, 330, 50706
_REDUCED = 1  # a bit of the subfile type
_WHITE_IS_ZERO = 0
_KINDS = {1: "unsigned integers", 2: "signed integers", 3: "floats"}


def pixel_type(file: BinaryIO) -> str | None:
    """The pixel type of a TIFF file that Pillow refuses, for a message; None for other files."""
    header = file.read(8)
    if not header.startswith(tuple(TiffImagePlugin.PREFIXES)):
        return None
    header += file.read(8) if 43 in header[2:4] else b""  # BigTIFF
    tags = TiffImagePlugin.ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    kinds = sorted(
        {_KINDS.get(kind, "numbers") for kind in tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))}
    )
    bits = sorted({*tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))})[:4]  # damaged files: many
    return (
        f"a TIFF of {' or '.join(kinds)} ({tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)} x "
        f"{' or '.join(map(str, bits))} bits per pixel, photometric interpretation "
        f"{tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION)})"
    )


def is_raw(image: Image.Image) -> bool:
    """Whether Pillow opened the preview of a raw photo (DNG, NEF, ARW), which is a TIFF too."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    tags = image.tag_v2
    is_preview = _SUB_FILES in tags and tags.get(_SUBFILE_TYPE, 0) & _REDUCED
    return _DNG_VERSION in tags or bool(is_preview)


def white_of_12_bits(image: Image.Image) -> int | None:
    """The white level of a 12-bit TIFF, which Pillow does not scale; else None."""
    tags = getattr(image, "tag_v2", {})
    return 4095 if tags.get(TiffImagePlugin.BITSPERSAMPLE) == (12,) else None


def is_white_zero(image: Image.Image) -> bool:
    """Whether 0 is white. Pillow inverts 8-bit values, but not 16-bit ones."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO
