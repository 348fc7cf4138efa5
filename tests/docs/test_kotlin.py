"""docs/mobile/Geometry.kt and Finds.kt, compiled and run, against Python and golden vectors."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.detections import rolls
from evae_tf.align.detectors.tflite import TfliteDetector, decoded
from evae_tf.geometry import square_around
from evae_tf.markups import MARKUPS
from tests.golden import vectors

ROOT = Path(__file__).parents[2]
SOURCES = [
    *(ROOT / "docs/mobile" / name for name in ("Geometry.kt", "Finds.kt")),
    ROOT / "tests/docs/GoldenMain.kt",
]
KOTLINC, JAVA = shutil.which("kotlinc"), shutil.which("java")

pytestmark = pytest.mark.skipif(
    KOTLINC is None or JAVA is None, reason="KOTLIN NOT TESTED: kotlinc or java is not installed"
)


def words(value):
    """A value as the program reads it: a list or a dict is its length, then its items."""
    if isinstance(value, dict):
        return [str(len(value)), *(w for key, item in value.items() for w in (key, *words(item)))]
    if isinstance(value, list):
        return [str(len(value)), *(word for item in value for word in words(item))]
    return ["0"] if value is None else [str(value)]


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Runs the program: list of (function's name, values it is given) -> lists of numbers."""
    jar = str(tmp_path_factory.mktemp("kotlin") / "golden.jar")
    command = [KOTLINC, *map(str, SOURCES), "-include-runtime", "-d", jar]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    def ask(questions):
        lines = (
            " ".join([name, *(w for v in given for w in words(v))]) for name, given in questions
        )
        command = [JAVA, "-cp", jar, "GoldenMainKt"]
        done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [[float(word) for word in line.split()] for line in done.stdout.splitlines()]

    return ask


# It draws ellipses, and has no covariance in image pixels.
@pytest.mark.parametrize("name", sorted(vectors.VECTORS.keys() - {"covariance_to_image"}))
def test_its_functions_give_the_golden_vectors(ask, name):
    height, width, _ = vectors.IMAGE.shape
    image = ("image", [width, height, vectors.IMAGE.ravel().tolist()])
    _, *found = ask([image, *((name, given.values()) for given in vectors.given(name))])
    vectors.check(name, found)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_frame_is_turned_clockwise(ask, degrees):
    frame = np.arange(35).reshape(5, 7)
    expected = np.rot90(frame, -degrees // 90)
    ((width, height, *found),) = ask([("turned", [7, 5, degrees, frame.ravel().tolist()])])
    assert (height, width) == expected.shape
    np.testing.assert_array_equal(found, expected.ravel())


def test_the_detector_s_maps_mean_what_they_mean_in_python(ask):
    rng = np.random.default_rng(3)
    centres = np.float32(rng.uniform(0, 1, (9, 14)) ** 3)
    geometry = np.float32(0.3 * rng.normal(size=(9, 14, 13)))
    (found,) = ask([("finds", [centres.tolist(), geometry.tolist(), 0.3])])
    rows = decoded(centres, geometry, 0.3)
    angles = rolls(rows[:, 4:14].reshape(-1, 5, 2))
    expected = np.column_stack([rows[:, 14], square_around(rows[:, :4], 0.0), angles])
    assert len(rows) > 3
    np.testing.assert_allclose(np.reshape(found, (-1, 5)), expected, rtol=1e-4, atol=1e-4)


def test_what_is_a_face_is_what_it_is_in_python(ask):
    """The confidence of `AlignedFace`; the score is that of `align/passes.py`."""
    rng = np.random.default_rng(4)
    first, second, detection = np.float32(rng.uniform(0, 1, (3, 60)))
    turned = rng.uniform(-7, 7, 60)  # more than a turn
    detection[::4] = -1  # none
    given = np.column_stack([first, second, turned, detection])
    found = np.array(ask([("confidence", [row]) for row in given.tolist()]))
    is_near = np.cos(turned) >= np.cos(np.radians(30))
    scores = np.where(is_near, (first + second) / 2, second)
    faces = [
        AlignedFace(
            *(np.zeros((5, 2)), np.zeros(4), float(score), MARKUPS["mtfl_5"], np.zeros((9, 9, 3))),
            detection_score=None if told < 0 else float(told),
        )
        for score, told in zip(scores, detection, strict=True)
    ]
    confidences = np.array([face.confidence for face in faces])
    assert 20 > is_near.sum() > 5
    np.testing.assert_allclose(found[:, 0], scores, atol=1e-6)
    np.testing.assert_allclose(found[:, 1], confidences, atol=1e-6)
    np.testing.assert_array_equal(found[:, 2], confidences >= TfliteDetector.min_confidence)


def test_finds_lie_where_they_do_in_the_image(ask):
    """The detector's image holds 320 x 480 pixels from edge to edge of its height."""
    (found,) = ask([("in_image", [320, 480, [323.5, 100.5, 64.0], 0.2])])
    scale = 480 / 640
    expected = [(323.5 + 0.5) * scale - 80.5, 101 * scale - 0.5, 64 * scale, 0.2]
    np.testing.assert_allclose(found, expected, atol=1e-9)
