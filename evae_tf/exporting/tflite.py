"""TFLite files in four precisions, and the check of the operations they are made of.

The batch size is fixed at 1: with a free one, every transposed convolution drags operations on
shapes along, which split the graph on phones.
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

# What mobile GPUs do not run, and what shows that a shape is not static.
UNWANTED_OPS = ("PACK", "STRIDED_SLICE", "GATHER")
INT8_THROUGHOUT = "int8_throughout"  # for comparison: nobody would ship it
_LAYER_OPS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
_UNCERTAINTY, _PRESENCE = "/uncertainty", "/presence"  # in their tensors' names, see `evae_cnn`


def convert(saved_model: Path, variant: str, crops: FloatArray | None) -> bytes:
    """The bytes of a TFLite file; inputs and outputs are float32 in every variant.

    Args:
      saved_model: folder that `write_saved_model` wrote with a batch size of 1.
      variant: `tflite` (float32), `tflite_fp16` (weights in float16), `tflite_dynamic` (weights in
        int8), `tflite_int8` (weights and activations in int8, except the readout) or
        `INT8_THROUGHOUT`.
      crops: float32 [N, S, S, 3], RGB in [0, 1], that the ranges of activations are taken from;
        None where `variant` needs none.

    Raises:
      InputError: the file would hold `UNWANTED_OPS`.
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
    """How often each operation stands in a TFLite file: bytes -> dict of name to count."""
    model = parse(content)
    return dict(
        collections.Counter(
            op_name(model, operator) for graph in model.subgraphs for operator in graph.operators
        )
    )


def check_ops(content: bytes, name: str) -> None:
    """Refuses a TFLite file, given as bytes, that holds unwanted operations.

    Raises:
      InputError: it does; names them.
    """
    unwanted = sorted(set(count_ops(content)) & {*UNWANTED_OPS, "CUSTOM"})
    if unwanted:
        raise InputError(
            f"{name}: the file holds {unwanted}, which phones run badly or not at all."
        )


def _convert_int8(converter: Any) -> bytes:
    """Converts to int8 all that comes before and between the layers, and leaves the rest in float.

    What follows the last layers turns response maps into landmarks. In int8 the values of a softmax
    over hundreds of cells are mostly less than one step, and coordinates come in steps that can
    be seen: nearly all that quantisation costs is lost there. EXPORT_REPORT.md measures both.
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

    What stands before and behind the layers of the heads belongs to it: they read the shapes of
    small peaks, and one gives covariances that span several powers of ten. Its layers themselves
    give their logarithms, for which int8 will do. The presence's unit adds up numbers of all sizes.
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
