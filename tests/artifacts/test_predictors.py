"""Opening model files: every error is one sentence."""

import json
import pickle
import shutil
import subprocess
import sys
import zipfile
from concurrent import futures

import keras
import numpy as np
import pytest

from evae_tf import config, markups
from evae_tf.artifacts import keras_file, sidecar
from evae_tf.artifacts.predictors import open_model
from evae_tf.config_text import override
from evae_tf.data.face import make_face
from evae_tf.errors import InputError
from evae_tf.exporting.export import export_model
from evae_tf.models.build import build_model

SIZE = 32
FILES = ("model.keras", "saved_model", "model.tflite", "model.onnx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with model.keras, saved_model/, model.tflite and model.onnx of one small network."""
    folder, markup = tmp_path_factory.mktemp("models"), markups.MARKUPS["mtfl_5"]
    sizes = [f"input_size={SIZE}", "encoder_filters=4,4,4", "decoder_filters=4,4,4"]
    build_model(override(config.Config(), sizes), markup).save(folder / "model.keras")
    rng = np.random.default_rng(1)
    face = make_face(
        rng.integers(0, 256, (50, 40, 3), dtype=np.uint8),
        rng.uniform(5, 35, (5, 2)),
        markup=markup,
        subset="val",
        name="noise",
    )
    export_model(folder / "model.keras", folder, ["saved_model", "tflite", "onnx"], faces=[face])
    return folder


@pytest.fixture
def models(folder, tmp_path):
    """A copy of `folder` to damage."""
    return shutil.copytree(folder, tmp_path / "models")


def refuses(path, *words):
    """`open_model` refuses `path` with one sentence that names it and contains `words`."""
    with pytest.raises(InputError) as raised:
        open_model(path)
    message = str(raised.value)
    assert "\n" not in message
    for word in (path.name, *words):
        assert word in message, message


@pytest.mark.parametrize("name", FILES)
def test_every_kind_opens_and_predicts(folder, name):
    model = open_model(folder / name)
    images = np.random.default_rng(0).random((3, SIZE, SIZE, 3))
    assert model.metadata.markup == markups.MARKUPS["mtfl_5"]
    assert (model.metadata.input_size, model.metadata.architecture) == (SIZE, "evae_cnn")
    together = model.predict(images)["landmarks"]
    assert together.shape == (3, 5, 2)
    alone = np.concatenate([model.predict(image[None])["landmarks"] for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("shape", [(2, SIZE + 8, SIZE, 3), (2, SIZE, SIZE, 1), (SIZE, SIZE, 3)])
def test_a_wrong_shape_is_an_error(folder, name, shape):
    with pytest.raises(ValueError, match="expected"):
        open_model(folder / name).predict(np.zeros(shape))


@pytest.mark.parametrize("name", FILES)
def test_no_images_give_no_rows_of_the_right_shape(folder, name):
    model = open_model(folder / name)
    some = model.predict(np.zeros((2, SIZE, SIZE, 3)))
    for images in (np.zeros((0, SIZE, SIZE, 3)), []):
        none = model.predict(images)
        assert {n: (v.shape, v.dtype) for n, v in none.items()} == {
            n: ((0, *v.shape[1:]), v.dtype) for n, v in some.items()
        }
    with pytest.raises(ValueError, match="expected"):
        model.predict(np.zeros((0, SIZE, SIZE, 1)))


@pytest.mark.parametrize("name", FILES)
def test_threads_and_a_pickled_copy_get_the_same_answers(folder, name):
    model = open_model(folder / name)
    rng = np.random.default_rng(4)
    batches = [rng.random((2, SIZE, SIZE, 3), np.float32) for _ in range(40)]
    alone = [model.predict(images)["landmarks"] for images in batches]
    with futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model.predict, batches))
    for found, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(found["landmarks"], expected)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(batches[7])["landmarks"], alone[7])


@pytest.mark.parametrize("name", FILES)
def test_bytes_are_no_images(folder, name):
    with pytest.raises(InputError, match=r"uint8, expected floats in \[0, 1\]"):
        open_model(folder / name).predict(np.zeros((2, SIZE, SIZE, 3), np.uint8))


def test_a_model_itself_is_no_file(folder):
    with pytest.raises(InputError, match="found a EVAECNN, expected the path"):
        open_model(keras_file.load_model(folder / "model.keras"))


def test_files_of_another_kind(tmp_path):
    refuses(tmp_path / "nowhere.keras", "no such model")
    (tmp_path / "model.pt").write_bytes(b"torch")
    refuses(tmp_path / "model.pt", "unknown kind")
    for content in (b"", b"a picture of a cat"):
        (tmp_path / "model.keras").write_bytes(content)
        refuses(tmp_path / "model.keras", "not a .keras file")
    (tmp_path / "empty").mkdir()
    refuses(tmp_path / "empty", "saved_model.pb")


