"""Exported files have the outputs of the Keras model, which is the reference."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from evae_tf import geometry
from evae_tf.artifacts.predictors import open_model
from evae_tf.data.crops import cut_crops
from evae_tf.errors import InputError
from evae_tf.exporting import parity
from evae_tf.exporting.export import export_model
from evae_tf.exporting.formats import FILES
from tests.exporting.tiny_model import SIZE, crops_of, noise_faces, tiny_model


def test_the_reference_is_worth_comparing_with(exported):
    """Landmarks that hardly vary would agree with anything."""
    assert exported[-1]["landmarks"].std(axis=0).mean() > 0.01


@pytest.mark.parametrize(
    ("name", "largest", "mean"),
    [
        ("saved_model", 1e-5, 1e-5),
        ("tflite", 1e-4, 1e-5),
        ("onnx", 1e-4, 1e-5),
        ("tflite_fp16", 1e-3, 1e-3),
        ("tflite_dynamic", 0.1, 5e-3),
        ("tflite_int8", 0.1, 5e-3),
        ("tflite_uint8", 0.1, 5e-3),
    ],
)
def test_every_file_agrees_with_the_keras_model(exported, name, largest, mean):
    files, folder, _, crops, expected = exported
    found = open_model(folder / FILES[name]).predict(crops)["landmarks"]
    difference = np.abs(found - expected["landmarks"])
    assert difference.max() < largest
    assert difference.mean() < mean
    (entry,) = [entry for entry in files if entry["format"] == name]
    assert entry["parity"] == pytest.approx(difference.max(), abs=1e-6)
    assert entry["nme"] == pytest.approx(entry["nme_keras"], rel=0.05)


def test_quantised_files_differ_at_all(exported):
    """A float file under the name of an int8 file would agree too well."""
    parities = {entry["format"]: entry["parity"] for entry in exported[0]}
    assert parities["tflite"] < 1e-5 < parities["tflite_fp16"]
    assert min(parities["tflite_int8"], parities["tflite_dynamic"]) > 1e-4


def test_bytes_in_say_what_floats_in_say(exported):
    """255 times the crops, passed to the interpreter, not to the package's predictor."""
    _, folder, _, crops, _ = exported
    floats, whole = (
        Interpreter(str(folder / f"model_{kind}.tflite")).get_signature_runner()
        for kind in ("int8", "uint8")
    )
    sidecar = json.loads((folder / "model_uint8.json").read_text())
    assert sidecar["normalization"] == "RGB in 0..255, uint8"
    for crop in crops[:4]:
        expected = floats(images=crop[None])["landmarks"]
        found = whole(images=np.rint(255 * crop[None]).astype(np.uint8))["landmarks"]
        np.testing.assert_allclose(found, expected, atol=2e-3)
    with pytest.raises(ValueError, match="UINT8"):
        whole(images=crops[:1])


def test_points_that_are_not_annotated_are_left_out_of_the_error(exported, tmp_path):
    """Without an eye corner, errors are normalised by the box; the record says so."""
    _, _, model, crops, expected = exported
    faces = noise_faces(12)
    for face in faces[3:]:
        face.landmarks[[8, 40, 41]] = np.nan  # none of them is an outer eye corner
    (entry,) = export_model(model, tmp_path, ["tflite"], faces=faces)
    squares = cut_crops(faces, size=SIZE, margin=0.25).squares
    true = np.stack([face.landmarks for face in faces])
    predicted = geometry.crop_to_image(expected["landmarks"], squares)
    errors = np.nanmean(np.linalg.norm(predicted - true, axis=-1), axis=1)
    eyes = np.linalg.norm(true[:, 36] - true[:, 45], axis=-1)
    assert (entry["normalizer"], entry["dataset"]) == ("inter_ocular", "own")
    assert entry["nme_keras"] == pytest.approx(np.mean(errors / eyes), rel=1e-5)
    faces[0].landmarks[36] = np.nan
    (entry,) = export_model(model, tmp_path, ["tflite"], faces=faces)
    assert entry["normalizer"] == "box_size"


@pytest.mark.parametrize("enabled", [True, False])
def test_tensor_float_32_is_off_during_an_export_alone(exported, tmp_path, monkeypatch, enabled):
    seen, original = [], parity.Reference.compare

    def compare(*arguments):
        seen.append(tf.config.experimental.tensor_float_32_execution_enabled())
        return original(*arguments)

    monkeypatch.setattr(parity.Reference, "compare", compare)
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(enabled)
    try:
        export_model(exported[2], tmp_path, ["saved_model"], faces=noise_faces(2))
        assert seen == [False]
        assert tf.config.experimental.tensor_float_32_execution_enabled() == enabled
        with pytest.raises(InputError):
            export_model(exported[2], tmp_path, ["coreml"])
        assert tf.config.experimental.tensor_float_32_execution_enabled() == enabled
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def test_uncertainty_survives_every_precision(exported, tmp_path):
    _, _, model, crops, expected = exported
    names, formats = ["landmarks", "covariance", "visibility"], ["tflite", "tflite_int8"]
    export_model(model, tmp_path, formats, outputs=names, faces=noise_faces(12))
    exact, quantised = (open_model(tmp_path / FILES[name]).predict(crops) for name in formats)
    for name in ("covariance", "visibility"):
        size = np.abs(expected[name]).mean()
        assert np.abs(exact[name] - expected[name]).max() < 1e-3 * size
        assert np.abs(quantised[name] - expected[name]).mean() < 0.02 * size


@pytest.mark.parametrize(("architecture", "preset"), [("cnn", "default"), ("evae", "paper")])
def test_other_networks(tmp_path, architecture, preset):
    model = tiny_model(tmp_path / "model.keras", "mtfl_5", architecture, preset)
    faces = noise_faces(10, "mtfl_5")
    files = export_model(model, tmp_path / "out", ["tflite", "tflite_int8"], faces=faces)
    exact, quantised = (entry["parity"] for entry in files)
    assert exact < 1e-4
    assert quantised < 0.1


def test_a_network_of_mixed_precision(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny_model(tmp_path / "model.keras", "mtfl_5")
    finally:
        keras.config.set_dtype_policy("float32")
    faces = noise_faces(3, "mtfl_5")
    export_model(model, tmp_path / "out", ["tflite"], faces=faces)
    rounded = open_model(model).predict(crops_of(faces))["landmarks"]
    found = open_model(tmp_path / "out/model.tflite").predict(crops_of(faces))["landmarks"]
    np.testing.assert_allclose(found, rounded, atol=0.05)
