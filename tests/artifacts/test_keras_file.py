"""`.keras` files: opening them with this package and with plain Keras; their classes."""

import dataclasses
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

from evae_tf.artifacts import keras_file, pretrained
from evae_tf.errors import InputError
from evae_tf.markups import MARKUPS
from evae_tf.models.build import build_model
from evae_tf.presets import PRESETS

_PLAIN_KERAS = """
import sys
import keras
import numpy as np
import evae_tf.models
model = keras.saving.load_model(sys.argv[1])
images = np.random.default_rng(0).random((2, 144, 144, 3), np.float32)
np.save(sys.argv[2], model(images)["landmarks"])
"""
_PHONE = """
import sys
import numpy as np
from evae_tf.artifacts.predictors import open_model
model = open_model("mobile_68")
model.predict(np.zeros((1, 144, 144, 3), np.float32))
print(sorted({"keras", "tensorflow", "evae_tf.models"} & set(sys.modules)))
"""


def test_a_tflite_file_is_called_no_keras_file():
    """It ends with a zip file, as a .keras file is one."""
    path = pretrained.find("mobile_5", ".tflite")
    with pytest.raises(InputError, match=r"mobile_5\.tflite: not a \.keras file; expected a mod"):
        keras_file.find_keras_file(path)


def test_a_file_that_is_nested_too_deeply_is_refused(tmp_path):
    path = tmp_path / "deep.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[" * 100_000)
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", "")
    with pytest.raises(InputError, match=r"deep\.keras: not a Keras model, or damaged"):
        keras_file.load_model(path)


def test_plain_keras_opens_a_file_once_the_networks_are_imported(tmp_path):
    path = pretrained.find("mobile_68", ".keras")
    subprocess.run(
        [sys.executable, "-c", _PLAIN_KERAS, path, tmp_path / "landmarks.npy"], check=True
    )
    images = np.random.default_rng(0).random((2, 144, 144, 3), np.float32)
    expected = keras_file.load_pretrained("mobile_68")(images)["landmarks"]
    np.testing.assert_array_equal(np.load(tmp_path / "landmarks.npy"), expected)


def test_a_phone_sized_model_needs_neither_keras_nor_the_networks():
    result = subprocess.run(
        [sys.executable, "-c", _PHONE], check=True, stdout=subprocess.PIPE, text=True
    )
    assert result.stdout == "[]\n"


def test_a_shipped_model_opens_by_its_name_and_by_its_path():
    by_name = keras_file.load_model("mobile_5")
    by_path = keras_file.load_model(pretrained.find("mobile_5", ".keras"))
    for a, b in zip(by_name.get_weights(), by_path.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(InputError, match="mobile_68"):
        keras_file.load_model("mobile_6")


def of_one_s_own(true, predicted):
    return keras.ops.mean(keras.ops.abs(true - predicted))


def test_a_network_that_plain_fit_trained_with_a_loss_of_one_s_own_opens(tmp_path):
    """Keras writes the name of the loss into the file; opening must not build it."""
    config = dataclasses.replace(PRESETS["demo"], input_size=48, architecture="cnn")
    network = build_model(config, MARKUPS["mtfl_5"])
    images = np.random.default_rng(0).random((4, 48, 48, 3), np.float32)
    network.compile("sgd", loss={"landmarks": of_one_s_own})
    network.fit(images, {"landmarks": np.full((4, 5, 2), 0.5, np.float32)}, verbose=0)
    network.save(tmp_path / "model.keras")
    again = keras_file.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(images)["landmarks"], network(images)["landmarks"])
