"""The export formats and their file names."""

from collections.abc import Sequence

from absl import logging

from evae_tf import arguments, extras
from evae_tf.errors import InputError, UsageError

FILES = {
    "saved_model": "saved_model",
    "tflite": "model.tflite",
    "tflite_fp16": "model_fp16.tflite",
    "tflite_dynamic": "model_dynamic.tflite",
    "tflite_int8": "model_int8.tflite",
    "tflite_uint8": "model_uint8.tflite",
    "onnx": "model.onnx",
}
FORMATS = ("serving", *FILES)  # a serving folder is named by its version number
CALIBRATED = ("tflite_int8", "tflite_uint8")


def checked(formats: str | Sequence[str]) -> list[str]:
    """The formats without duplicates.

    `onnx` is skipped, with a warning, if its extra is not installed and there are other formats.

    Raises:
      UsageError: one is unknown, or there is none.
      InputError: the extra that a format needs is not installed.
    """
    formats = arguments.names("formats", formats)
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise UsageError(f"unknown formats {unknown}; known: {list(FORMATS)}.")
    if not formats:
        raise UsageError(f"formats is empty; known: {list(FORMATS)}.")
    if "serving" in formats:
        extras.require("tensorflow_serving")
    if "onnx" in formats:
        try:
            extras.require("onnx")
            extras.require("tf2onnx")
            extras.require("onnxruntime")
        except InputError as error:
            if set(formats) == {"onnx"}:
                raise
            logging.warning("onnx skipped: %s", error)
            formats = [name for name in formats if name != "onnx"]
    return list(dict.fromkeys(formats))
