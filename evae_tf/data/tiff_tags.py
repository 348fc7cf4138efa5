"""What a TIFF file says of its pixels that Pillow does not."""

from typing import BinaryIO

from PIL import Image, TiffImagePlugin

_SUBFILE_TYPE, _SUB_FILES, _DNG_VERSION = 254, 330, 50706
_REDUCED = 1  # a bit of the subfile type
_WHITE_IS_ZERO = 0
_KINDS = {1: "whole numbers", 2: "whole numbers with a sign", 3: "floats"}


def pixel_type(file: BinaryIO) -> str | None:
    """What the pixels of a TIFF file are that Pillow refuses; None of another file."""
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
    bits = sorted({*tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))})
    return (
        f"a TIFF of {' or '.join(kinds)} ({tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)} of "
        f"{' or '.join(map(str, bits))} bits a pixel, photometric interpretation "
        f"{tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION)})"
    )


def is_raw(image: Image.Image) -> bool:
    """Whether what Pillow opened is the preview in a raw photo (DNG, NEF, ARW): a TIFF as well."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    tags = image.tag_v2
    is_preview = _SUB_FILES in tags and tags.get(_SUBFILE_TYPE, 0) & _REDUCED
    return _DNG_VERSION in tags or bool(is_preview)


def white_of_12_bits(image: Image.Image) -> int | None:
    """The value of white where Pillow leaves 12 bits as they are, else None."""
    tags = getattr(image, "tag_v2", {})
    return 4095 if tags.get(TiffImagePlugin.BITSPERSAMPLE) == (12,) else None


def is_white_zero(image: Image.Image) -> bool:
    """Whether 0 is white: Pillow turns values of 8 bits round, but not those of 16."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO
