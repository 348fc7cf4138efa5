"""Cropping in the graph, compared with OpenCV."""

import io
import time

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from evae_tf import geometry
from evae_tf.serving import image_graph
from tests.golden import vectors


def picture(height=64, width=90, seed=0):
    """Smooth colours with edges between them."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(image, kind="PNG", **options):
    content = io.BytesIO()
    Image.fromarray(image).save(content, kind, **options)
    return content.getvalue()


SQUARES = [
    (45, 32, 50),  # about the image's resolution
    (40.3, 30.7, 21.5),  # magnified
    (45, 32, 200),  # averaged over 4 pixels, and black around
    (5, 60, 64),  # over the border
    (88.9, 1.2, 97.3),
    (-300, 20, 60),  # entirely outside
]


@pytest.mark.parametrize("square", SQUARES)
def test_a_square_is_cut_as_opencv_cuts_it(square):
    """OpenCV rounds positions to 1/32 of a pixel, so edges differ by a few grey values."""
    image = picture()
    expected = geometry.cut_square(image, np.float32(square), 48).astype(float)
    found = image_graph.cut_square(tf.constant(image), tf.constant(np.float32(square)), 48)
    difference = np.abs(255 * found.numpy() - expected)
    assert difference.mean() < 0.6
    assert difference.max() < 6


def test_it_gives_the_golden_vectors():
    """Without those of rotated squares, which a server does not use."""
    squares = [
        image_graph.square_around(tf.constant(given["box"], tf.float32), given["margin"])
        for given in vectors.given("square_around")
    ]
    vectors.check("square_around", squares)


@pytest.mark.parametrize(
    "case", [case for case in vectors.VECTORS["cut_square"] if not case["given"]["angle"]]
)
def test_it_cuts_the_golden_squares(case):
    """OpenCV rounds positions to 1/32 of a pixel: up to four grey values at the image's border."""
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
        (good, [20, 10, 20, 60], False),  # zero width
        (good, [70, 10, 20, 60], False),  # x_min above x_max
        (good, [90, 10, 120, 60], False),  # outside
        (good, [20, 10, np.nan, 60], False),
        (good, [20, 10, np.inf, 60], False),
        (good, [-3e38, -3e38, 3e38, 3e38], False),  # the size overflows
        (good, [-20, -10, 40, 30], True),
        (good, [-4e3, -4e3, 4e3, 4e3], True),  # a dot in a black crop
        (good, [-5e3, -5e3, 5e3, 5e3], False),  # more than a hundred times the image
        (good, [-1e7, -1e7, 1e7, 1e7], False),
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


def test_no_rows_give_no_crops():
    crops, squares, valid = image_graph.cut_crops(
        tf.zeros((0,), tf.string), tf.zeros((0, 4)), 32, 0.25
    )
    assert (crops.shape, squares.shape, valid.shape) == ((0, 32, 32, 3), (0, 3), (0,))


def seconds(function, *arguments):
    """The shortest time of some runs."""
    function(*arguments)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - started)
    return min(times)


def test_many_rows_cost_little_more_than_their_decoding():
    """A pipeline for each row would cost a hundred times as much."""
    files = tf.constant([encoded(picture(600, 500), "JPEG")] * 32)
    boxes = tf.constant([[50.0, 50, 300, 300]] * 32)
    cut = tf.function(lambda files, boxes: image_graph.cut_crops(files, boxes, 144, 0.25))
    decode = tf.function(lambda files: [tf.io.decode_jpeg(files[i], channels=3) for i in range(32)])
    assert seconds(cut, files, boxes) < 15 * seconds(decode, files)
