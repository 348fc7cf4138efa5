"""One aligner in several threads and in another process; models and detectors have own tests."""

import multiprocessing
import pickle
import sys
from concurrent import futures

import numpy as np
import pytest
from PIL import Image

from evae_tf import Aligner
from tests.portrait import PORTRAIT


@pytest.fixture(scope="module")
def images():
    """The portrait rotated and resized: each image has different landmarks."""
    photo = Image.open(PORTRAIT)
    return [
        np.array(photo.rotate(degrees, fillcolor=(90, 90, 90)).resize((width, int(1.17 * width))))
        for degrees in (-8, 0, 8)
        for width in (300, 411)
    ]


@pytest.fixture
def eager_threads():
    """Makes threads switch much more often than usual."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def assert_equal(faces, expected):
    assert len(faces) == len(expected)
    for face, true in zip(faces, expected, strict=True):
        np.testing.assert_array_equal(face.landmarks, true.landmarks)
        assert face.score == true.score


def test_threads_get_what_one_thread_gets(images, eager_threads):
    aligner = Aligner.load("mobile_68")
    alone = [aligner(image) for image in images]
    assert [len(faces) for faces in alone] == [1] * len(images)
    with futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(aligner, images * 3))
    for index, faces in enumerate(found):
        assert_equal(faces, alone[index % len(images)])


def test_a_pickled_aligner_is_the_same_one(images):
    aligner = Aligner.load("mobile_68", passes=1, min_score=0.25, max_faces=3)
    again = pickle.loads(pickle.dumps(aligner))
    assert (again.passes, again.min_score, again.max_faces) == (1, 0.25, 3)
    assert_equal(again(images[0]), aligner(images[0]))


def test_another_process_can_use_an_aligner(images):
    aligner = Aligner.load("mobile_68")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map(aligner, images[:2])
    for faces, image in zip(found, images[:2], strict=True):
        assert_equal(faces, aligner(image))
