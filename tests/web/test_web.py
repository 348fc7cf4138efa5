"""The page in web/: its modules against their Python twins, and as visitors of it fare.

The visitors (`tests/web/visitor.mjs`) use a real Chromium on the files of `make web-files`. With
EVAE_WEB_PICTURES=DIR they keep their pictures of the screen.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib.cbook
import numpy as np
import pytest
from PIL import Image

from evae_tf import Aligner, geometry, markups
from evae_tf.align.smoothing import OneEuroFilter
from evae_tf.align.upright import upright_squares
from evae_tf.artifacts.predictors import open_model
from evae_tf.data.images import read_image
from evae_tf.evaluation import calibration

ROOT = Path(__file__).resolve().parents[2]
WEB, SCRIPTS = ROOT / "web", ROOT / "tests" / "web"
NODE, CHROMIUM = shutil.which("node"), shutil.which("chromium")
EYES = [36, 45]  # the outer corners

needs_node = pytest.mark.skipif(NODE is None, reason="PAGE NOT TESTED: node is not installed")
needs_browser = pytest.mark.skipif(
    NODE is None or CHROMIUM is None or shutil.which("npm") is None,
    reason="PAGE NOT TESTED: chromium, node or npm is not installed",
)


def node(script, *arguments, **options):
    done = subprocess.run(
        [NODE, SCRIPTS / script, *arguments], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# The modules


def smooth_picture(rng, height, width):
    small = rng.integers(0, 256, (height // 6, width // 6, 3), dtype=np.uint8)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def twins():
    rng = np.random.default_rng(3)
    image = smooth_picture(rng, 300, 410)
    cases = [
        # Enlarged, halved and averaged squares, many of them partly outside, one wholly.
        {"square": [*rng.uniform(0, 400, 2), side], "angle": rng.uniform(-3, 3)}
        for side in rng.uniform(20, 500, 40)
    ] + [{"square": [-900.0, -900.0, 300.0], "angle": 0.0}]
    cases += [{"square": [205, 150, side], "angle": 0.0} for side in (48, 96, 143.9, 144, 480)]
    markup = markups.MARKUPS["ibug_68"]
    given = {
        "width": 410,
        "height": 300,
        "cases": cases,
        "size": 48,
        "markup": {"normalizers": markup.normalizers},
        "landmarks": rng.uniform(20, 90, (68, 2)).tolist(),
        "covariance": [3.0, 0.7, 1.5],
        "angle": 0.4,
        "film": [
            {
                "landmarks": (rng.uniform(20, 90, (5, 2)) + 3 * frame).tolist(),
                "covariance": (rng.uniform(0.5, 3, (5, 3)) * (1, 0.1, 1)).tolist(),
                "seconds": 0.04 * frame,
            }
            for frame in range(1, 13)
        ],
    }
    rgba = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    picture = base64.b64encode(rgba.tobytes()).decode()
    return image, given, node("twin.mjs", input=json.dumps({**given, "picture": picture}))


@needs_node
def test_crops_are_those_of_python(twins):
    image, given, found = twins
    for case, encoded in zip(given["cases"], found["crops"], strict=True):
        crop = np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(48, 48, 3)
        true = geometry.cut_square(image, case["square"], 48, case["angle"])
        difference = np.abs(crop.astype(int) - true)
        assert difference.max() <= 1 and difference.mean() <= 0.01, case


@needs_node
def test_squares_and_points_are_those_of_python(twins):
    _, given, found = twins
    landmarks, markup = np.float32([given["landmarks"]]), markups.MARKUPS["ibug_68"]
    squares, angles = upright_squares(landmarks, markup, 0.25)
    np.testing.assert_allclose(found["upright"]["square"], squares[0], rtol=1e-4)
    np.testing.assert_allclose(found["upright"]["angle"], angles[0], rtol=1e-4)
    square = geometry.square_around([10, 20, 50, 90], 0.25)
    points = geometry.crop_to_image(landmarks[0], square, given["angle"])
    np.testing.assert_allclose(found["points"], points, rtol=1e-4)


@needs_node
def test_ellipses_turn_with_the_crop_and_hold_nine_tenths(twins):
    _, given, found = twins
    (xx, xy, yy), angle = given["covariance"], given["angle"]
    matrix = np.array([[xx, xy], [xy, yy]])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = 49 * turn @ matrix @ turn.T
    np.testing.assert_allclose(found["covariance"], turned[[0, 0, 1], [0, 1, 1]])
    variances, axes = np.linalg.eigh(matrix)
    lengths = calibration.ellipse_radius(0.9) * np.sqrt(variances)
    ellipse = found["ellipse"]
    np.testing.assert_allclose([ellipse["short"], ellipse["long"]], lengths, rtol=1e-4)
    long = np.array([np.cos(ellipse["angle"]), np.sin(ellipse["angle"])])
    np.testing.assert_allclose(abs(long @ axes[:, 1]), 1)


@needs_node
def test_films_are_smoothed_as_in_python(twins):
    _, given, found = twins
    smooth = OneEuroFilter()
    for frame, landmarks in zip(given["film"], found["film"], strict=True):
        points, spreads = np.array(frame["landmarks"]), np.array(frame["covariance"])
        covariance = spreads[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
        size = geometry.box_size(geometry.landmark_box(points))
        true = smooth(points, frame["seconds"], float(size), covariance)
        np.testing.assert_allclose(landmarks, true, rtol=1e-4)


# The page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photos that visitors bring along."""
    folder = tmp_path_factory.mktemp("web")
    portrait = Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg").name).convert("RGB")
    # A PNG has the same pixels in any browser; int8 answers one grey level with half a pixel.
    portrait.save(folder / "portrait.png")
    turned = Image.Exif()
    turned[0x112] = 6  # to be shown turned clockwise
    portrait.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.jpg", exif=turned)
    (folder / "broken.jpg").write_text("This is no picture.")
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "nobody.png")
    small = Image.new("RGB", (900, 700), (90, 110, 120))
    small.paste(portrait.resize((256, 300)), (560, 330))
    small.save(folder / "small.png")
    portrait.resize((4096, 4800)).save(folder / "large.jpg")
    pair = Image.new("RGB", (1024, 600))
    pair.paste(portrait, (0, 0))
    pair.paste(portrait, (512, 0))
    pair.save(folder / "pair.jpg", quality=95)
    scene = portrait.resize((640, 750)).crop((0, 60, 640, 540))
    scene.save(folder / "scene.png")
    with (folder / "film.mjpeg").open("wb") as film:
        for shift in SHIFTS:
            frame = Image.new("RGB", scene.size, (60, 60, 70))
            frame.paste(scene, (shift, 0))
            frame.save(film, "JPEG", quality=90)
    return folder


