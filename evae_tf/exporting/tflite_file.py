"""Edits of a finished TFLite file: tensor names, input type, description.

The description is a zip archive appended to the file: TFLite readers ignore it, `unzip` reads it.
"""

import hashlib
import io
import zipfile
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from evae_tf.artifacts import sidecar
from evae_tf.artifacts.sidecar import DESCRIPTION_INSIDE
from evae_tf.errors import InputError

_UINT8_STEP = 1 / 255  # 0 to 255 represents 0 to 1
_OP_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}


def parse(content: bytes) -> Any:
    """The objects of a TFLite file, given as bytes."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))


def packed(model: Any) -> bytes:
    """The bytes of a parsed file; inverts `parse`."""
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def op_name(model: Any, operator: Any) -> str:
    """Name of an operation of a parsed file, such as CONV_2D."""
    return _OP_NAMES[model.operatorCodes[operator.opcodeIndex].builtinCode]


def with_short_names(content: bytes) -> bytes:
    """The file with short tensor names; inputs and outputs have the names of the signature.

    The converter joins the paths of all fused operations to name a tensor; these names take up a
    sixtieth of a small file.
    """
    model = parse(content)
    (signature,) = model.signatureDefs
    given = {tensor.tensorIndex: tensor.name for tensor in [*signature.inputs, *signature.outputs]}
    for index, tensor in enumerate(model.subgraphs[0].tensors):
        first, _, _ = tensor.name.decode().partition(";")
        within_network = "/".join(first.split("/")[2:])  # without the two enclosing models
        tensor.name = given.get(index, within_network or first)
    return packed(model)


def with_uint8_input(content: bytes) -> bytes:
    """An int8 file whose `images` are uint8, RGB in 0..255, as cameras return them.

    Raises:
      InputError: an operation other than the first quantisation reads the images.
    """
    model = parse(content)
    graph = model.subgraphs[0]
    (images,) = graph.inputs
    readers = [operator for operator in graph.operators if images in operator.inputs]
    if any(op_name(model, reader) != "QUANTIZE" for reader in readers):
        raise InputError("tflite_uint8: the images are not quantised first in this network.")
    tensor = graph.tensors[images]
    tensor.type = schema.TensorType.UINT8
    tensor.quantization = schema.QuantizationParametersT(scale=[_UINT8_STEP], zeroPoint=[0])
    return packed(model)


def with_description(content: bytes, description: dict[str, Any]) -> bytes:
    """The file with a description appended, which holds the digest of the bytes before it.

    Args:
      content: bytes.
      description: dict, see `sidecar.describe`.
    """
    digest = hashlib.sha256(content).hexdigest()
    text = sidecar.to_json({**description, "sha256_before_description": digest})
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        # The entry's date is fixed, so that the same model gives the same bytes.
        archive.writestr(zipfile.ZipInfo(DESCRIPTION_INSIDE), text, zipfile.ZIP_DEFLATED)
    return file.getvalue()
