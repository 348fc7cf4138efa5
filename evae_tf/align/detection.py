"""The face detectors by name.

A detector is a function from an image, uint8 [H, W, 3] in RGB, to `Detections`. A user-defined one
may also return boxes [N, 4], about as tight as landmark boxes, or [N, 5] with a score each.
"""

from collections.abc import Callable
from os import PathLike
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from evae_tf import arguments
from evae_tf.align.detections import Detections
from evae_tf.align.detectors.haar import HaarDetector
from evae_tf.align.detectors.retinaface import RetinaFaceDetector
from evae_tf.align.detectors.tflite import TfliteDetector
from evae_tf.align.detectors.yunet import YuNetDetector
from evae_tf.array_types import ByteArray
from evae_tf.artifacts import pretrained
from evae_tf.errors import UsageError

Detector: TypeAlias = Callable[[ByteArray], Detections | npt.ArrayLike]

DETECTORS = ("auto", "retinaface", "tflite", "yunet", "haar", "none")


def create(name: str, model: str | PathLike[str] | None = None, num_threads: int = 1) -> Detector:
    """Creates a detector by name.

    Args:
      name: one of `DETECTORS`; `auto` is the best one installed.
      model: the model file of `yunet`, or one that replaces the default of `tflite`.
      num_threads: threads of a neural detector.

    Raises:
      InputError: the name is unknown, the file cannot be used, or a package is missing.
    """
    if model is not None:
        model = arguments.path("detector_model", model)
    num_threads = arguments.whole_number("num_threads", num_threads)
    if model is not None and name in ("auto", "retinaface", "haar", "none"):
        raise UsageError(f"{model}: the detector {name} takes no file (--detector_model).")
    if name == "auto":
        name = "retinaface" if RetinaFaceDetector.is_installed() else "tflite"
    if name == "retinaface":
        return RetinaFaceDetector(num_threads=num_threads)
    if name == "tflite":
        return TfliteDetector(model or pretrained.find("detector", ".tflite"), num_threads)
    if name == "haar":
        return HaarDetector()
    if name == "yunet":
        return YuNetDetector(model, num_threads)
    if name == "none":
        return whole_image
    raise UsageError(f"detector {name!r} is unknown, expected one of {list(DETECTORS)}.")


def whole_image(image: ByteArray) -> Detections:
    """The detector `none`: one box that covers the whole image."""
    height, width = image.shape[:2]
    return Detections(np.array([[-0.5, -0.5, width - 0.5, height - 0.5]], np.float32))
