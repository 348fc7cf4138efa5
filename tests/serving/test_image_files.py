"""Decoding in the graph, compared with Pillow."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from evae_tf.data.images import read_image
from evae_tf.serving import image_files


def picture(height=64, width=90, seed=0):
    """Smooth colours with edges between them."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(image, kind="PNG", **options):
    content = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        content, kind, **options
    )
    return content.getvalue()


def exif(orientation, order, tags_before=1):
    """Hand-made EXIF data: a directory with other tags, then the orientation."""
    entries = [struct.pack(f"{order}HHII", 0x0100 + i, 4, 1, 0x0112) for i in range(tags_before)]
    entries.append(struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0))
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries)
    return b"Exif\0\0" + head + directory + struct.pack(f"{order}I", 0)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_stands_upright_as_pillow_has_it(orientation, order):
    data = encoded(picture(), "JPEG", quality=90, exif=exif(orientation, order))
    expected = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert expected.shape == ((64, 90, 3) if orientation < 5 else (90, 64, 3))
    found = image_files.decode(tf.constant(data)).numpy()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        exif(6, "<")[:-14],  # truncated within the entry
        exif(9, "<"),
        exif(6, "<").replace(struct.pack("<I", 8), struct.pack("<I", 0xFFFFFFF0), 1),
        exif(6, "<").replace(struct.pack("<H", 2), struct.pack("<H", 0xFFFF), 1)[:20],
    ],
)
def test_exif_data_that_are_damaged_turn_nothing(damage):
    plain = encoded(picture(), "JPEG", quality=90)
    segment = b"\xff\xe1" + struct.pack(">H", len(damage) + 2) + damage
    data = plain[:2] + segment + plain[2:]
    assert image_files.exif_orientation(tf.constant(data)).numpy() == 1
    np.testing.assert_array_equal(
        image_files.decode(tf.constant(data)), image_files.decode(tf.constant(plain))
    )


def test_exif_data_behind_other_segments_are_found():
    plain = encoded(picture(), "JPEG", quality=90, exif=exif(8, ">"), comment=b"before and after")
    thumbnail = b"\xff\xed" + struct.pack(">H", 402) + bytes(400)
    data = plain[:2] + thumbnail + plain[2:]
    assert image_files.exif_orientation(tf.constant(data)).numpy() == 8


def sixteen_bits():
    values = np.linspace(0, 65535, 64 * 90).reshape(64, 90).astype(np.uint16)
    return Image.fromarray(values)


@pytest.mark.parametrize(
    ("image", "kind", "largest"),
    [
        (Image.fromarray(picture()).convert("L"), "PNG", 0),
        (Image.fromarray(picture()).convert("L"), "JPEG", 0),
        (Image.fromarray(picture()).convert("RGBA"), "PNG", 0),
        (Image.fromarray(picture()).quantize(64), "PNG", 0),
        (Image.fromarray(picture()).convert("CMYK"), "JPEG", 2),
        (Image.fromarray(picture()), "BMP", 0),
        (Image.fromarray(picture()), "WEBP", 0),
        (sixteen_bits(), "PNG", 1),
    ],
)
def test_every_sort_of_picture_is_read_as_by_the_package(image, kind, largest, tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(encoded(image, kind))
    expected = read_image(path).astype(int)
    found = image_files.decode(tf.constant(path.read_bytes())).numpy()
    assert np.abs(found - expected).max() <= largest


def test_a_header_of_thousands_of_segments_is_not_walked_through():
    plain = encoded(picture(), "JPEG", exif=exif(6, "<"))
    comments = b"\xff\xfe\x00\x02" * 5000
    crafted = plain[:2] + comments + plain[2:]
    assert image_files.exif_orientation(tf.constant(plain)).numpy() == 6
    assert image_files.exif_orientation(tf.constant(crafted)).numpy() == 1


def test_a_progressive_jpeg_is_read():
    data = encoded(picture(), "JPEG", progressive=True)
    found = image_files.decode(tf.constant(data)).numpy()
    np.testing.assert_array_equal(found, Image.open(io.BytesIO(data)))


def png_of_size(width, height):
    """A small PNG file with a larger size in its header."""
    data = encoded(Image.fromarray(picture()).convert("L"))
    header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def png_with_a_chunk_in_front(data):
    """A PNG file with small numbers in the usual place of the image size."""
    chunk = b"teSt" + struct.pack(">II", 64, 90)
    chunk = struct.pack(">I", 8) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:8] + chunk + data[8:]


def jpeg_of_size(width, height):
    """A small JPEG file with a larger size in its header."""
    data = encoded(Image.fromarray(picture()).convert("L"), "JPEG")
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


def jpeg_of_scans(side, count):
    """A progressive JPEG file whose last scan, of a few bytes, is repeated `count` times."""
    data = encoded(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


@pytest.mark.parametrize(
    "data",
    [
        png_of_size(20_000, 20_000),
        png_of_size(2**31 - 1, 2**31 - 1),
        png_with_a_chunk_in_front(png_of_size(20_000, 20_000)),
        jpeg_of_size(20_000, 20_000),
        jpeg_of_size(65_500, 65_500),
        jpeg_of_size(8000, 9000),  # in a thousand bytes
        jpeg_of_scans(2400, 3100),
        encoded(Image.fromarray(picture()), "GIF"),  # its header does not bound the frame size
        b"II*\0 a TIFF file",
        b"words",
    ],
)
def test_what_would_take_much_memory_or_time_is_refused_before_it_is_decoded(data):
    with pytest.raises(tf.errors.InvalidArgumentError, match="too large, or no image"):
        image_files.decode(tf.constant(data))


@pytest.mark.parametrize("data", [png_of_size(8000, 9000), b""])
def test_a_file_that_ends_before_its_pixels_do_is_refused(data):
    with pytest.raises(tf.errors.InvalidArgumentError):
        image_files.decode(tf.constant(data))


def test_a_file_of_some_scans_more_is_read():
    """A photo may have a video appended, whose bytes may look like scans."""
    data = encoded(picture(), "JPEG")
    found = image_files.decode(tf.constant(data + b"\xff\xda" * 1000))
    np.testing.assert_array_equal(found, image_files.decode(tf.constant(data)))
