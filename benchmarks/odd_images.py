"""Image files in all formats, intact, damaged, or decompression bombs; see `fuzz_images`."""

import io
import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

_WIDTH, _HEIGHT = 83, 59
_NO_PICTURES = ("PDF", "BUFR", "GRIB", "HDF5", "WMF")
_MODES = ("RGB", "L", "P", "RGBA", "1", "LA", "CMYK", "YCbCr", "LAB", "I", "I;16", "F")
_TIFF_PACKINGS = ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "zstd", "lzma")
_SIZES = (0, 1, 7, 255, 4000, 16383, 16384, 30000, 65535, 2**24 - 1, 2**31 - 1, 2**32 - 1)


def pictures() -> Iterator[tuple[str, bytes]]:
    """Yields (format, content) of small images in all formats and modes that Pillow writes."""
    Image.init()
    noise = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    picture = Image.fromarray(cv2.resize(noise, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_CUBIC))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8769] = 6, "maker", {0x9003: "2024:01:01 00:00:00"}
    several = {"save_all": True, "append_images": [picture] * 3}
    further = [{"exif": exif}, {"progressive": True}, several, {"lossless": True}]
    for name in sorted(set(Image.SAVE) - set(_NO_PICTURES)):
        packings = [{"compression": packing} for packing in _TIFF_PACKINGS if name == "TIFF"]
        for mode in _MODES:
            yield from _saved(picture.convert(mode), name)
        for options in [*further, *packings]:
            yield from _saved(picture, name, **options)


def _saved(picture: Image.Image, name: str, **options: object) -> Iterator[tuple[str, bytes]]:
    file = io.BytesIO()
    try:
        picture.save(file, name, **options)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return  # not every format supports every mode and option
    yield name, file.getvalue()


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yields (format, content) of decompression bombs."""
    for side in (9000, 20000):
        yield from _saved(Image.new("1", (side, side)), "PNG")
        yield from _saved(Image.new("1", (side, side)), "TIFF", compression="group4")
    yield from _saved(Image.new("L", (9000, 9000)), "WEBP", lossless=True)
    text = PngImagePlugin.PngInfo()
    text.add_text("text", " " * 5_000_000, zip=True)
    yield from _saved(Image.new("L", (_WIDTH, _HEIGHT)), "PNG", pnginfo=text)
    frames = [Image.new("1", (_WIDTH, _HEIGHT), shade) for shade in (0, 1)] * 1000
    yield from _saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    ((_, icon),) = _saved(Image.new("1", (9000, 9000)), "PNG")
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(icon), 22)
    yield "ICO", struct.pack("<HHH", 0, 1, 1) + entry + icon


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """A file of `pictures` or `bombs`, damaged in one or several ways."""
    spoil = (_cut, _flip, _overwrite, _shift, _lie, _lie)
    spoilt = bytearray(content)
    for index in rng.integers(len(spoil), size=rng.integers(4)):
        spoil[index](spoilt, rng)
    return _with_checksums(bytes(spoilt))


def _cut(content: bytearray, rng: np.random.Generator) -> None:
    del content[rng.integers(len(content) + 1) :]


def _flip(content: bytearray, rng: np.random.Generator) -> None:
    near = len(content) if rng.random() < 0.5 else min(len(content), 200)  # the header
    for place in rng.integers(near, size=rng.integers(1, 9)) if near else ():
        content[place] ^= 1 << rng.integers(8)


def _overwrite(content: bytearray, rng: np.random.Generator) -> None:
    start, length = rng.integers(len(content) + 1), rng.integers(1, 40)
    kind = rng.integers(3)
    filling = rng.bytes(length) if kind == 2 else bytes([255 * int(kind)]) * int(length)
    content[start : start + length] = filling


def _shift(content: bytearray, rng: np.random.Generator) -> None:
    start, length = rng.integers(len(content) + 1, size=2)
    part = bytes(content[start : start + min(length, 300)])
    if rng.random() < 0.5:
        del content[start : start + len(part)]
    else:
        content[start:start] = part


def _lie(content: bytearray, rng: np.random.Generator) -> None:
    """Writes another width or height to possible places in the header."""
    side = int(rng.choice((_WIDTH, _HEIGHT, _WIDTH - 1, _HEIGHT - 1)))
    told = int(rng.choice(_SIZES))
    for code in ("<H", ">H", "<I", ">I"):
        true = struct.pack(code, side)
        lie = struct.pack(code, told % 2 ** (8 * len(true)))
        start = content.find(true, 0, 400)
        if start >= 0 and rng.random() < 0.7:
            content[start : start + len(true)] = lie


def _with_checksums(content: bytes) -> bytes:
    """Corrects the header checksum of a PNG file; readers stop at a wrong one."""
    if not content.startswith(b"\x89PNG") or len(content) < 33:
        return content
    return content[:29] + struct.pack(">I", zlib.crc32(content[12:29])) + content[33:]
