"""ONNX files: their outputs, their description, and what happens without the extra."""

import importlib.util

import numpy as np
import onnx
import pytest

from evae_tf import config, markups
from evae_tf.artifacts.predictors import open_model
from evae_tf.config_text import override
from evae_tf.data import synthetic
from evae_tf.errors import InputError
from evae_tf.exporting import formats
from evae_tf.exporting.export import export_model
from evae_tf.models.build import build_model

OUTPUTS = ["landmarks", "covariance", "response_maps", "visibility"]
SIZE = 32


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(the Keras model, model.onnx with four outputs, export.json's entry)."""
    folder = tmp_path_factory.mktemp("onnx")
    sizes = [f"input_size={SIZE}", "encoder_filters=4,4,4", "decoder_filters=4,4,4"]
    settings = override(config.Config(), [*sizes, "uncertainty=true"])
    markup, path = markups.MARKUPS["mtfl_5"], folder / "model.keras"
    build_model(settings, markup).save(path)
    faces = synthetic.read("val", markup, count=8)
    (entry,) = export_model(path, folder, "onnx", faces=faces, outputs=OUTPUTS)
    return path, folder / "model.onnx", entry


def refuses(path, *words):
    with pytest.raises(InputError) as raised:
        open_model(path)
    message = str(raised.value)
    assert "\n" not in message
    assert all(word in message for word in (path.name, *words)), message


def test_all_outputs_agree_at_any_batch_size(exported):
    keras_path, path, _ = exported
    ours, theirs = open_model(keras_path), open_model(path)
    for count in (1, 3, 70):
        images = np.random.default_rng(count).random((count, SIZE, SIZE, 3), np.float32)
        expected, found = ours.predict(images), theirs.predict(images)
        assert list(found) == sorted(OUTPUTS)
        for name, value in found.items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-3, atol=1e-5, err_msg=name)


def test_the_file_is_plain_onnx(exported):
    """Other programs read it: ONNX's own checker, names, a free batch size, the operations."""
    _, path, entry = exported
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    (images,) = model.graph.input
    dims = images.type.tensor_type.shape.dim
    assert images.name == "images"
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["N", SIZE, SIZE, 3]
    assert sum(entry["ops"].values()) == len(model.graph.node)
    assert entry["bytes"] == path.stat().st_size


def test_the_file_alone_is_enough(exported, tmp_path):
    _, path, _ = exported
    copy = tmp_path / "renamed.onnx"
    copy.write_bytes(path.read_bytes())
    metadata = open_model(copy).metadata
    assert (metadata.input_size, metadata.markup) == (SIZE, markups.MARKUPS["mtfl_5"])


def test_damaged_and_foreign_files_are_refused(exported, tmp_path):
    content = bytearray(exported[1].read_bytes())
    path = tmp_path / "model.onnx"
    path.write_bytes(b"a picture of a cat")
    refuses(path, "not an ONNX file")
    weights = onnx.load_from_string(bytes(content)).graph.initializer
    largest = max(weights, key=lambda weight: len(weight.raw_data)).raw_data
    content[content.index(largest) + 8] ^= 1
    path.write_bytes(content)
    refuses(path, "sha256 differs")
    node = onnx.helper.make_node("Relu", ["images"], ["landmarks"])
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4])
        for name in ("images", "landmarks")
    ]
    graph = onnx.helper.make_graph([node], "other", ends[:1], ends[1:])
    opset = [onnx.helper.make_opsetid("", 15)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    refuses(path, "no readable description")


def test_without_the_extra_the_format_is_skipped(monkeypatch, caplog):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else find(name)
    )
    with caplog.at_level("WARNING"):
        assert formats.checked(["onnx", "tflite"]) == ["tflite"]
    assert "onnx skipped: tf2onnx is not installed; run: pip install 'evae-tf[onnx]'" in caplog.text
    with pytest.raises(InputError, match="tf2onnx is not installed"):
        formats.checked(["onnx"])
