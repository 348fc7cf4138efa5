"""What the exported networks are made of."""

import collections
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from evae_tf.errors import InputError
from evae_tf.exporting import tflite


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
        if op["op_name"] in ("SOFTMAX", "SUM", "DIV", "BATCH_MATMUL"):
            assert read is written is np.float32
    assert layers == {"CONV_2D": 16, "DEPTH_TO_SPACE": 2, "int8": 1, "float32": 1}
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
