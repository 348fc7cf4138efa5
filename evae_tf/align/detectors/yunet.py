"""YuNet; the user provides the model file."""

from os import PathLike
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from evae_tf.align.detections import Detections, of_network
from evae_tf.align.detectors.images import padded, shrunk
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.artifacts.onnx_session import open_session
from evae_tf.errors import InputError, UsageError

LONG_SIDE_PX, CROWD_SIDE_PX = 640, 1920
MIN_SCORE = 0.6
_SMALL_PX = 32  # a face below this side suggests a crowd: the image is searched again, larger
_STRIDES = (8, 16, 32)
_OVERLAP = 0.3
_OUTPUTS = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in _STRIDES]


class YuNetDetector:
    """YuNet, run by ONNX Runtime.

    Args:
      path: an `.onnx` file of YuNet, 2023 or later, with a fixed or dynamic input size.
      num_threads: threads of the network.

    Raises:
      InputError: the file does not exist or is not YuNet, or ONNX Runtime is not installed.

    Source: Wu et al., YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence
    Research 2023.
    """

    # Place of the landmark box, see `landmark_squares`; medians over every 14th training face of
    # 300-W.
    _PLACE = (0.0, 0.13, 0.769)

    def __init__(self, path: str | PathLike[str] | None, num_threads: int = 1) -> None:
        if path is None:
            raise UsageError("the detector yunet needs its .onnx file: use --detector_model.")
        if not Path(path).is_file():
            raise InputError(f"{path}: there is no such detector model.")
        self.path = Path(path).absolute()
        self._arguments = (self.path, num_threads)
        self._session = open_session(Path(path).read_bytes(), num_threads, str(path))
        if {output.name for output in self._session.get_outputs()} != {*_OUTPUTS}:
            raise InputError(f"{path}: not a YuNet model; expected the outputs {_OUTPUTS}.")
        shape = self._session.get_inputs()[0].shape
        self._fixed = (shape[2], shape[3]) if isinstance(shape[2], int) else None

    def __reduce__(self) -> tuple[Any, ...]:
        return YuNetDetector, self._arguments

    def __call__(self, image: ByteArray) -> Detections:
        found, scale = self._find(image, LONG_SIDE_PX)
        sides = np.ptp(found[:, :4].reshape(-1, 2, 2), axis=1).max(axis=1) * scale
        if scale < 1 and not self._fixed and (sides < _SMALL_PX).any():
            found, _ = self._find(image, CROWD_SIDE_PX)
        boxes, keypoints = found[:, :4], found[:, 4:14].reshape(-1, 5, 2)
        return of_network(boxes, found[:, 14], keypoints, self._PLACE)

    def _find(self, image: ByteArray, long_side: int) -> tuple[FloatArray, float]:
        """(box, five keypoints and score of each face: float32 [N, 15], image pixels; scale)."""
        small, scale = shrunk(image, min(long_side, *(self._fixed or (long_side,))))
        bgr = padded(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), max(_STRIDES), self._fixed)
        pixels = bgr.transpose(2, 0, 1)[None].astype(np.float32)
        name = self._session.get_inputs()[0].name
        outputs = dict(zip(_OUTPUTS, self._session.run(_OUTPUTS, {name: pixels}), strict=True))
        rows = np.concatenate([_decoded(outputs, stride, bgr.shape) for stride in _STRIDES])
        corner, size = rows[:, :2], rows[:, 2:4] - rows[:, :2]
        boxes = np.concatenate([corner, size], axis=1)
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), rows[:, 14].tolist(), MIN_SCORE, _OVERLAP)
        rows = rows[np.asarray(kept, np.intp)]
        # YuNet counts from the corner of the first pixel, geometry.py from its centre.
        rows[:, :14] = rows[:, :14] / np.float32(scale) - np.float32(0.5)
        return rows, scale


def _decoded(outputs: dict[str, Any], stride: int, shape: tuple[int, ...]) -> FloatArray:
    """Detections of one stride: float32 [N, 15], see `YuNetDetector._find`."""
    rows, columns = shape[0] // stride, shape[1] // stride
    scores, whole, boxes, points = (
        outputs[f"{kind}_{stride}"][0] for kind in ("cls", "obj", "bbox", "kps")
    )
    cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    likely = np.sqrt(np.clip(scores, 0, 1) * np.clip(whole, 0, 1))[:, 0]
    kept = likely > MIN_SCORE
    cells, boxes, points = cells[kept], boxes[kept], points[kept].reshape(-1, 5, 2)
    centre, half = cells + boxes[:, :2], np.exp(boxes[:, 2:]) / 2
    corners = np.concatenate([centre - half, centre + half], axis=1)
    places = (points + cells[:, None]).reshape(-1, 10)
    found = np.concatenate([corners, places], axis=1) * stride
    return np.concatenate([found, likely[kept, None]], axis=1).astype(np.float32)
