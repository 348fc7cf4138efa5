"""Detectors by name: where in an image faces may be.

A detector is a function from an image, uint8 [H, W, 3] in RGB, to `Detections`; one of the user's
own may return boxes [N, 4], about as tight as those around landmarks, or [N, 5] with a score each.
"""

from collections.abc import Callable
from os import PathLike
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from evae_tf import arguments
from evae_tf.align.detections import Detections
from evae_tf.align.detectors import onnx_runtime
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
    """A detector by its name, one of `DETECTORS`; `auto` is the best that is installed.

    Args:
      name: of the detector.
      model: the file that `yunet` needs, or of another detector than the one that ships, for
        `tflite`.
      num_threads: of a detector that is a network.

    Raises:
      InputError: the name is unknown, the file cannot be used, or a package is missing.
    """
    if model is not None:
        model = arguments.path("detector_model", model)
    num_threads = arguments.whole_number("num_threads", num_threads)
    if model is not None and name in ("auto", "retinaface", "haar", "none"):
        raise UsageError(f"{model}: the detector {name} takes no file (--detector_model).")
    if name == "auto":
        name = "retinaface" if onnx_runtime.is_installed() else "tflite"
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
    raise UsageError(f"detector {name!r} is unknown: known are {list(DETECTORS)}.")


def whole_image(image: ByteArray) -> Detections:
    """The detector `none`: the image is a face, filled by it from edge to edge."""
    height, width = image.shape[:2]
    return Detections(np.array([[-0.5, -0.5, width - 0.5, height - 0.5]], np.float32))
