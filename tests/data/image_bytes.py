"""Image files made by hand, and the sentence that refuses one."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from evae_tf.data.images import read_image
from evae_tf.errors import InputError

RGB = (200, 100, 50)


def picture(mode="RGB"):
    """48 x 64 pixels, RGB on the left half, black on the right, in one of Pillow's modes."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :32] = RGB
    image = Image.fromarray(pixels)
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return image.convert(mode)


def texture(height=48, width=64):
    """Smooth colours, different for all neighbours: uint8 [H, W, 3]."""
    seeds = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(seeds, (width, height), interpolation=cv2.INTER_CUBIC)


def refusal(path):
    """The error message of `read_image` for a file."""
    with pytest.raises(InputError) as caught:
        read_image(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".") and not sentence.endswith("..")
    return sentence


def tiff(pixels, *, bits, kind=1, width, height):
    """A grey TIFF file written by hand, for types that Pillow cannot write."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, 1)]
    tags += [(273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(pixels)), (339, 3, kind)]
    entries = b"".join(struct.pack("<HHII", tag, size, 1, value) for tag, size, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory


def png(width, height, *chunks):
    """The beginning of a PNG file that declares so many grey pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(5000))), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def jpeg(width, height):
    """A JPEG file that declares so many pixels."""
    file = io.BytesIO()
    picture().save(file, "JPEG")
    content = bytearray(file.getvalue())
    start = content.index(b"\xff\xc0")
    content[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def gif(width, height):
    """A GIF file whose first frame is larger than the canvas."""
    file = io.BytesIO()
    picture("P").save(file, "GIF")
    content = bytearray(file.getvalue())
    start = content.index(b"\x2c\0\0\0\0")
    content[start + 5 : start + 9] = struct.pack("<HH", width, height)
    return bytes(content)


def webp(width, height):
    """A WebP file whose canvas is that large."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
