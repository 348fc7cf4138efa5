"""Decoding and cropping in the graph; the truth is what Pillow and OpenCV make of the bytes."""

import io
import struct

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from evae_tf import geometry
from evae_tf.serving import image_graph
from tests.golden import vectors


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
    """EXIF data by hand: a directory with another tag or more, then the orientation."""
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
    found = image_graph.decode(tf.constant(data)).numpy()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        exif(6, "<")[:-14],  # cut in the midst of the entry
        exif(9, "<"),
        exif(6, "<").replace(struct.pack("<I", 8), struct.pack("<I", 0xFFFFFFF0), 1),
        exif(6, "<").replace(struct.pack("<H", 2), struct.pack("<H", 0xFFFF), 1)[:20],
    ],
)
def test_exif_data_that_are_damaged_turn_nothing(damage):
    plain = encoded(picture(), "JPEG", quality=90)
    segment = b"\xff\xe1" + struct.pack(">H", len(damage) + 2) + damage
    data = plain[:2] + segment + plain[2:]
    assert image_graph.exif_orientation(tf.constant(data)).numpy() == 1
    np.testing.assert_array_equal(
        image_graph.decode(tf.constant(data)), image_graph.decode(tf.constant(plain))
    )


def test_exif_data_behind_other_segments_are_found():
    plain = encoded(picture(), "JPEG", quality=90, exif=exif(8, ">"), comment=b"before and after")
    thumbnail = b"\xff\xed" + struct.pack(">H", 402) + bytes(400)
    data = plain[:2] + thumbnail + plain[2:]
    assert image_graph.exif_orientation(tf.constant(data)).numpy() == 8


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
        (sixteen_bits(), "PNG", 1),
    ],
)
def test_every_sort_of_picture_is_read_as_by_the_package(image, kind, largest, tmp_path):
    from evae_tf.data.images import read_image

    path = tmp_path / "picture"
    path.write_bytes(encoded(image, kind))
    expected = read_image(path).astype(int)
    found = image_graph.decode(tf.constant(path.read_bytes())).numpy()
    assert np.abs(found - expected).max() <= largest


SQUARES = [
    (45, 32, 50),  # the picture's own resolution, about
    (40.3, 30.7, 21.5),  # magnified
    (45, 32, 200),  # averaged over 4 pixels, and black around
    (5, 60, 64),  # over the border
    (88.9, 1.2, 97.3),
    (-300, 20, 60),  # wholly outside
]


@pytest.mark.parametrize("square", SQUARES)
def test_a_square_is_cut_as_opencv_cuts_it(square):
    """OpenCV takes positions to 1/32 of a pixel and rounds, so that edges differ by a few greys."""
    image = picture()
    expected = geometry.cut_square(image, np.float32(square), 48).astype(float)
    found = image_graph.cut_square(tf.constant(image), tf.constant(np.float32(square)), 48)
    difference = np.abs(255 * found.numpy() - expected)
    assert difference.mean() < 0.6
    assert difference.max() < 6


def test_it_gives_the_golden_vectors():
    """As far as it goes: no server turns a square, and none sees a face before it is asked."""
    squares = [
        image_graph.square_around(tf.constant(given["box"], tf.float32), given["margin"])
        for given in vectors.given("square_around")
    ]
    vectors.check("square_around", squares)


@pytest.mark.parametrize(
    "case", [case for case in vectors.VECTORS["cut_square"] if not case["given"]["angle"]]
)
def test_it_cuts_the_golden_squares(case):
    """OpenCV takes positions to 1/32 of a pixel: at the image's border, to four greys of 255."""
    square = tf.constant(case["given"]["square"], tf.float32)
    found = image_graph.cut_square(tf.constant(vectors.IMAGE), square, case["given"]["size"])
    difference = np.abs(255 * np.ravel(found) - case["expected"])
    assert difference.mean() < 0.6
    assert difference.max() <= 4


def test_a_broken_row_spoils_itself_alone():
    good, box = encoded(picture(), "JPEG"), [20, 10, 70, 60]
    rows = [
        (good, box, True),
        (good[: len(good) // 2], box, False),
        (encoded(picture())[:900], box, False),
        (b"these are words", box, False),
        (b"", box, False),
        (encoded(picture(seed=1)), [0, 0, 30, 20], True),
        (good, [20, 10, 20, 60], False),  # of no width
        (good, [70, 10, 20, 60], False),  # inside out
        (good, [90, 10, 120, 60], False),  # outside
        (good, [20, 10, np.nan, 60], False),
        (good, [20, 10, np.inf, 60], False),
        (good, [-3e38, -3e38, 3e38, 3e38], False),  # their distance is no number
        (good, [-20, -10, 40, 30], True),
        (good, [-1e7, -1e7, 1e7, 1e7], True),  # a dot in a black crop, and no matter of seconds
    ]
    files, boxes, expected = zip(*rows, strict=True)
    cut = tf.function(lambda files, boxes: image_graph.cut_crops(files, boxes, 32, 0.25))
    crops, squares, valid = cut(tf.constant(files), tf.constant(boxes, tf.float32))
    assert valid.numpy().tolist() == list(expected)
    for i in np.flatnonzero(expected):
        alone, *_ = cut(tf.constant(files[i : i + 1]), tf.constant(boxes[i : i + 1], tf.float32))
        np.testing.assert_array_equal(alone[0], crops[i])
        np.testing.assert_allclose(
            squares[i], geometry.square_around(np.float32(boxes[i]), 0.25), rtol=1e-6
        )
    assert np.isfinite(crops).all()
    assert not crops.numpy()[~np.array(expected)].any()


def test_a_header_of_thousands_of_segments_is_not_walked_through():
    plain = encoded(picture(), "JPEG", exif=exif(6, "<"))
    comments = b"\xff\xfe\x00\x02" * 5000
    crafted = plain[:2] + comments + plain[2:]
    assert image_graph.exif_orientation(tf.constant(plain)).numpy() == 6
    assert image_graph.exif_orientation(tf.constant(crafted)).numpy() == 1


def test_no_rows_give_no_crops():
    crops, squares, valid = image_graph.cut_crops(
        tf.zeros((0,), tf.string), tf.zeros((0, 4)), 32, 0.25
    )
    assert (crops.shape, squares.shape, valid.shape) == ((0, 32, 32, 3), (0, 3), (0,))
