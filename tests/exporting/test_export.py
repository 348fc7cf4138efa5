"""Exported files have the outputs of the Keras model, which is the reference."""

import collections
import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from evae_tf import geometry, markups
from evae_tf.artifacts.predictors import LiteRTPredictor, open_model
from evae_tf.config_text import override
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import make_face
from evae_tf.errors import InputError
from evae_tf.exporting import faces as export_faces
from evae_tf.exporting import parity, tflite
from evae_tf.exporting.export import export_model
from evae_tf.exporting.faces import ExportFaces
from evae_tf.exporting.formats import FILES
from evae_tf.models.build import build_model
from evae_tf.presets import PRESETS

SIZE = 32
TINY = [
    *("encoder_filters=8,8,16", "decoder_filters=8,8,8", "latent_channels=4"),
    *("regressor_filters=8,8", "regressor_strides=2,2", "regressor_blocks=0,0"),
    *("regressor_bottleneck=4", "regressor_units=16"),
]


def tiny_model(path, markup="ibug_68", architecture="evae_cnn", preset="default"):
    """Saves an untrained model whose landmarks differ from face to face."""
    assignments = [f"input_size={SIZE}", f"architecture={architecture}", *TINY]
    keras.utils.set_random_seed(3)
    model = build_model(override(PRESETS[preset], assignments), markups.MARKUPS[markup])
    images = np.random.default_rng(0).random((16, SIZE, SIZE, 3), np.float32)
    for _ in range(5):
        model(images, training=True)  # updates the statistics of batch normalisation
    for weight in model.weights:
        if weight.path.endswith("head/kernel"):
            # Sharp maps and noticeable offsets.
            weight.assign((10_000 if "regressor" in weight.path else 20) * weight)
    model.save(path)
    return path


def noise_faces(count, markup="ibug_68"):
    """Faces with images of smooth noise."""
    rng, markup = np.random.default_rng(7), markups.MARKUPS[markup]
    faces = []
    for i in range(count):
        coarse = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (90, 70), interpolation=cv2.INTER_CUBIC)
        landmarks = rng.uniform((15, 10), (75, 60), (markup.num_points, 2))
        faces.append(make_face(image, landmarks, markup=markup, subset="val", name=str(i)))
    return faces


def crops_of(faces):
    return cut_crops(faces, size=SIZE, margin=0.25).model_input()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """One export to all formats: entries, folder, path of the Keras model, crops, its outputs."""
    folder = tmp_path_factory.mktemp("export")
    model, faces = tiny_model(folder / "model.keras"), noise_faces(12)
    files = export_model(model, folder / "out", list(FILES), faces=faces)
    crops = crops_of(faces)
    return files, folder / "out", model, crops, open_model(model).predict(crops)


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


def test_ops_are_those_that_the_runtime_sees(exported):
    files, folder, *_ = exported
    for entry in files:
        if not entry["path"].endswith(".tflite"):
            continue
        interpreter = Interpreter(
            str(folder / entry["path"]),
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        seen = collections.Counter(op["op_name"] for op in interpreter._get_ops_details())
        assert entry["ops"] == seen
        assert not {"PACK", "STRIDED_SLICE", "GATHER", "SHAPE"} & set(seen)


def test_an_unwanted_operation_is_refused():
    @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32), tf.TensorSpec((2,), tf.int32)])
    def pick(values, index):
        return tf.gather(values, index, axis=1)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([pick.get_concrete_function()])
    content = converter.convert()
    assert "GATHER" in tflite.count_ops(content)
    with pytest.raises(InputError, match="GATHER"):
        tflite.check_ops(content, "model.tflite")


