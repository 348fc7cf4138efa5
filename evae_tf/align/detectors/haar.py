"""Haar cascades that come with OpenCV."""

from typing import Any, TypeAlias

import cv2
import cv2.data
import numpy as np

from evae_tf import geometry
from evae_tf.align.detections import Detections, distinct
from evae_tf.align.detectors.images import shrunk
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.pool import Pool

_LONG_SIDE_PX, _CROWD_SIDE_PX = 640, 1920
_CLOSE_UPS = (0.9, 0.5)  # sides of boxes, as fractions of the image's shorter side
_SCALE_STEP, _NEIGHBOURS, _MIN_SIDE_PX = 1.1, 3, 24
_SAME = 0.3  # IoU above which two boxes are the same face

_Place: TypeAlias = tuple[float, float, float]


class HaarDetector:
    """Haar cascades that come with OpenCV: two frontal ones, then one for profiles.

    Source: Viola and Jones, Rapid Object Detection using a Boosted Cascade of Simple Features,
    CVPR 2001; the cascades are OpenCV's.
    """

    # For each cascade, the place of the landmark box: offset (x, y) of its centre and its longer
    # side, as fractions of the cascade's side. Medians over every 14th training face of 300-W.
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

    def __call__(self, image: ByteArray) -> Detections:
        """Detections of all cascades; if there are none, centred boxes for the model to score."""
        boxes = self.detect(image)
        if not len(boxes):
            height, width = image.shape[:2]
            centre = np.array([width, height], np.float32) / 2 - 0.5
            halves = np.array(_CLOSE_UPS, np.float32)[:, None] * min(width, height) / 2
            boxes = np.concatenate([centre - halves, centre + halves], axis=1)
        return Detections(boxes)

    def detect(self, image: ByteArray) -> FloatArray:
        """Detections of the cascades without duplicates: float32 [N, 4]."""
        found = [self._search(image, _LONG_SIDE_PX, cascades) for cascades in self._ROUNDS]
        if max(image.shape) > _LONG_SIDE_PX:  # the smaller image loses the faces of a crowd
            found.append(self._search(image, _CROWD_SIDE_PX, self._ROUNDS[0]))
        boxes = np.concatenate(found)
        return boxes[distinct(geometry.square_around(boxes, 0.0), _SAME)]

    def _search(
        self, image: ByteArray, long_side: int, detections: tuple[tuple[str, _Place, bool], ...]
    ) -> FloatArray:
        small, scale = shrunk(image, long_side)
        grey = cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
        with self._cascades.lend() as cascades:
            found = [
                self._detect(cascades[name], grey, place, mirrored)
                for name, place, mirrored in detections
            ]
        # Pixels of the small image -> pixels of the image.
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
        # A cascade counts from the corner of the first pixel, geometry.py from its centre.
        return np.stack(
            [centre_x - half, centre_y - half, centre_x + half, centre_y + half], axis=1
        ) - np.float32(0.5)
