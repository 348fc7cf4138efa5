"""Analyses a TFLite file: multiplications of each layer, and the file cut after each layer."""

from collections.abc import Iterator
from typing import Any

from evae_tf.exporting.tflite_file import op_name, packed, parse


def macs_of_layers(content: bytes) -> dict[str, int]:
    """Multiply-accumulate operations of each layer of a TFLite file, by its output's name."""
    model = parse(content)
    graph = model.subgraphs[0]
    return {
        graph.tensors[operator.outputs[0]].name.decode(): macs
        for operator in graph.operators
        if (macs := _macs(model, graph, operator))
    }


def cut_after_layers(content: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Yields (name, multiply-accumulate operations, bytes of the file that ends there)."""
    whole = parse(content)
    for index, operator in enumerate(whole.subgraphs[0].operators):
        macs = _macs(whole, whole.subgraphs[0], operator)
        if not macs:
            continue
        part = parse(content)
        graph, part.signatureDefs = part.subgraphs[0], []
        graph.operators = graph.operators[: index + 1]
        graph.outputs = graph.operators[-1].outputs
        yield graph.tensors[graph.outputs[0]].name.decode(), macs, packed(part)


def _macs(model: Any, graph: Any, operator: Any) -> int:
    name = op_name(model, operator)
    shapes = [list(graph.tensors[index].shape) for index in operator.inputs if index >= 0]
    batch, *output = graph.tensors[operator.outputs[0]].shape
    if name == "CONV_2D":
        _, rows, columns, channels = shapes[1]
        return output[0] * output[1] * output[2] * rows * columns * channels
    if name == "DEPTHWISE_CONV_2D":
        _, rows, columns, _ = shapes[1]
        return output[0] * output[1] * output[2] * rows * columns
    if name == "TRANSPOSE_CONV":  # inputs: output's shape, weights, features
        filters, rows, columns, channels = shapes[1]
        return shapes[2][1] * shapes[2][2] * channels * filters * rows * columns
    if name == "FULLY_CONNECTED":
        return shapes[1][0] * shapes[1][1]
    return 0
