"""Detectors: where in an image faces may be.

A detector is a function from an image, uint8 [H, W, 3] in RGB, to boxes [N, 4], about as tight as
those around landmarks, in image pixels. It may be a generator of several such rounds: a later one
is asked for only when the model found no face in the boxes of those before.
"""

from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import cv2.data
import numpy as np
import numpy.typing as npt

from evae_tf.align.inputs import box_array
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.errors import InputError
from evae_tf.pool import Pool

Detector: TypeAlias = Callable[[ByteArray], npt.ArrayLike | Iterator[npt.ArrayLike]]

_LONG_SIDE_PX, _CROWD_SIDE_PX = 640, 1920
_CLOSE_UPS = (0.9, 0.5)  # sides of boxes, of the image's shorter side
_SCALE_STEP, _NEIGHBOURS, _MIN_SIDE_PX = 1.1, 3, 24

_Place: TypeAlias = tuple[float, float, float]


def find_boxes(detector: Detector, image: ByteArray) -> Iterator[FloatArray]:
    """Yields the rounds of a detector, float32 [N, 4] each.

    Raises:
      InputError: a round is no such array, or a box is empty or not finite.
    """
    found = detector(image)
    rounds = found if isinstance(found, Iterator) else [found]
    return (box_array(boxes, "the detector") for boxes in rounds)


class HaarDetector:
    """The cascades that come with OpenCV: a frontal one, then another, then profiles.

    Source: Viola and Jones, Rapid Object Detection using a Boosted Cascade of Simple Features,
    CVPR 2001; the cascades are OpenCV's.
    """

    # A cascade's box, and the landmarks' box in it: centre (x, y) from its own, and longer side,
    # as fractions of its side. Medians over every 14th training face of 300-W.
    _ROUNDS = (
        (("haarcascade_frontalface_alt2", (0.01, 0.158, 0.892), False),),
        (("haarcascade_frontalface_default", (0.01, 0.154, 0.886), False),),
        (
            ("haarcascade_profileface", (-0.108, 0.169, 0.816), False),
            ("haarcascade_profileface", (-0.108, 0.169, 0.816), True),
        ),
    )

    def __init__(self) -> None:
        self._cascades = Pool(self._load)

    def __reduce__(self) -> tuple[Any, ...]:
        return HaarDetector, ()

    def _load(self) -> dict[str, cv2.CascadeClassifier]:
        names = {name for detections in self._ROUNDS for name, _, _ in detections}
        return {name: cv2.CascadeClassifier(f"{cv2.data.haarcascades}{name}.xml") for name in names}

    def __call__(self, image: ByteArray) -> Iterator[FloatArray]:
        yield from self.detect(image)
        # Close-ups that no cascade knows: the middle of the image, more and less of it.
        height, width = image.shape[:2]
        centre = np.array([width, height], np.float32) / 2 - 0.5
        halves = np.array(_CLOSE_UPS, np.float32)[:, None] * min(width, height) / 2
        yield np.concatenate([centre - halves, centre + halves], axis=1)

    def detect(self, image: ByteArray) -> Iterator[FloatArray]:
        """The rounds without the last one, which is a guess that only the model can check."""
        for detections in self._ROUNDS:
            yield self._search(image, _LONG_SIDE_PX, detections)
        if max(image.shape) > _LONG_SIDE_PX:  # faces of a crowd are lost in a small picture
            yield self._search(image, _CROWD_SIDE_PX, self._ROUNDS[0])

    def _search(
        self, image: ByteArray, long_side: int, detections: tuple[tuple[str, _Place, bool], ...]
    ) -> FloatArray:
        small, scale = _shrunk(image, long_side)
        grey = cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
        with self._cascades.lend() as cascades:
            found = [
                self._detect(cascades[name], grey, place, mirrored)
                for name, place, mirrored in detections
            ]
        # Pixels of the small image -> those of the image, by fractions of both.
        return (np.concatenate(found) + 0.5) / scale - 0.5

    def _detect(
        self, cascade: cv2.CascadeClassifier, grey: Any, place: _Place, mirrored: bool
    ) -> FloatArray:
        searched = np.ascontiguousarray(grey[:, ::-1]) if mirrored else grey
        found = cascade.detectMultiScale(
            searched, _SCALE_STEP, _NEIGHBOURS, minSize=(_MIN_SIDE_PX, _MIN_SIDE_PX)
        )
        left, top, side, _ = np.array(found, np.float32).reshape(-1, 4).T
        x, y, size = place
        centre_x, centre_y = left + side * (0.5 + x), top + side * (0.5 + y)
        if mirrored:
            centre_x = grey.shape[1] - centre_x
        half = side * size / 2
        # A cascade counts from the corner of a pixel, geometry.py from its centre.
        return np.stack(
            [centre_x - half, centre_y - half, centre_x + half, centre_y + half], axis=1
        ) - np.float32(0.5)


