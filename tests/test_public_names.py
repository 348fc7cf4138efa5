"""The front door: what `import evae_tf` gives, and what it does not load."""

import subprocess
import sys

import pytest

import evae_tf

NAMES = {
    *("AlignedFace", "Aligner", "Detections", "FaceTracker", "HeadPose"),
    *("Augmentation", "Config", "Face", "InputError", "MARKUPS", "Markup", "PRESETS"),
    *("LandmarkTrainer", "Objective", "Term", "Training"),
    *("evaluate", "export_model", "load_model", "load_pretrained", "make_face", "open_model"),
    *("pretrained_names", "read_faces", "read_training_faces", "train", "with_boxes"),
}
HEAVY = ("tensorflow", "keras", "tensorflow_probability", "matplotlib", "scipy", "cv2", "numpy")


def loaded_by(code):
    """Those of HEAVY that a fresh interpreter has loaded after `code`."""
    printed = f"{code}\nimport sys\nprint(*set({HEAVY}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", printed], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_public_names_are_those_of_the_contract():
    assert set(evae_tf.__all__) == NAMES
    assert set(dir(evae_tf)) >= NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_name_arrives_when_it_is_asked_for(name):
    assert getattr(evae_tf, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Alinger"):
        _ = evae_tf.Alinger


def test_the_import_loads_nothing():
    assert loaded_by("import evae_tf") == set()


def test_records_load_neither_tensorflow_nor_keras():
    names = "Aligner, Face, FaceTracker, MARKUPS, Config, InputError, make_face, open_model"
    assert loaded_by(f"from evae_tf import {names}") <= {"numpy", "cv2"}
