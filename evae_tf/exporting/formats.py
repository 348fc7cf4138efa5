"""The export formats and their file names."""

from collections.abc import Sequence

from evae_tf import arguments, extras
from evae_tf.errors import UsageError

FILES = {
    "saved_model": "saved_model",
    "tflite": "model.tflite",
    "tflite_fp16": "model_fp16.tflite",
    "tflite_dynamic": "model_dynamic.tflite",
    "tflite_int8": "model_int8.tflite",
    "tflite_uint8": "model_uint8.tflite",
}
FORMATS = ("serving", *FILES)  # a serving folder is named by its version number
CALIBRATED = ("tflite_int8", "tflite_uint8")


def checked(formats: str | Sequence[str]) -> list[str]:
    """The formats without duplicates.

    Raises:
      UsageError: one is unknown, or there is none.
      InputError: the extra that `serving` needs is not installed.
    """
    formats = arguments.names("formats", formats)
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise UsageError(f"unknown formats {unknown}; known: {list(FORMATS)}.")
    if not formats:
        raise UsageError(f"formats is empty; known: {list(FORMATS)}.")
    if "serving" in formats:
        extras.require("tensorflow_serving")
    return list(dict.fromkeys(formats))
