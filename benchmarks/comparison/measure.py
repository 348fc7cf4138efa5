"""Errors of each trained model on the validation faces, and the shape of its response maps."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from benchmarks.comparison import map_shape
from evae_tf import geometry
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.artifacts.predictors import Predictor, open_model
from evae_tf.config import MAP_ARCHITECTURES
from evae_tf.data.crops import Crops, cut_crops
from evae_tf.data.face import Face
from evae_tf.evaluation import metrics
from evae_tf.evaluation.truth import Truth
from evae_tf.models.response_maps import ResponseMapCodec

ONE_PEAK = 0.5  # a map counts as single-peaked if its second peak is below this share of the first
_PATCH_SIDE = 0.4  # of the crop
_HARD_SHARE = 0.1


@dataclasses.dataclass(frozen=True)
class Measured:
    """A model's results on N validation faces.

    Attributes:
      errors: dict of (reading, normaliser) to NME of each face, float [N]. A reading is
        `regressor` or `maps`.
      occluded: as `errors`, with a patch of another photo pasted onto each face.
      shapes: dict of `entropy`, `roughness` and `second_peak` to float [N, K]; empty without maps.
    """

    errors: dict[tuple[str, str], FloatArray]
    occluded: dict[tuple[str, str], FloatArray]
    shapes: dict[str, FloatArray]


def measure(path: Path, faces: Sequence[Face], normalizers: Sequence[str]) -> Measured:
    """Runs a model on faces.

    Args:
      path: a `.keras` file.
      faces: list of `Face`.
      normalizers: names of `metrics.normalizing_distance`.
    """
    predictor, crops = _open(path, faces)
    truth = Truth.of(faces, normalizers)

    def errors(readings: dict[str, FloatArray]) -> dict[tuple[str, str], FloatArray]:
        return {
            (reading, name): metrics.nme(
                geometry.crop_to_image(landmarks, crops.squares), truth.landmarks, distance
            )
            for reading, landmarks in readings.items()
            for name, distance in truth.distances.items()
        }

    readings, maps = _read(predictor, crops)
    pasted, _ = _read(predictor, dataclasses.replace(crops, images=paste_patches(crops.images)))
    shapes = {}
    if maps is not None:
        measures = (map_shape.entropy, map_shape.roughness, map_shape.second_peak)
        shapes = {function.__name__: function(maps) for function in measures}
    return Measured(errors(readings), errors(pasted), shapes)


def main_reading(measured: Measured) -> str:
    """`regressor` if there is one, else `maps`."""
    readings = {reading for reading, _ in measured.errors}
    return "regressor" if "regressor" in readings else "maps"


def predict_maps(path: Path, faces: Sequence[Face]) -> tuple[FloatArray, Crops]:
    """(response maps [N, h, w, K] of a `.keras` file, its input `Crops`)."""
    predictor, crops = _open(path, faces)
    return predictor.predict(crops.model_input())["response_maps"], crops


def _open(path: Path, faces: Sequence[Face]) -> tuple[Predictor, Crops]:
    predictor = open_model(path)
    metadata = predictor.metadata
    return predictor, cut_crops(faces, size=metadata.input_size, margin=metadata.crop_margin)


def _read(predictor: Predictor, crops: Crops) -> tuple[dict[str, FloatArray], FloatArray | None]:
    """(dict of reading to landmarks [N, K, 2] in crop fractions, the maps or None)."""
    outputs = predictor.predict(crops.model_input())
    maps = outputs.get("response_maps")
    if predictor.metadata.architecture in MAP_ARCHITECTURES:
        return {"maps": outputs["landmarks"]}, maps
    readings = {"regressor": outputs["landmarks"]}
    if maps is not None:
        codec = ResponseMapCodec.of_saved(predictor.metadata)
        read = codec.read(keras.ops.convert_to_tensor(maps))
        readings["maps"] = keras.ops.convert_to_numpy(read)
    return readings, maps


def paste_patches(images: ByteArray, seed: int = 0) -> ByteArray:
    """Crops [N, S, S, 3] with a square of the next crop pasted at a random position."""
    rng = np.random.default_rng(seed)
    pasted, size = images.copy(), images.shape[1]
    side = round(_PATCH_SIDE * size)
    places = np.rint(rng.random((len(images), 4)) * (size - side)).astype(int)
    for index, (y, x, from_y, from_x) in enumerate(places):
        source = images[(index + 1) % len(images)]
        pasted[index, y : y + side, x : x + side] = source[
            from_y : from_y + side, from_x : from_x + side
        ]
    return pasted


def most_turned(faces: Sequence[Face]) -> npt.NDArray[np.intp]:
    """Indices of the tenth of 68-point faces with the largest head turn.

    The turn is estimated from the position of the nose tip between the ends of the jaw line.
    """
    landmarks = np.stack([face.landmarks for face in faces])
    first, last, nose = landmarks[:, 0], landmarks[:, 16], landmarks[:, 30]
    across = last - first
    position = np.sum((nose - first) * across, axis=1) / np.sum(across**2, axis=1)
    count = max(1, round(_HARD_SHARE * len(faces)))
    return np.sort(np.argsort(np.abs(position - 0.5))[-count:])