def _shrunk(image: ByteArray, long_side: int) -> tuple[Any, float]:
    """(the image, or a smaller one whose longer side is `long_side` pixels; by how much)."""
    height, width = image.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale


def whole_image(image: ByteArray) -> FloatArray:
    """The detector `none`: the image is a face, filled by it from edge to edge."""
    height, width = image.shape[:2]
    return np.array([[-0.5, -0.5, width - 0.5, height - 0.5]], np.float32)


class YuNetDetector:
    """The network YuNet, whose file the user brings; OpenCV runs it.

    Args:
      path: an `.onnx` file with a fixed input size.

    Raises:
      InputError: there is no such file, or OpenCV cannot use it.

    Source: Wu et al., YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence
    Research 2023.
    """

    # As for the cascades, with the longer side of its box as unit; over the same faces.
    _PLACE = (0.0, 0.13, 0.769)
    _MIN_SCORE = 0.6

    def __init__(self, path: str | PathLike[str] | None) -> None:
        if path is None:
            raise InputError("the detector yunet needs its .onnx file: give --detector_model.")
        if not Path(path).is_file():
            raise InputError(f"{path}: there is no such detector model.")
        self._path = str(Path(path).absolute())
        try:
            self._networks = Pool(self._load)
        except cv2.error as error:
            raise InputError(
                f"{path}: OpenCV cannot use it as YuNet; expected an .onnx file of YuNet with a "
                "fixed input size."
            ) from error

    def __reduce__(self) -> tuple[Any, ...]:
        return YuNetDetector, (self._path,)

    def _load(self) -> cv2.FaceDetectorYN:
        return cv2.FaceDetectorYN.create(self._path, "", (320, 320), self._MIN_SCORE)

    def __call__(self, image: ByteArray) -> FloatArray:
        small, scale = _shrunk(image, _LONG_SIDE_PX)
        with self._networks.lend() as network:
            network.setInputSize((small.shape[1], small.shape[0]))
            _, found = network.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        rows = np.zeros((0, 4)) if found is None else found[:, :4]
        left, top, wide, high = np.asarray(rows, np.float32).T
        x, y, side = self._PLACE
        longer = np.maximum(wide, high)
        centre_x, centre_y = left + wide / 2 + x * longer, top + high / 2 + y * longer
        half = side * longer / 2
        boxes = np.stack(
            [centre_x - half, centre_y - half, centre_x + half, centre_y + half], axis=1
        )
        return boxes / np.float32(scale) - np.float32(0.5)


DETECTORS = ("haar", "yunet", "none")


def create(name: str, model: str | PathLike[str] | None = None) -> Detector:
    """A detector by its name, one of `DETECTORS`.

    Args:
      name: of the detector.
      model: the file that `yunet` needs.

    Raises:
      InputError: the name is unknown, or the file cannot be used.
    """
    if name == "haar":
        return HaarDetector()
    if name == "yunet":
        return YuNetDetector(model)
    if name == "none":
        return whole_image
    raise InputError(f"detector {name!r} is unknown: known are {list(DETECTORS)}.")