def test_int8_is_int8_up_to_the_readout(exported):
    folder = exported[1]
    interpreter = Interpreter(
        str(folder / "model_int8.tflite"),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    types = {t["index"]: t["dtype"] for t in interpreter.get_tensor_details()}
    layers = collections.Counter()
    for op in interpreter._get_ops_details():
        read, written = types[op["inputs"][0]], types[op["outputs"][0]]
        if op["op_name"] in ("CONV_2D", "DEPTH_TO_SPACE"):
            layers[op["op_name"]] += 1
            assert {types[i] for i in op["inputs"]} <= {np.int8, np.int32}
            assert written is np.int8
        if op["op_name"] == "CONCATENATION":  # features with maps, and x with y of the readout
            layers[written.__name__] += 1
        if op["op_name"] in ("SOFTMAX", "SUM", "DIV"):
            assert read is written is np.float32
    assert layers == {"CONV_2D": 15, "DEPTH_TO_SPACE": 2, "int8": 1, "float32": 1}
    assert interpreter.get_input_details()[0]["dtype"] is np.float32
    assert interpreter.get_output_details()[0]["dtype"] is np.float32


_WITH_TENSORFLOW_ALONE = """
import sys
sys.modules.update(dict.fromkeys(["keras", "tf_keras", "tensorflow_probability", "evae_tf"]))
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
serve = loaded.signatures["serving_default"]
crops = np.load(sys.argv[2])
one, three = (serve(images=tf.constant(crops[:n])) for n in (1, 3))
np.savez(sys.argv[3], one=one["landmarks"], three=three["landmarks"], maps=three["response_maps"],
         called=loaded.serve(crops[:3])["landmarks"], none=serve(images=crops[:0])["landmarks"])
for shape in ((2, 31, 32, 3), (2, 32, 32, 4), (32, 32, 3)):
    try:
        serve(images=tf.zeros(shape))
    except tf.errors.InvalidArgumentError:
        print("refused", shape)
"""


def test_the_saved_model_needs_tensorflow_alone(exported, tmp_path):
    """Any batch size, and a tensor of the wrong shape is an error instead of an abort."""
    _, folder, _, crops, expected = exported
    np.save(tmp_path / "crops.npy", crops)
    arguments = [folder / "saved_model", tmp_path / "crops.npy", tmp_path / "answers.npz"]
    done = subprocess.run(
        [sys.executable, "-c", _WITH_TENSORFLOW_ALONE, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("refused") == 3
    answers = np.load(arguments[2])
    assert answers["none"].shape == (0, 68, 2)
    expected = {name: values[:3] for name, values in expected.items()}
    np.testing.assert_allclose(answers["one"], expected["landmarks"][:1], atol=1e-5)
    np.testing.assert_allclose(answers["three"], expected["landmarks"], atol=1e-5)
    np.testing.assert_allclose(answers["called"], expected["landmarks"], atol=1e-5)
    np.testing.assert_allclose(answers["maps"], expected["response_maps"], atol=1e-4)


def test_outputs_are_chosen(exported, tmp_path):
    _, _, model, crops, expected = exported
    names = ["landmarks", "response_maps"]
    export_model(model, tmp_path, ["tflite"], outputs=names, faces=noise_faces(2))
    found = open_model(tmp_path / "model.tflite").predict(crops[:2])
    assert list(found) == names
    np.testing.assert_allclose(found["response_maps"], expected["response_maps"][:2], atol=1e-3)


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


@pytest.fixture
def old(exported, tmp_path):
    """(path of the Keras model, a folder of an earlier export)."""
    folder = tmp_path / "old"
    shutil.copytree(exported[1], folder)
    return exported[2], folder


def test_a_later_export_keeps_the_record_of_other_formats(old):
    model, folder = old
    before = json.loads((folder / "export.json").read_text())["files"]
    (entry,) = export_model(model, folder, ["tflite"], faces=noise_faces(3))
    assert entry["faces"] == 3
    expected = [entry if kept["format"] == "tflite" else kept for kept in before]
    assert json.loads((folder / "export.json").read_text())["files"] == expected


@pytest.mark.parametrize("name", ["saved_model", "tflite"])
def test_a_file_that_differs_does_not_replace_a_good_one(old, monkeypatch, name):
    (model, folder), before = old, contents(old[1])
    monkeypatch.setitem(parity.TOLERANCES, name, 0.0)
    with pytest.raises(InputError, match="differ from the Keras model"):
        export_model(model, folder, [name], faces=noise_faces(2))
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["saved_model", "tflite"])
def test_an_interrupted_export_leaves_the_old_files(old, monkeypatch, name):
    (model, folder), before = old, contents(old[1])

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(parity.Reference, "compare", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_model(model, folder, [name], faces=noise_faces(2))
    assert contents(folder) == before


def contents(folder):
    """Every file below a folder, including hidden ones, by its path."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
