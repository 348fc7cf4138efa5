"""TFLite files in four precisions, and a check of their operations.

The batch size is fixed at 1: a variable one adds shape operations to every transposed convolution,
which split the graph on phones.
"""

import collections
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from evae_tf.array_types import FloatArray
from evae_tf.errors import InputError
from evae_tf.exporting.tflite_file import op_name, parse, with_short_names

# Operations that mobile GPUs do not run, or that reveal a shape that is not static.
UNWANTED_OPS = ("PACK", "STRIDED_SLICE", "GATHER")
INT8_THROUGHOUT = "int8_throughout"  # for comparison only, never kept
_LAYER_OPS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
_UNCERTAINTY, _PRESENCE = "/uncertainty", "/presence"  # in their tensors' names, see `evae_cnn`


def convert(saved_model: Path, variant: str, crops: FloatArray | None) -> bytes:
    """The bytes of a TFLite file; inputs and outputs are float32 in every variant.

    Args:
      saved_model: folder that `write_saved_model` wrote with a batch size of 1.
      variant: `tflite` (float32), `tflite_fp16` (weights in float16), `tflite_dynamic` (weights in
        int8), `tflite_int8` (weights and activations in int8, except the readout) or
        `INT8_THROUGHOUT`.
      crops: float32 [N, S, S, 3], RGB in [0, 1], to calibrate activation ranges; None if
        `variant` needs none.

    Raises:
      InputError: the file would contain `UNWANTED_OPS`.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if variant != "tflite":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant == "tflite_fp16":
        converter.target_spec.supported_types = [tf.float16]

    def calibration() -> Iterator[dict[str, FloatArray]]:
        for crop in () if crops is None else crops:
            yield {"images": crop[None]}

    if variant in ("tflite_int8", INT8_THROUGHOUT):
        converter.representative_dataset = calibration
    content = _convert_int8(converter) if variant == "tflite_int8" else converter.convert()
    check_ops(content, variant)
    return with_short_names(content)


def count_ops(content: bytes) -> dict[str, int]:
    """Number of each operation in a TFLite file: bytes -> dict of name to count."""
    model = parse(content)
    return dict(
        collections.Counter(
            op_name(model, operator) for graph in model.subgraphs for operator in graph.operators
        )
    )


def check_ops(content: bytes, name: str) -> None:
    """Checks a TFLite file, given as bytes, for unwanted operations.

    Raises:
      InputError: it contains some; names them.
    """
    unwanted = sorted(set(count_ops(content)) & {*UNWANTED_OPS, "CUSTOM"})
    if unwanted:
        raise InputError(
            f"{name}: the file contains {unwanted}, which phones run slowly or not at all."
        )


def _convert_int8(converter: Any) -> bytes:
    """Converts everything up to the last layers to int8 and keeps the readout in float.

    The readout after the last layers turns response maps into landmarks. In int8, most values of
    a softmax over hundreds of cells are below one step and coordinates are visibly coarse: nearly
    all of the quantisation loss arises there. EXPORT_REPORT.md measures both.
    """
    calibration, experimental = converter.representative_dataset, tf.lite.experimental
    with warnings.catch_warnings():  # the debugger still uses TensorFlow's own interpreter
        warnings.simplefilter("ignore", UserWarning)
        debugger = experimental.QuantizationDebugger(converter=converter, debug_dataset=calibration)
        debugger.options = experimental.QuantizationDebugOptions(
            denylisted_nodes=readout_tensors(debugger.calibrated_model)
        )
        return debugger.get_nondebug_quantized_model()


def readout_tensors(content: bytes) -> list[str]:
    """Names of the tensors between the last layers of a TFLite file (bytes) and its outputs.

    They include those before and after the layers of the heads: the heads read the shapes of small
    peaks, and covariances span several powers of ten. The layers themselves output logarithms, for
    which int8 is enough. The presence head sums numbers of very different sizes.
    """
    model = parse(content)
    graph = model.subgraphs[0]
    producers = {tensor: op for op in graph.operators for tensor in op.outputs}
    names, waiting = set(), list(graph.outputs)
    while waiting:
        tensor = waiting.pop()
        operator, name = producers.get(tensor), graph.tensors[tensor].name.decode()
        if operator is None:
            continue
        is_layer = op_name(model, operator) in _LAYER_OPS
        if not is_layer or _PRESENCE in name:
            names.add(name)
        if not is_layer or _PRESENCE in name or _UNCERTAINTY in name:
            waiting.extend(operator.inputs)
    return sorted(names)
