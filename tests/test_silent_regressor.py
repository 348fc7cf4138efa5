"""A regressor that says the same of every face is left out of exported files; others stay."""

import keras
import numpy as np
import pytest

from evae_tf import keras_file, runtime
from evae_tf.exporting import export_model, tflite
from evae_tf.exporting.silent_regressor import without_silent_regressor
from tests.test_exporting import SIZE, crops_of, noise_faces, tiny_model

IMAGES = np.random.default_rng(1).random((4, SIZE, SIZE, 3), np.float32)


@pytest.fixture
def silent(tmp_path):
    """The path of a model none of whose regressor's hidden units ever answers."""
    path = tiny_model(tmp_path / "model.keras")
    model = keras_file.load_keras_model(path)
    model.regressor.hidden.bias.assign(keras.ops.full((16,), -1e6))
    model.regressor.head.bias.assign(np.linspace(-0.1, 0.2, 136))
    model.save(path)
    return path


def test_nothing_changes_but_the_size(silent):
    model = keras_file.load_keras_model(silent)
    lean = without_silent_regressor(model, IMAGES)
    assert lean is not model
    assert lean.count_params() < model.count_params()
    expected, found = (network.predict(IMAGES, verbose=0) for network in (model, lean))
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-6, err_msg=name)


def test_a_regressor_that_answers_stays(tmp_path):
    model = keras_file.load_keras_model(tiny_model(tmp_path / "model.keras"))
    assert without_silent_regressor(model, IMAGES) is model


@pytest.mark.parametrize("architecture", ["evae", "cnn"])
def test_other_networks_stay(architecture, tmp_path):
    path = tiny_model(tmp_path / "model.keras", architecture=architecture)
    model = keras_file.load_keras_model(path)
    assert without_silent_regressor(model, IMAGES) is model


def test_int8_and_saved_model_answer_as_the_keras_model(silent, tmp_path):
    faces = noise_faces(12)
    export_model(silent, tmp_path / "out", ["saved_model", "tflite_int8"], faces=faces)
    crops = crops_of(faces)
    expected = runtime.open_model(silent).predict(crops)
    saved = runtime.open_model(tmp_path / "out" / "saved_model").predict(crops)
    for name, values in expected.items():
        np.testing.assert_allclose(saved[name], values, atol=1e-5, err_msg=name)
    int8 = tmp_path / "out" / "model_int8.tflite"
    landmarks = runtime.open_model(int8).predict(crops)["landmarks"]
    assert np.abs(landmarks - expected["landmarks"]).mean() < 0.02
    assert "FULLY_CONNECTED" not in tflite.count_ops(int8.read_bytes())
