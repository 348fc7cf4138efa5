"""Arguments of the wrong type, given to the public functions: one sentence that names them."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import evae_tf
from evae_tf import Aligner, FaceTracker, InputError, Markup, read_faces
from evae_tf.data import synthetic
from tests.portrait import PORTRAIT

ROOT = Path(__file__).parents[1]
FIVE = Markup.load("mtfl_5")


@pytest.fixture(scope="module")
def aligner():
    return Aligner.load()


@pytest.fixture(scope="module")
def faces():
    return synthetic.read("val", FIVE, count=3)


def refused(words, function, *arguments, **options):
    """One short sentence that holds `words`."""
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    sentence = str(caught.value)
    assert words in sentence
    assert "\n" not in sentence
    assert len(sentence) < 300
    assert sentence.endswith(".")


@pytest.mark.parametrize("count", [0, -1, None, 1.5, "2", True])
def test_a_number_of_threads_is_what_is_blamed(count, faces, tmp_path):
    words = f"num_threads={count!r}: expected an integer, 1 or more"
    for detector in ("tflite", "haar"):
        refused(words, Aligner.load, detector=detector, num_threads=count)
    refused(words, evae_tf.open_model, "mobile_68", count)
    refused(words, evae_tf.evaluate, "mobile_5", faces, tmp_path, num_threads=count)
    refused(words, evae_tf.export_model, "mobile_5", tmp_path, "tflite", num_threads=count)
    config = evae_tf.PRESETS["demo"]
    refused(words, evae_tf.train, config, faces, faces, tmp_path, num_threads=count)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"passes": "2"}, "passes='2'"),
        ({"passes": 3}, "passes=3: expected an integer, 1 to 2"),
        ({"min_score": "high"}, "min_score='high': expected a number from 0 to 1"),
        ({"min_score": "0.5"}, "min_score='0.5'"),
        ({"min_score": float("nan")}, "min_score=nan"),
        ({"max_faces": 1.0}, "max_faces=1.0"),
        ({"detector": 3}, "detector 3 is unknown"),
        ({"detector": "tflite", "detector_model": 3}, "detector_model=3: expected a path"),
        ({"detector": "haar", "detector_model": "a.xml"}, "a.xml: the detector haar takes no file"),
        ({"model": None}, "NoneType"),
        ({"model": ""}, "an empty string, expected the path"),
    ],
)
def test_arguments_of_an_aligner(options, words):
    refused(words, Aligner.load, **options)


def test_what_is_no_list_is_said_so(aligner):
    image = np.zeros((20, 20, 3), np.uint8)
    refused("expected a list of images", aligner.batch, None)
    refused("expected a list of images", aligner.batch, str(PORTRAIT))
    refused("boxes=3: expected a list", aligner.batch, [image], 3)
    assert len(aligner.batch(image for _ in range(2))) == 2
    refused("Aligner.load opens them", Aligner, "mobile_68", None)


@pytest.mark.parametrize("size", [0, -1, 112.0, (112, 96), None, "112", True])
def test_the_size_of_a_chip(size, aligner):
    (face,) = aligner(PORTRAIT)
    refused(f"size={size!r}: expected an integer", face.chip, size)
    assert face.chip(np.int64(7)).shape == (7, 7, 3)


def test_arguments_of_a_tracker(aligner):
    refused("aligner=None: expected an Aligner", FaceTracker, None)
    refused("aligner='mobile_68'", FaceTracker, "mobile_68")
    refused("create_filter=3: expected a function", FaceTracker, aligner, 3)
    refused("search_every='x'", FaceTracker, aligner, search_every="x")
    refused("NoneType", FaceTracker(aligner), None, 0.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((None,), "unknown data set None"),
        ((["300w"],), "unknown data set ['300w']"),
        (("300w", 3), "data_dir=3: expected a path"),
        (("csv", [], None, "ibug_68"), "data_dir=[]: expected a path"),
        (("csv", b"a.csv", None, "ibug_68"), "data_dir=b'a.csv'"),
        (("synthetic", None, 3), "no subset 3"),
        (("synthetic", None, "val", 3), "markup=3"),
        (("synthetic", None, "val", ["ibug_68"]), "markup=['ibug_68']"),
        (("synthetic", None, "val", None, -1), "seed=-1: expected an integer, 0 or more"),
        (("synthetic", None, "val", None, "x"), "seed='x'"),
        (("synthetic", "faces"), "faces: the data set synthetic is generated"),
    ],
)
def test_arguments_of_a_reader(arguments, words):
    refused(words, read_faces, *arguments)


def test_arguments_of_a_training(faces, tmp_path):
    config = evae_tf.PRESETS["demo"]
    for wrong in (None, "demo", {}):
        refused(f"config={wrong!r}: expected a Config", evae_tf.train, wrong, faces, faces, "w")
    refused("train_faces=None: expected a list of faces", evae_tf.train, config, None, faces, "w")
    refused("train_faces='300w'", evae_tf.train, config, "300w", faces, "w")
    refused(
        "val_faces contains 3: expected a list of faces", evae_tf.train, config, faces, [3], "w"
    )
    refused("val_faces is empty", evae_tf.train, config, faces, [], "w")
    refused("train_faces=<Face>", evae_tf.train, config, faces[0], faces, "w")
    refused("workdir=None: expected a path", evae_tf.train, config, faces, faces, None)
    refused("found a int", evae_tf.train, config, faces, faces, tmp_path, init_from=3)


def test_what_tensorflow_reads_and_writes_has_a_name_in_utf_8(faces, tmp_path):
    """Latin-1 names, as old disks have; what does not need TensorFlow takes them."""
    folder, config = tmp_path / os.fsdecode(b"b\xe9"), evae_tf.PRESETS["demo"]
    refused("the name is not UTF-8", evae_tf.train, config, faces, faces, folder)
    refused("the name is not UTF-8", evae_tf.export_model, "mobile_5", folder, "tflite")
    assert not folder.exists()
    folder.mkdir()
    (folder / "saved_model.pb").touch()
    refused("the name is not UTF-8", evae_tf.open_model, folder)
    detector = shutil.copy(ROOT / "assets" / "detector.tflite", folder)
    evae_tf.Aligner.load("mobile_5", detector="tflite", detector_model=detector)


def test_arguments_of_an_evaluation(faces, tmp_path):
    refused("models=3: expected a list of paths", evae_tf.evaluate, 3, faces, tmp_path)
    refused("models contains None", evae_tf.evaluate, [None], faces, tmp_path)
    refused("faces=None: expected a list of faces", evae_tf.evaluate, "mobile_5", None, tmp_path)
    refused("faces contains 3", evae_tf.evaluate, "mobile_5", [3], tmp_path)
    refused("output=None: expected a path", evae_tf.evaluate, "mobile_5", faces, None)
    for options, words in (
        ({"normalizers": [3]}, "normalizers contains 3: expected a list of names"),
        ({"normalizers": "eyes"}, "unknown normalizer 'eyes'"),
        ({"group_by": None}, "group_by=None"),
        ({"group_by": "age"}, "group by 'age'"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 1.5}, "batch_size=1.5"),
    ):
        refused(words, evae_tf.evaluate, "mobile_5", faces, tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_arguments_of_an_export(tmp_path):
    refused("output=None: expected a path", evae_tf.export_model, "mobile_5", None, "tflite")
    refused("formats=None: expected a list", evae_tf.export_model, "mobile_5", tmp_path, None)
    for options, words in (
        ({"faces": "mtfl"}, "faces='mtfl': expected a list of faces"),
        ({"faces": [3]}, "faces contains 3"),
        ({"outputs": 3}, "outputs=3: expected a list of names"),
        ({"outputs": "depth"}, "outputs ['depth']: expected landmarks"),
        ({"seed": -1}, "seed=-1"),
        ({"batch_size": 0}, "batch_size=0"),
    ):
        refused(words, evae_tf.export_model, "mobile_5", tmp_path, "tflite", **options)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
