"""The package's own detector: a small anchor-free network, run by LiteRT."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from evae_tf import geometry
from evae_tf.align.detections import Detections, distinct, of_network
from evae_tf.align.detectors.images import padded, shrunk
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.errors import InputError
from evae_tf.pool import Pool

_LONG_SIDES_PX = (640, 1280)
MIN_SCORE = 0.15  # most detections below 0.5 are false; the landmark model rejects them
_STRIDE_PX, _UNIT_PX = 4, 32.0  # of the network, see `recipes.detector.network`
_MULTIPLE_PX = 32  # image sides are multiples of this
_SAME = 0.35  # IoU above which two squares are the same face
_OUTPUTS = {"centres", "geometry"}


class TfliteDetector:
    """A detector of `recipes.detector`.

    Args:
      path: its `.tflite` file.
      num_threads: threads of the network.
      min_score: detections with a lower score are dropped.

    Attributes:
      min_confidence: default `min_score` of `Aligner`. It is higher than for other detectors,
        because this one returns more detections with higher scores.

    Raises:
      InputError: the file does not exist or is not such a detector.
    """

    min_confidence = 0.4

    def __init__(
        self, path: str | PathLike[str], num_threads: int = 1, min_score: float = MIN_SCORE
    ) -> None:
        if not Path(path).is_file():
            raise InputError(f"{path}: there is no such detector model.")
        self.path = Path(path).absolute()
        self._arguments = (self.path, num_threads, min_score)
        self._networks = Pool(self._load)

    def __reduce__(self) -> tuple[Any, ...]:
        return TfliteDetector, self._arguments

    def _load(self) -> "_Network":
        path, num_threads, _ = self._arguments
        return _Network(path, num_threads)

    def __call__(self, image: ByteArray) -> Detections:
        usual, fine = _LONG_SIDES_PX
        found = [self._search(image, usual)]
        if max(image.shape) > usual:  # small faces in a large image
            found.append(self._search(image, fine))
        rows = _distinct(np.concatenate(found))
        keypoints = rows[:, 4:14].reshape(-1, 5, 2)
        return of_network(rows[:, :4], rows[:, 14], keypoints, (0.0, 0.0, 1.0))

    def _search(self, image: ByteArray, long_side: int) -> FloatArray:
        """Detections at a longer side of `long_side`, as `decoded`, in pixels of the image."""
        small, scale = shrunk(image, long_side)
        pixels = padded(small, _MULTIPLE_PX)
        with self._networks.lend() as network:
            centres, places = network(pixels.astype(np.float32)[None] / 255)
        rows = decoded(centres, places, self._arguments[2])
        # Pixels of the small image -> pixels of the image.
        rows[:, :14] = (rows[:, :14] + 0.5) / scale - 0.5
        return rows


class _Network:
    """An interpreter for images of varying size."""

    def __init__(self, path: Path, num_threads: int) -> None:
        try:
            # Its contents: the interpreter takes no path that is not UTF-8.
            content = path.read_bytes()
            self._interpreter = Interpreter(model_content=content, num_threads=num_threads)
            runner = self._interpreter.get_signature_runner()
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{path}: not a .tflite model, or the file is damaged ({error})."
            ) from error
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        if {*inputs} != {"images"} or {*outputs} != _OUTPUTS:
            raise InputError(
                f"{path}: not a face detector of this package; found the outputs "
                f"{sorted(outputs)}, expected {sorted(_OUTPUTS)}."
            )
        self._input = inputs["images"]["index"]
        self._outputs = [outputs[name]["index"] for name in sorted(_OUTPUTS)]
        self._shape: tuple[int, ...] = ()

    def __call__(self, images: FloatArray) -> tuple[FloatArray, FloatArray]:
        if images.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input, images.shape)
            self._interpreter.allocate_tensors()
            self._shape = images.shape
        self._interpreter.set_tensor(self._input, images)
        self._interpreter.invoke()
        centres, places = (self._interpreter.get_tensor(index)[0] for index in self._outputs)
        return centres[..., 0], places


def decoded(centres: FloatArray, places: FloatArray, min_score: float) -> FloatArray:
    """Decodes the network's output maps.

    Args:
      centres: float32 [h, w], probability that the centre of a face lies in the cell.
      places: float32 [h, w, 13]: offset of the face's centre from that of the cell, in units of 32
        pixels; log(side / 32 pixels); five keypoints relative to the centre, in units of the side.
      min_score: cells with a lower probability are left out.

    Returns:
      float32 [N, 15]: box, five keypoints and score of each face, in pixels of the network's image,
      by descending score.
    """
    rows, columns = np.nonzero((centres >= min_score) & (centres >= _largest_around(centres)))
    told, scores = places[rows, columns], centres[rows, columns, None]
    cells = np.stack([columns, rows], axis=1) * _STRIDE_PX + (_STRIDE_PX - 1) / 2
    middle, sides = cells + told[:, :2] * _UNIT_PX, _UNIT_PX * np.exp(told[:, 2:3])
    points = np.tile(middle, 5) + sides * told[:, 3:]
    found = [middle - sides / 2, middle + sides / 2, points, scores]
    return _distinct(np.concatenate(found, axis=1).astype(np.float32))


def _distinct(rows: FloatArray) -> FloatArray:
    """Rows of `decoded` by descending score, without duplicates."""
    rows = rows[np.argsort(-rows[:, 14], kind="stable")]
    return rows[distinct(geometry.square_around(rows[:, :4], 0.0), _SAME)]


def _largest_around(values: FloatArray) -> FloatArray:
    """Maximum over 3 x 3 cells: float [h, w]."""
    wide = np.pad(values, 1)
    rows = np.maximum(np.maximum(wide[:-2], wide[1:-1]), wide[2:])
    return np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