SHIFTS = np.rint(12 * np.sin(np.linspace(0, 2 * np.pi, 30, endpoint=False))).astype(int).tolist()


@pytest.fixture(scope="module")
def url():
    """The page, served as `make web` does."""
    for name in ("vendor/.done", "models/model.tflite", "models/model_int8.tflite"):
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
def photos(visit):
    return visit("photos")


@pytest.fixture(scope="module")
def true_landmarks(folder):
    """Where Python's detector and model put them, float [K, 2]."""
    (face,) = Aligner.load("mobile_68")(folder / "portrait.png")
    return face.landmarks


def landmarks_of(record):
    (face,) = record["faces"]
    return np.array(face["landmarks"])


def eye_distance(landmarks):
    return np.linalg.norm(np.subtract(*landmarks[EYES]))


def error(record, true):
    """As a fraction of the eye distance."""
    return np.linalg.norm(landmarks_of(record) - true, axis=1).mean() / eye_distance(true)


@needs_browser
@pytest.mark.parametrize(("precision", "pixels"), [("int8", 0.5), ("fp32", 0.02)])
def test_landmarks_are_those_of_python(photos, folder, precision, pixels):
    """From the same file and the square that the page says it looked at."""
    record = photos["dropped"]["record"] if precision == "int8" else photos["fp32"]
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


@needs_browser
@pytest.mark.parametrize("photo", ["dropped", "turned"])
def test_it_finds_the_face_that_the_detector_finds(photos, true_landmarks, photo):
    """Of a photo that is stored lying, too: it is shown, and measured, upright."""
    assert error(photos[photo]["record"], true_landmarks) < 0.04
    assert photos[photo]["status"].endswith("found a face.")


@needs_browser
def test_it_finds_a_small_face_in_a_corner(photos, true_landmarks):
    true = (true_landmarks + 0.5) / 2 - 0.5 + (560, 330)
    assert error(photos["small"]["record"], true) < 0.05


@needs_browser
def test_a_photo_larger_than_a_canvas_is_measured_in_its_own_pixels(photos, true_landmarks):
    record = photos["large"]["record"]
    assert (record["width"], record["height"]) == (4096, 4800)
    assert error(record, (true_landmarks + 0.5) * 8 - 0.5) < 0.04


@needs_browser
def test_a_broken_file_is_named_and_the_last_result_stays(photos):
    assert photos["broken"]["status"].startswith("“broken.jpg” is not a picture")
    assert photos["broken"]["isError"]
    assert photos["broken"]["record"] == photos["dropped"]["record"]


@needs_browser
def test_noise_is_no_face(photos):
    assert photos["nobody"]["status"].startswith("No face found.")
    assert not photos["nobody"]["canSave"]


@needs_browser
def test_a_phone_scrolls_downwards_only(photos):
    assert photos["overflow"] == [0, 0]


@needs_browser
def test_the_browser_lets_nothing_out(photos):
    assert photos["blocked"].startswith("http://127.0.0.2")


@needs_browser
def test_one_can_point_at_a_face(visit, true_landmarks):
    """Two in one photo, clicked at one after the other, then one with a box around it."""
    found = visit("pointing", centres=[0.25, 0.75], box=[0.65, 0.2, 0.88, 0.65])
    right = true_landmarks + (512, 0)
    assert error(found["clicked"][0], true_landmarks) < 0.04
    assert error(found["clicked"][1], right) < 0.04
    assert error(found["boxed"], right) < 0.04


@needs_browser
def test_the_camera_is_followed(visit, folder):
    found = visit("camera", seconds=3)
    assert re.fullmatch(r"\d+ fps", found["speed"])
    assert found["status"] == "Following a face."
    (face,) = Aligner.load("mobile_68")(folder / "scene.png")
    errors = [error(found["record"], face.landmarks + (shift, 0)) for shift in set(SHIFTS)]
    assert min(errors) < 0.04
    assert found["stopped"] == "The camera is off." and not found["live"]


@needs_browser
def test_a_refused_camera_is_explained(visit):
    found = visit("refused")
    assert found["status"].startswith("The camera was refused.")
    assert found["pressed"] == "false"


@needs_browser
def test_a_model_that_is_not_there_is_named(visit, true_landmarks):
    """Or only half of it; what comes later works."""
    found = visit("damaged")
    for message in (found["missing"], found["half"]):
        assert "model.tflite" in message
    assert found["portrait"] == "portrait.png: found a face."
    assert found["record"]["model"] == "model.tflite"
    assert error(found["record"], true_landmarks) < 0.04
