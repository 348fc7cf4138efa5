"""The page in web/ as visitors use it.

The visitors (`tests/web/visitor.mjs`) use a real Chromium on the files of `make web-files`. With
EVAE_WEB_PICTURES=DIR they save screenshots; docs/images/web.jpg is cut out of `light.png`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evae_tf import Aligner, geometry
from evae_tf.align.upright import upright_squares
from evae_tf.artifacts.predictors import open_model
from evae_tf.data.images import read_image
from tests.portrait import PORTRAIT
from tests.web import photos
from tests.web.photos import SHIFTS, THREE
from tests.web.scripts import NODE, WEB, node

CHROMIUM = shutil.which("chromium")
EYES = [36, 45]  # the outer corners

pytestmark = pytest.mark.skipif(
    NODE is None or CHROMIUM is None or shutil.which("npm") is None,
    reason="PAGE NOT TESTED: chromium, node or npm is not installed",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    photos.write(folder)
    return folder


@pytest.fixture(scope="module")
def url():
    """The page, served as `make web` does."""
    models = [f"models/{name}.tflite" for name in ("model", "model_int8", "detector")]
    for name in ("vendor/.done", *models):
        assert (WEB / name).is_file(), f"no web/{name}: run `make web-files` first"
    server = subprocess.Popen(
        [*(sys.executable, "-u", "-m", "http.server", "0"), "--bind=127.0.0.1", f"-d{WEB}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield re.search(r"http://[\d.:]+/", server.stdout.readline())[0]
    server.terminate()
    server.wait()


@pytest.fixture(scope="module")
def visit(url, folder, tmp_path_factory):
    def visit(scenario, **options):
        files = {path.stem: str(path) for path in folder.iterdir()}
        profile = str(tmp_path_factory.mktemp("profile"))
        given = {"url": url, "chromium": CHROMIUM, "profile": profile, **files, **options}
        if pictures := os.environ.get("EVAE_WEB_PICTURES"):
            Path(pictures).mkdir(parents=True, exist_ok=True)
            given["pictures"] = pictures
        found = node("visitor.mjs", scenario, json.dumps(given), timeout=240)
        assert found["seen"] == {"errors": [], "foreign": []}
        return found

    return visit


@pytest.fixture(scope="module")
def shown(visit):
    """What the page makes of all photos."""
    return visit("photos")


@pytest.fixture(scope="module")
def true_landmarks(folder):
    """Landmarks of Python's detector and model, float [K, 2]."""
    (face,) = Aligner.load("mobile_68")(folder / "portrait.png")
    return face.landmarks


def landmarks_of(record):
    """Landmarks of the face found or selected last."""
    return np.array(record["faces"][-1]["landmarks"])


def error(record, true, eyes=EYES):
    """Mean error as a fraction of the eye distance."""
    eye_distance = np.linalg.norm(np.subtract(*true[eyes]))
    return np.linalg.norm(landmarks_of(record) - true, axis=1).mean() / eye_distance


@pytest.mark.parametrize(("precision", "pixels"), [("int8", 0.5), ("fp32", 0.02)])
def test_landmarks_are_those_of_python(shown, folder, precision, pixels):
    """From the same file and the square in the page's record."""
    record = shown["dropped"]["record"] if precision == "int8" else shown["fp32"]
    assert record["model"] == {"int8": "model_int8.tflite", "fp32": "model.tflite"}[precision]
    assert (record["width"], record["height"], record["markup"]) == (512, 600, "ibug_68")
    predictor = open_model(WEB / "models" / record["model"])
    (face,) = record["faces"]
    square, angle = face["square"], face["angle"]
    size = predictor.metadata.input_size
    crop = geometry.cut_square(read_image(folder / "portrait.png"), square, size, angle)
    outputs = predictor.predict(crop[None].astype(np.float32) / 255)
    true = geometry.crop_to_image(outputs["landmarks"][0], square, angle)
    assert np.linalg.norm(landmarks_of(record) - true, axis=1).max() < pixels
    covariance = geometry.rotate(geometry.rotate(outputs["covariance"][0], angle).mT, angle).mT
    true_size = np.sqrt(np.trace(covariance, axis1=1, axis2=2)) * square[2]
    found_size = np.sqrt(np.trace(face["covariance"], axis1=1, axis2=2))
    np.testing.assert_allclose(found_size, true_size, rtol=0.01)
    assert face["score"] == pytest.approx(outputs["presence"][0], abs=0.01)


@pytest.mark.parametrize("photo", ["dropped", "large"])
def test_a_saved_face_has_the_box_that_python_gives_it(shown, photo):
    """In pixels of the file, also for a photo shown smaller."""
    (face,) = shown[photo]["record"]["faces"]
    landmarks = np.float32(face["landmarks"])
    np.testing.assert_allclose(face["box"], geometry.box_of_landmarks(landmarks), atol=1e-3)
    fields = set(Aligner.load("mobile_68")(PORTRAIT)[0].to_dict())
    assert fields - set(face) == {"visibility", "pose"} & fields


