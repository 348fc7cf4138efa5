"""ONNX Runtime, which two extras install; it is imported on demand."""

from typing import Any

from evae_tf import extras
from evae_tf.errors import InputError, first_line


def open_session(content: bytes, num_threads: int, source: str) -> Any:
    """Creates an `InferenceSession`, which is thread-safe.

    Args:
      content: the content of an `.onnx` file.
      num_threads: threads of the network.
      source: name of the file, for messages.

    Raises:
      InputError: ONNX Runtime is not installed, or cannot load the model.
    """
    extras.require("onnxruntime")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base class
        reason = first_line(error)
        raise InputError(f"{source}: not an ONNX file, or damaged ({reason}).") from error
