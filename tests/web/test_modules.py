"""The modules of the page in web/, compared with their Python counterparts."""

import json

import numpy as np
import pytest

from evae_tf.align.detections import rolls
from evae_tf.align.detectors import tflite
from evae_tf.align.smoothing import OneEuroFilter, face_size
from evae_tf.geometry import square_around
from tests.golden import vectors
from tests.web.scripts import NODE, WEB, node

pytestmark = pytest.mark.skipif(
    NODE is None or not (WEB / "node_modules" / "@litertjs").is_dir(),
    reason="PAGE NOT TESTED: node is not installed, or `make web-files` was not run",
)


@pytest.fixture(scope="module")
def twins():
    """(a video and maps, outputs of the modules for the golden vectors and for these)."""
    rng = np.random.default_rng(3)
    centres, geometry = rng.uniform(0, 1, (9, 14)) ** 3, 0.3 * rng.normal(size=(9, 14, 13))
    maps = {"centres": centres.ravel().tolist(), "geometry": geometry.ravel().tolist()}
    film = [
        {
            "landmarks": (rng.uniform(20, 90, (5, 2)) + 3 * frame).tolist(),
            "covariance": (rng.uniform(0.5, 3, (5, 3)) * (1, 0.1, 1)).tolist(),
            "seconds": 0.04 * frame,
        }
        for frame in range(1, 13)
    ]
    for point in film[-1]["landmarks"]:
        point[1] = 50.0  # on a line: zero height
    given = {"film": film, "maps": {**maps, "columns": 14}}
    return given, node("twin.mjs", input=json.dumps(given))


@pytest.mark.parametrize("name", vectors.VECTORS)
def test_the_modules_give_the_golden_vectors(twins, name):
    vectors.check(name, twins[1]["golden"][name])


def test_faces_are_as_large_as_in_python(twins):
    film, found = twins[0]["film"], twins[1]
    true = [face_size(frame["landmarks"]) for frame in film]
    np.testing.assert_allclose(found["sizes"], true, rtol=1e-6)
    assert found["sizes"][-1] == 1


def test_films_are_smoothed_as_in_python(twins):
    film, found = twins[0]["film"], twins[1]
    smooth = OneEuroFilter()
    for frame, landmarks in zip(film, found["film"], strict=True):
        points, spreads = np.array(frame["landmarks"]), np.array(frame["covariance"])
        covariance = spreads[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
        true = smooth(points, frame["seconds"], face_size(points), covariance)
        np.testing.assert_allclose(landmarks, true, rtol=1e-4)


def test_the_detector_s_maps_mean_what_they_mean_in_python(twins):
    maps, found = twins[0]["maps"], twins[1]["finds"]
    centres, geometry = (
        np.float32(maps[name]).reshape(9, 14, -1) for name in ("centres", "geometry")
    )
    rows = tflite.decoded(centres[..., 0], geometry, 0.3)
    assert len(found) == len(rows) > 3
    np.testing.assert_allclose([find["score"] for find in found], rows[:, 14], rtol=1e-6)
    squares = square_around(rows[:, :4], 0.0)
    np.testing.assert_allclose([find["square"] for find in found], squares, rtol=1e-4)
    angles = rolls(rows[:, 4:14].reshape(-1, 5, 2))
    np.testing.assert_allclose([find["angle"] for find in found], angles, atol=1e-4)