@pytest.mark.parametrize("photo", ["dropped", "turned"])
def test_it_finds_the_face_that_the_detector_finds(shown, true_landmarks, photo):
    """Also in a photo stored rotated, which is shown and measured upright."""
    assert error(shown[photo]["record"], true_landmarks) < 0.04
    assert shown[photo]["status"].endswith("found a face.")


def test_crops_are_like_those_of_the_model_s_training(visit, true_landmarks):
    """The faces that `mobile_5` was trained on had other boxes than tight ones.

    Older descriptions without `face_box` mean tight boxes.
    """
    five = WEB.parent / "assets" / "mobile_5.tflite"
    found = visit("five", five=str(five))
    assert error(found["before"], true_landmarks) < 0.04
    (true,) = Aligner.load("mobile_5")(PORTRAIT)
    assert error(found["five"], true.landmarks, eyes=[0, 1]) < 0.04
    described = open_model(five).metadata
    for key, face_box in (("before", geometry.TIGHT_BOX), ("five", described.face_box)):
        (face,) = found[key]["faces"]
        box = geometry.box_of_landmarks(np.float32(face["landmarks"]), face_box)
        np.testing.assert_allclose(face["box"], box, atol=1e-3)
    # The square comes from the previous pass, whose landmarks were nearly the same.
    (square,), _ = upright_squares(
        landmarks_of(found["five"])[None],
        described.markup,
        described.crop_margin,
        described.face_box,
    )
    (face,) = found["five"]["faces"]
    assert np.abs(np.subtract(face["square"], square)).max() < 0.05 * square[2]


def test_it_finds_a_small_face_in_a_corner(shown, true_landmarks):
    true = (true_landmarks + 0.5) / 2 - 0.5 + (560, 330)
    assert error(shown["small"]["record"], true) < 0.05


def test_it_finds_three_faces_in_one_picture(shown, true_landmarks):
    faces = shown["three"]["record"]["faces"]
    assert shown["three"]["status"] == "three.png: found 3 faces."
    assert [face["score"] for face in faces] == sorted((f["score"] for f in faces), reverse=True)
    for width, *place in THREE:
        true = (true_landmarks + 0.5) * (width / 512) - 0.5 + place
        size = np.linalg.norm(np.subtract(*true[EYES]))
        off = [
            np.linalg.norm(np.subtract(face["landmarks"], true), axis=1).mean() for face in faces
        ]
        assert min(off) < 0.06 * size


def test_a_photo_larger_than_a_canvas_is_measured_in_its_own_pixels(shown, true_landmarks):
    record = shown["large"]["record"]
    assert (record["width"], record["height"]) == (4096, 4800)
    assert error(record, (true_landmarks + 0.5) * 8 - 0.5) < 0.04


def test_a_broken_file_is_named_and_the_last_result_stays(shown):
    assert shown["broken"]["status"].startswith("“broken.jpg” is not a readable picture")
    assert shown["broken"]["isError"]
    assert shown["broken"]["record"] == shown["dropped"]["record"]


def test_a_first_photo_without_anything_has_no_face(shown):
    """The detector finds nothing, so that no pass of the model has been timed."""
    assert shown["blank"]["status"].startswith("No face found.")
    assert shown["blank"]["time"] == "–"


def test_noise_is_no_face(shown):
    assert shown["nobody"]["status"].startswith("No face found.")
    assert not shown["nobody"]["canSave"]


def test_a_phone_scrolls_downwards_only(shown):
    assert shown["overflow"] == [0, 0]


def test_the_browser_lets_nothing_out(shown):
    assert shown["blocked"].startswith("http://127.0.0.2")


def test_one_can_point_at_a_face(visit, true_landmarks):
    """Two faces in one photo, clicked one after the other, then one with a box around it.

    A face that the user points at replaces the one found there, as the last of the faces.
    """
    found = visit("pointing", centres=[0.25, 0.75], box=[0.65, 0.2, 0.88, 0.65])
    right = true_landmarks + (512, 0)
    assert error(found["clicked"][0], true_landmarks) < 0.04
    assert error(found["clicked"][1], right) < 0.04
    assert error(found["boxed"], right) < 0.04
    assert [len(record["faces"]) for record in (*found["clicked"], found["boxed"])] == [2, 2, 2]


def test_the_camera_is_followed(visit, folder):
    found = visit("camera", seconds=3)
    assert re.fullmatch(r"\d+ fps", found["speed"])
    assert found["status"] == "Following a face."
    (face,) = Aligner.load("mobile_68")(folder / "scene.png")
    errors = [error(found["record"], face.landmarks + (shift, 0)) for shift in set(SHIFTS)]
    assert min(errors) < 0.04
    assert found["stopped"] == "The camera is off." and not found["live"]


def test_a_refused_camera_is_explained(visit):
    found = visit("refused")
    assert found["status"].startswith("Camera access was denied.")
    assert found["pressed"] == "false"


def test_a_model_that_is_not_there_is_named(visit, true_landmarks):
    """Or if it is truncated; later actions work."""
    found = visit("damaged")
    for message in (found["missing"], found["half"]):
        assert "model.tflite" in message
    assert found["portrait"] == "portrait.png: found a face."
    assert found["record"]["model"] == "model.tflite"
    assert error(found["record"], true_landmarks) < 0.04