def test_a_keras_model_of_another_sort(tmp_path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(tmp_path / "other.keras")
    refuses(tmp_path / "other.keras", "Sequential", "expected a landmark model")


def test_a_truncated_keras_file(models):
    path = models / "model.keras"
    path.write_bytes(path.read_bytes()[:-2000])
    refuses(path)


def rewrite(path, **members):
    """Replaces members of a zip file; a function is applied to the old content, as JSON."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for name, new in members.items():
        name = name.replace("__", ".")
        contents[name] = json.dumps(new(json.loads(contents[name]))) if callable(new) else new
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def test_a_keras_file_with_damaged_members(models):
    original = (models / "model.keras").read_bytes()
    path = models / "model.keras"
    rewrite(path, config__json=b"{")
    refuses(path, "damaged")
    path.write_bytes(original)
    rewrite(path, config__json=b"[]")
    refuses(path, "damaged")
    path.write_bytes(original)
    rewrite(path, model__weights__h5=b"no weights")
    refuses(path, "damaged")


def test_a_keras_file_whose_archive_is_damaged(models):
    """Its configuration is compressed data that is none, and then encrypted."""
    original = bytearray((models / "model.keras").read_bytes())
    path = models / "model.keras"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(models / "b.keras", "w") as other:
        for name in archive.namelist():
            other.writestr(name, archive.read(name), zipfile.ZIP_DEFLATED)
        start = other.getinfo("config.json").header_offset + 30 + len("config.json")
    damaged = bytearray((models / "b.keras").read_bytes())
    damaged[start : start + 40] = b"\xff" * 40
    path.write_bytes(damaged)
    refuses(path, "damaged")
    for header, flags in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        for place in range(len(original)):
            if original.startswith(header, place):
                original[place + flags] |= 1
    path.write_bytes(original)
    refuses(path, "damaged")


def test_a_keras_file_of_a_changed_network(models):
    """The weights no longer fit the configuration."""

    def widened(record):
        record["config"]["regressor"]["config"]["units"] = 7
        return record

    rewrite(models / "model.keras", config__json=widened)
    refuses(models / "model.keras")


def test_code_in_a_keras_file_does_not_run(models, tmp_path):
    marker = tmp_path / "ran"
    source = f"open({str(marker)!r}, 'w')"
    layer = keras.layers.Lambda(eval(f"lambda x: [{source}, x][1]"))
    evil = [
        keras.saving.serialize_keras_object(layer),
        {"module": "builtins", "class_name": "exec", "config": source, "registered_name": None},
        {"module": "os", "class_name": "system", "config": {"command": f"touch {marker}"}},
    ]
    original = (models / "model.keras").read_bytes()
    for node in evil:

        def planted(record, node=node):
            record["config"]["evae"]["config"]["encoder"] = node
            return record

        (models / "model.keras").write_bytes(original)
        rewrite(models / "model.keras", config__json=planted)
        refuses(models / "model.keras", "not safe", node["class_name"])
    assert not marker.exists()


def test_a_damaged_saved_model(models):
    path = models / "saved_model"
    (path / "saved_model.pb").write_bytes(b"not a protocol buffer")
    refuses(path, "damaged")
    shutil.rmtree(path / "variables")
    refuses(path, "damaged")
    (path / sidecar.SAVED_MODEL_METADATA).unlink()
    refuses(path, "missing")


def test_a_damaged_tflite_file(models):
    """A flipped bit is detected like a missing half: the sidecar has the file's hash."""
    path = models / "model.tflite"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    for damaged in (content, content[: len(content) // 2], b""):
        path.write_bytes(damaged)
        refuses(path, "damaged")


def test_a_tflite_file_that_never_was_one(models):
    path = models / "model.tflite"
    metadata = open_model(path).metadata
    path.write_bytes(b"a picture of a cat")
    sidecar.write_sidecar(path, sidecar.describe(metadata, ["landmarks"], "RGB in [0, 1]"))
    refuses(path, "not a TFLite file")


def test_a_damaged_sidecar(models):
    path = models / "model.json"
    record = json.loads(path.read_text())
    for content, word in [("{", "damaged"), ("[]", "object"), ("{}", "lacks")]:
        path.write_text(content)
        with pytest.raises(InputError, match=word):
            open_model(models / "model.tflite")
    path.write_text(json.dumps(record), encoding="utf-8-sig")  # saved again by an editor
    open_model(models / "model.tflite")
    for wrong in (
        *({"face_box": None}, {"face_box": [0, 0]}, {"face_box": [0, 0, "1"]}),
        *({"input_size": "144"}, {"crop_margin": "0.25"}),
    ):
        path.write_text(json.dumps({**record, **wrong}))
        with pytest.raises(InputError, match=rf"model\.json: .* damaged: {next(iter(wrong))}="):
            open_model(models / "model.tflite")
    path.write_text(json.dumps({**record, "markup": {"name": "mine"}}))
    with pytest.raises(InputError, match="missing keys"):
        open_model(models / "model.tflite")


def test_without_a_sidecar_the_file_describes_itself(models):
    path = models / "model.tflite"
    expected = open_model(path).metadata
    path.with_suffix(".json").unlink()
    assert open_model(path).metadata == expected
    content = path.read_bytes()
    archive = content.rindex(b"PK\3\4")
    path.write_bytes(content[:archive])
    refuses(path, "missing beside it")
    for place in (archive // 2, archive + 60):  # in the model, and in its description
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        refuses(path)


_LIGHT = """
import sys, numpy as np
from evae_tf.artifacts.predictors import open_model
model = open_model(sys.argv[1])
assert model.predict(np.zeros((1, 32, 32, 3)))["landmarks"].shape == (1, 5, 2)
print(sorted({"tensorflow", "keras", "tf_keras", "tensorflow_probability"} & set(sys.modules)))
"""


def test_a_tflite_file_opens_without_tensorflow(folder):
    command = [sys.executable, "-c", _LIGHT, str(folder / "model.tflite")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
