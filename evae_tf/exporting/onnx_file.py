"""ONNX files, for ONNX Runtime and the converters of other frameworks."""

# onnx and tf2onnx come without types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeStubs=false, reportMissingImports=false

import collections
import hashlib
import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import tensorflow as tf

from evae_tf.artifacts import sidecar


def convert(model: Any) -> bytes:
    """The bytes of an ONNX file for any batch size.

    Args:
      model: functional Keras model of one input `images`, [None, S, S, 3].
    """
    import onnx

    logging.getLogger("tf2onnx").setLevel(logging.WARNING)
    signature = [tf.TensorSpec(model.input_shape, tf.float32, name="images")]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras and tf2onnx use names that NumPy has deprecated
        path = Path(folder) / "model.onnx"
        model.export(path, format="onnx", verbose=False, input_signature=signature)
        content = onnx.load(path)
    for value in (*content.graph.input, *content.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    return content.SerializeToString()


def count_ops(content: bytes) -> dict[str, int]:
    """Number of each operation in an ONNX file: bytes -> dict of name to count."""
    import onnx

    graph = onnx.load_from_string(content).graph
    return dict(collections.Counter(node.op_type for node in graph.node))


def with_description(content: bytes, description: dict[str, Any]) -> bytes:
    """The file with a description among its properties.

    Protocol buffers are merged by concatenation. So the description follows the file that it
    describes, and a reader can check the digest of the bytes before it.

    Args:
      content: the bytes of an ONNX file.
      description: see `sidecar.describe`.
    """
    import onnx

    described = {
        **description,
        "bytes_before_description": len(content),
        "sha256_before_description": hashlib.sha256(content).hexdigest(),
    }
    properties = onnx.ModelProto()
    properties.metadata_props.add(key=sidecar.DESCRIPTION_INSIDE, value=sidecar.to_json(described))
    return content + properties.SerializeToString()
