"""The page in web/: its modules compared with their Python counterparts, and its use by visitors.

The visitors (`tests/web/visitor.mjs`) use a real Chromium on the files of `make web-files`. With
EVAE_WEB_PICTURES=DIR they save screenshots.
"""

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

from evae_tf import Aligner, geometry
from evae_tf.align.detections import rolls
from evae_tf.align.detectors import tflite
from evae_tf.align.smoothing import OneEuroFilter, face_size
from evae_tf.align.upright import upright_squares
from evae_tf.artifacts.predictors import open_model
from evae_tf.data.images import read_image
from evae_tf.geometry import square_around
from tests.golden import vectors

ROOT = Path(__file__).resolve().parents[2]
WEB, SCRIPTS = ROOT / "web", ROOT / "tests" / "web"
NODE, CHROMIUM = shutil.which("node"), shutil.which("chromium")
PORTRAIT = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
EYES = [36, 45]  # the outer corners

needs_node = pytest.mark.skipif(
    NODE is None or not (WEB / "node_modules" / "@litertjs").is_dir(),
    reason="PAGE NOT TESTED: node is not installed, or `make web-files` was not run",
)
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


@needs_node
@pytest.mark.parametrize("name", vectors.VECTORS)
def test_the_modules_give_the_golden_vectors(twins, name):
    vectors.check(name, twins[1]["golden"][name])


@needs_node
def test_faces_are_as_large_as_in_python(twins):
    film, found = twins[0]["film"], twins[1]
    true = [face_size(frame["landmarks"]) for frame in film]
    np.testing.assert_allclose(found["sizes"], true, rtol=1e-6)
    assert found["sizes"][-1] == 1


@needs_node
def test_films_are_smoothed_as_in_python(twins):
    film, found = twins[0]["film"], twins[1]
    smooth = OneEuroFilter()
    for frame, landmarks in zip(film, found["film"], strict=True):
        points, spreads = np.array(frame["landmarks"]), np.array(frame["covariance"])
        covariance = spreads[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
        true = smooth(points, frame["seconds"], face_size(points), covariance)
        np.testing.assert_allclose(landmarks, true, rtol=1e-4)


@needs_node
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


# The page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photos for the visitors."""
    folder = tmp_path_factory.mktemp("web")
    portrait = Image.open(PORTRAIT).convert("RGB")
    # A PNG has the same pixels in every browser; in int8, one grey level shifts half a pixel.
    portrait.save(folder / "portrait.png")
    turned = Image.Exif()
    turned[0x112] = 6  # rotate clockwise
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
    three = Image.new("RGB", (1400, 800), (120, 110, 100))
    for width, *place in THREE:
        three.paste(portrait.resize((width, round(width * 600 / 512))), place)
    three.save(folder / "three.png")
    scene = portrait.resize((640, 750)).crop((0, 60, 640, 540))
    scene.save(folder / "scene.png")
    with (folder / "film.mjpeg").open("wb") as film:
        for shift in SHIFTS:
            frame = Image.new("RGB", scene.size, (60, 60, 70))
            frame.paste(scene, (shift, 0))
            frame.save(film, "JPEG", quality=90)
    return folder


THREE = [(512, 20, 60), (300, 600, 300), (130, 1100, 500)]  # width, left and top of each portrait
SHIFTS = np.rint(12 * np.sin(np.linspace(0, 2 * np.pi, 30, endpoint=False))).astype(int).tolist()


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
def photos(visit):
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


@needs_browser
@pytest.mark.parametrize(("precision", "pixels"), [("int8", 0.5), ("fp32", 0.02)])
def test_landmarks_are_those_of_python(photos, folder, precision, pixels):
    """From the same file and the square in the page's record."""
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
    assert face["score"] == pytest.approx(outputs["presence"][0], abs=0.01)


@needs_browser
@pytest.mark.parametrize("photo", ["dropped", "large"])
def test_a_saved_face_has_the_box_that_python_gives_it(photos, photo):
    """In pixels of the file, also for a photo shown smaller."""
    (face,) = photos[photo]["record"]["faces"]
    landmarks = np.float32(face["landmarks"])
    np.testing.assert_allclose(face["box"], geometry.box_of_landmarks(landmarks), atol=1e-3)
    fields = set(Aligner.load("mobile_68")(PORTRAIT)[0].to_dict())
    assert fields - set(face) == {"visibility", "pose"} & fields


@needs_browser
@pytest.mark.parametrize("photo", ["dropped", "turned"])
def test_it_finds_the_face_that_the_detector_finds(photos, true_landmarks, photo):
    """Also in a photo stored rotated, which is shown and measured upright."""
    assert error(photos[photo]["record"], true_landmarks) < 0.04
    assert photos[photo]["status"].endswith("found a face.")


@needs_browser
def test_crops_are_like_those_of_the_model_s_training(visit, true_landmarks):
    """The faces that `mobile_5` was trained on had other boxes than tight ones.

    Older descriptions without `face_box` mean tight boxes.
    """
    five = ROOT / "assets" / "mobile_5.tflite"
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


@needs_browser
def test_it_finds_a_small_face_in_a_corner(photos, true_landmarks):
    true = (true_landmarks + 0.5) / 2 - 0.5 + (560, 330)
    assert error(photos["small"]["record"], true) < 0.05


@needs_browser
def test_it_finds_three_faces_in_one_picture(photos, true_landmarks):
    faces = photos["three"]["record"]["faces"]
    assert photos["three"]["status"] == "three.png: found 3 faces."
    assert [face["score"] for face in faces] == sorted((f["score"] for f in faces), reverse=True)
    for width, *place in THREE:
        true = (true_landmarks + 0.5) * (width / 512) - 0.5 + place
        size = np.linalg.norm(np.subtract(*true[EYES]))
        off = [
            np.linalg.norm(np.subtract(face["landmarks"], true), axis=1).mean() for face in faces
        ]
        assert min(off) < 0.06 * size


@needs_browser
def test_a_photo_larger_than_a_canvas_is_measured_in_its_own_pixels(photos, true_landmarks):
    record = photos["large"]["record"]
    assert (record["width"], record["height"]) == (4096, 4800)
    assert error(record, (true_landmarks + 0.5) * 8 - 0.5) < 0.04


@needs_browser
def test_a_broken_file_is_named_and_the_last_result_stays(photos):
    assert photos["broken"]["status"].startswith("“broken.jpg” is not a readable picture")
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
    """Two faces in one photo, clicked one after the other, then one with a box around it.

    A face that the user points at replaces the one found there, as the last of the faces.
    """
    found = visit("pointing", centres=[0.25, 0.75], box=[0.65, 0.2, 0.88, 0.65])
    right = true_landmarks + (512, 0)
    assert error(found["clicked"][0], true_landmarks) < 0.04
    assert error(found["clicked"][1], right) < 0.04
    assert error(found["boxed"], right) < 0.04
    assert [len(record["faces"]) for record in (*found["clicked"], found["boxed"])] == [2, 2, 2]


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
    assert found["status"].startswith("Camera access was denied.")
    assert found["pressed"] == "false"


@needs_browser
def test_a_model_that_is_not_there_is_named(visit, true_landmarks):
    """Or if it is truncated; later actions work."""
    found = visit("damaged")
    for message in (found["missing"], found["half"]):
        assert "model.tflite" in message
    assert found["portrait"] == "portrait.png: found a face."
    assert found["record"]["model"] == "model.tflite"
    assert error(found["record"], true_landmarks) < 0.04
