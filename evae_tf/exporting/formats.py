"""The formats that a model can be exported in, and their files."""

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
FORMATS = ("serving", *FILES)  # the name of a serving file is the number of its version
CALIBRATED = ("tflite_int8", "tflite_uint8")


def checked(formats: str | Sequence[str]) -> list[str]:
    """The formats without repetitions.

    Raises:
      UsageError: one is unknown, or there is none.
      InputError: the extra that `serving` needs is not installed.
    """
    formats = arguments.names("formats", formats)
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise UsageError(f"formats {unknown} are unknown: known are {list(FORMATS)}.")
    if not formats:
        raise UsageError(f"no format to write is named: known are {list(FORMATS)}.")
    if "serving" in formats:
        extras.require("tensorflow_serving")
    return list(dict.fromkeys(formats))
