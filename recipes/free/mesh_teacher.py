"""MediaPipe's landmark network: 478 points of the face's surface in every photo.

The file is MediaPipe's Face Landmarker v2 (Apache-2.0). Its crop is the square on the long side of
the mesh, half as much again, with the eyes level. The network is run again in the crop of its own
last mesh, as MediaPipe's tracker does.
"""

import dataclasses
from pathlib import Path

import cv2
import numpy as np

from evae_tf import geometry
from evae_tf.array_types import ByteArray, FloatArray

_SIZE = 192
_CONTEXT = 0.5
_OUTER_EYE_CORNERS = [33, 263]
_STARTS = (0.4, 0.5, 0.65)  # face boxes tried, as fractions of the picture's shorter side
_PASSES = 3
# Views of the last crop: shifts and scale relative to its side, turn in degrees.
_VIEWS = (
    *((0.0, 0.0, 1.0, 0.0), (0.03, 0.0, 1.0, 0.0), (-0.03, 0.0, 1.0, 0.0), (0.0, 0.03, 1.0, 0.0)),
    *((0.0, -0.03, 1.0, 0.0), (0.0, 0.0, 1.08, 0.0), (0.0, 0.0, 0.93, 0.0)),
    *((0.0, 0.0, 1.0, 6.0), (0.0, 0.0, 1.0, -6.0)),
)


@dataclasses.dataclass(frozen=True)
class Meshes:
    """The meshes of one photo.

    Attributes:
      views: float [V, 478, 3], in several crops, image pixels; z towards the back of the head.
      mirrored: the same for the mirrored photo, in its own pixels.
      width: of the photo, pixels.
    """

    views: FloatArray
    mirrored: FloatArray
    width: int


class MeshTeacher:
    """The network, run by LiteRT.

    Args:
      path: `mediapipe_face_landmarks_v2.tflite`.
    """

    def __init__(self, path: str | Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._run = Interpreter(str(path), num_threads=1).get_signature_runner()

    def meshes(self, image: ByteArray) -> Meshes:
        """The meshes of the face in the middle of a picture, uint8 [H, W, 3], RGB."""
        return Meshes(self._views(image), self._views(image[:, ::-1]), width=image.shape[1])

    def _views(self, image: ByteArray) -> FloatArray:
        """Meshes of one picture, [V, 478, 3]."""
        border = max(image.shape[:2]) // 2
        # MediaPipe repeats the last pixels beyond the edge; black would be taken for hair.
        wide = cv2.copyMakeBorder(image, *(4 * [border]), cv2.BORDER_REPLICATE)
        mesh = max((self._settled(wide, image.shape, start) for start in _STARTS), key=_logit)[0]
        square, angle = crop_of(mesh)
        found = []
        for x, y, scale, degrees in _VIEWS:
            moved = square + square[2] * np.array([x, y, scale - 1])
            found.append(self._mesh(wide, moved, angle + np.radians(degrees))[0])
        views = np.stack(found)
        views[..., :2] -= border
        return views

    def _settled(self, wide: ByteArray, shape: tuple[int, ...], start: float):
        """The mesh and its presence after some passes from a box in the middle."""
        middle = np.array([wide.shape[1], wide.shape[0]]) / 2
        square = np.array([*middle, min(shape[:2]) * start * (1 + _CONTEXT)])
        found = self._mesh(wide, square, 0.0)
        for _ in range(_PASSES - 1):
            found = self._mesh(wide, *crop_of(found[0]))
        return found

    def _mesh(self, image: ByteArray, square: FloatArray, angle: float):
        """(mesh [478, 3], presence) in a turned square."""
        crop = geometry.cut_square(image, square, _SIZE, angle)
        outputs = self._run(input_28=crop[None].astype(np.float32) / 255)
        points = outputs["conv_landmarks"].reshape(-1, 3) / _SIZE
        placed = geometry.crop_to_image(points[:, :2], square, angle)
        mesh = np.concatenate([placed, points[:, 2:] * square[2]], axis=1)
        return mesh, float(outputs["conv_faceflag"].ravel()[0])


def _logit(found: tuple[FloatArray, float]) -> float:
    return found[1]


def crop_of(mesh: FloatArray) -> tuple[FloatArray, float]:
    """The network's crop of a face: mesh [478, 3] -> (square [3], turn in radians)."""
    left, right = mesh[_OUTER_EYE_CORNERS, :2]
    angle = float(np.arctan2(*(right - left)[::-1]))
    # The box is measured along the eyes, so that a tilted face has the crop of an upright one.
    level = geometry.rotate(mesh[:, :2], -angle)
    square = geometry.square_around(geometry.landmark_box(level), _CONTEXT)
    return np.append(geometry.rotate(square[:2], angle), square[2]), angle
