"""What an export writes: files, descriptions and names."""

import dataclasses
import hashlib
import json
import shutil
import zipfile

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from evae_tf import markups
from evae_tf.artifacts.predictors import LiteRTPredictor, open_model
from evae_tf.data import synthetic
from evae_tf.errors import InputError, UsageError
from evae_tf.exporting import faces as export_faces
from evae_tf.exporting.export import export_model
from evae_tf.exporting.faces import ExportFaces
from tests.exporting.tiny_model import SIZE, crops_of, noise_faces, tiny_model


def test_the_folder_holds_what_the_contract_names(exported):
    files, folder, *_ = exported
    stems = ["model", "model_fp16", "model_dynamic", "model_int8", "model_uint8"]
    expected = {
        "saved_model",
        "export.json",
        "model.onnx",
        *(f"{s}{e}" for s in stems for e in (".tflite", ".json")),
    }
    assert {path.name for path in folder.iterdir()} == expected
    assert json.loads((folder / "export.json").read_text()) == {"files": files}
    for entry in files:
        path = folder / entry["path"]
        if path.is_file():
            assert entry["bytes"] == path.stat().st_size
    sizes = {entry["format"]: entry["bytes"] for entry in files}
    assert sizes["tflite_int8"] < sizes["tflite_fp16"] < sizes["tflite"]


def test_the_sidecar_describes_its_file(exported):
    folder = exported[1]
    sidecar = json.loads((folder / "model_int8.json").read_text())
    content = (folder / "model_int8.tflite").read_bytes()
    assert sidecar["sha256"] == hashlib.sha256(content).hexdigest()
    assert sidecar["markup"] == markups.MARKUPS["ibug_68"].to_dict()
    assert (sidecar["input_size"], sidecar["crop_margin"]) == (SIZE, 0.25)
    assert sidecar["normalization"] == "RGB in [0, 1]"
    assert sidecar["outputs"] == ["landmarks"]
    assert {"preset", "version", "license"} <= set(sidecar)


def test_a_file_carries_its_description(exported, tmp_path):
    """The file can be used alone; `unzip` reads the description, too."""
    folder, crops = exported[1], exported[3]
    sidecar = json.loads((folder / "model_int8.json").read_text())
    alone = shutil.copy(folder / "model_int8.tflite", tmp_path)
    with zipfile.ZipFile(alone) as archive:
        inside = json.loads(archive.read("evae_tf.json"))
    del sidecar["sha256"], inside["sha256_before_description"]
    assert inside == sidecar
    predictor, expected = (open_model(f) for f in (alone, folder / "model_int8.tflite"))
    assert predictor.metadata == expected.metadata
    np.testing.assert_array_equal(
        predictor.predict(crops)["landmarks"], expected.predict(crops)["landmarks"]
    )


def test_names_are_those_that_are_documented(exported):
    for entry in exported[0]:
        if not entry["path"].endswith(".tflite"):
            continue
        interpreter = Interpreter(str(exported[1] / entry["path"]))
        expected = {"serving_default": {"inputs": ["images"], "outputs": ["landmarks"]}}
        assert interpreter.get_signature_list() == expected
        (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
        assert (given["name"], answer["name"]) == ("images", "landmarks")
        assert given["shape"].tolist() == [1, SIZE, SIZE, 3]


def test_too_few_faces_to_calibrate(exported, tmp_path):
    with pytest.raises(InputError, match="9 faces.*at least 10"):
        export_model(exported[2], tmp_path, ["tflite_int8"], faces=noise_faces(9))
    assert list(tmp_path.iterdir()) == []


def test_the_faces_to_calibrate_on_may_be_others(exported, tmp_path):
    """Calibrated on flat grey, the activation ranges are wrong and the file is refused."""
    model, faces = exported[2], noise_faces(12)
    grey = [dataclasses.replace(face, image=np.full_like(face.image, 128)) for face in faces]
    with pytest.raises(InputError, match="tflite_int8: landmarks differ"):
        export_model(model, tmp_path, ["tflite_int8"], faces=ExportFaces(faces, grey))
    given = ExportFaces(faces[:5], grey, "noise")
    (entry,) = export_model(model, tmp_path, ["tflite"], faces=given)
    assert (entry["faces"], entry["dataset"]) == (5, "noise")


def test_outputs_are_chosen(exported, tmp_path):
    _, _, model, crops, expected = exported
    names = ["landmarks", "response_maps"]
    export_model(model, tmp_path, ["tflite"], outputs=names, faces=noise_faces(2))
    found = open_model(tmp_path / "model.tflite").predict(crops[:2])
    assert list(found) == names
    np.testing.assert_allclose(found["response_maps"], expected["response_maps"][:2], atol=1e-3)


def test_a_licence_of_ones_own_is_in_the_description(exported, tmp_path):
    with pytest.raises(UsageError, match="license is empty"):
        export_model(exported[2], tmp_path, ["tflite"], faces=noise_faces(2), license=" ")
    export_model(exported[2], tmp_path, ["tflite"], faces=noise_faces(2), license="Ask us first.")
    assert json.loads((tmp_path / "model.json").read_text())["license"] == "Ask us first."


def test_faces_are_drawn_by_the_seed_and_compared_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(export_faces, "_USED", 11)
    batches = []

    class Recording(LiteRTPredictor):
        def predict(self, images):
            batches.append(images)
            return super().predict(images)

    monkeypatch.setattr("evae_tf.artifacts.predictors.LiteRTPredictor", Recording)
    model = tiny_model(tmp_path / "model.keras", "mtfl_5")
    for seed in (0, 3):
        batches.clear()
        export_model(model, tmp_path / "out", ["tflite"], seed=seed, batch_size=4)
        assert [len(batch) for batch in batches] == [4, 4, 3]
        faces = synthetic.read("val", markups.MARKUPS["mtfl_5"], count=11, seed=seed)
        np.testing.assert_array_equal(np.concatenate(batches), crops_of(faces))


def test_what_is_asked_for_must_exist(exported, tmp_path):
    model = exported[2]
    faces = noise_faces(2)
    with pytest.raises(InputError, match="coreml.*tflite_int8"):
        export_model(model, tmp_path / "out", ["tflite", "coreml"], faces=faces)
    with pytest.raises(InputError, match="depth.*response_maps"):
        export_model(
            model, tmp_path / "out", ["tflite"], outputs=["landmarks", "depth"], faces=faces
        )
    with pytest.raises(InputError, match="expected landmarks"):
        export_model(model, tmp_path / "out", ["tflite"], outputs=["response_maps"], faces=faces)
    with pytest.raises(InputError, match="mtfl_5.*ibug_68"):
        export_model(model, tmp_path / "out", ["tflite"], faces=noise_faces(2, "mtfl_5"))
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match="file"):
        export_model(model, tmp_path / "file", ["tflite"], faces=faces)
    assert (tmp_path / "file").read_text() == "not a folder"
