"""A model's predictions on annotated faces: of the regressor and of the response maps."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from evae_tf import geometry, progress
from evae_tf.array_types import FloatArray
from evae_tf.artifacts.predictors import Predictor, open_model
from evae_tf.config import MAP_ARCHITECTURES
from evae_tf.data.crops import Crops, cut_crops
from evae_tf.data.face import Face
from evae_tf.errors import InputError
from evae_tf.evaluation.truth import Truth
from evae_tf.markups import Markup
from evae_tf.models.response_maps import ResponseMapCodec


@dataclasses.dataclass(frozen=True)
class Reading:
    """The predictions of one model on all faces, by the regressor or by the maps.

    Attributes:
      model: its path, as given.
      name: `regressor`, or `maps` for landmarks read off the response maps.
      crops: the `Crops` given to the model.
      landmarks_crop: float32 [N, K, 2], crop fractions.
      covariance_crop: float32 [N, K, 2, 2], crop fractions squared, or None.
      visibility: float32 [N, K], or None.
    """

    model: str
    name: str
    crops: Crops
    landmarks_crop: FloatArray
    covariance_crop: FloatArray | None = None
    visibility: FloatArray | None = None

    @property
    def landmarks_image(self) -> FloatArray:
        """float32 [N, K, 2], image pixels."""
        return geometry.crop_to_image(self.landmarks_crop, self.crops.squares)

    @property
    def covariance_image(self) -> FloatArray | None:
        """float32 [N, K, 2, 2], image pixels squared, or None."""
        if self.covariance_crop is None:
            return None
        return geometry.covariance_to_image(self.covariance_crop, self.crops.squares)

    @property
    def label(self) -> str:
        """Its name in figures and tables."""
        return f"{self.model} ({self.name})"


def open_predictor(path: str | Path, markup: Markup, num_threads: int) -> Predictor:
    """See `predictors.open_model`; the model must predict the points of `markup`."""
    predictor = open_model(path, num_threads)
    own = predictor.metadata.markup
    if own.points != markup.points:
        raise InputError(
            f"{path}: predicts the {own.num_points} points of {own.name}; the faces have the "
            f"{markup.num_points} points of {markup.name}."
        )
    return predictor


def read(
    path: str,
    predictor: Predictor,
    faces: Sequence[Face],
    truth: Truth,
    *,
    batch_size: int,
    num_threads: int,
) -> list[Reading]:
    """The readings of one model: of the regressor, and of the maps if it outputs maps.

    Args:
      path: the model's path, as given.
      predictor: what `open_predictor` returned for it.
      faces: list of `Face`.
      truth: their `Truth`, whose boxes are used.
      batch_size: faces per batch.
      num_threads: threads for decoding.

    Raises:
      InputError: the model predicts NaN or infinity, or a face cannot be cropped.
    """
    metadata = predictor.metadata
    crop = {"size": metadata.input_size, "margin": metadata.crop_margin}
    crops = cut_crops(faces, boxes=truth.boxes, num_threads=num_threads, **crop)
    outputs = _outputs(path, predictor, crops, batch_size)
    is_map_model = metadata.architecture in MAP_ARCHITECTURES
    first = "maps" if is_map_model else "regressor"
    doubt = outputs.get("covariance"), outputs.get("visibility")
    readings = [Reading(path, first, crops, outputs["landmarks"], *doubt)]
    if "read_off" in outputs and not is_map_model:
        readings.append(Reading(path, "maps", crops, outputs["read_off"]))
    return readings


def _outputs(
    path: str, predictor: Predictor, crops: Crops, batch_size: int
) -> dict[str, FloatArray]:
    """The model's outputs for all crops; `read_off`, float [N, K, 2], replaces the maps."""
    parts: dict[str, list[FloatArray]] = {}
    codec = ResponseMapCodec.of_saved(predictor.metadata)
    starts = range(0, len(crops), batch_size)
    for start in progress.bar(starts, desc=path, unit="batch"):
        batch = predictor.predict(crops.model_input(slice(start, start + batch_size)))
        if "response_maps" in batch:
            maps = keras.ops.convert_to_tensor(batch.pop("response_maps"))
            batch["read_off"] = keras.ops.convert_to_numpy(codec.read(maps))
        for name, values in batch.items():
            parts.setdefault(name, []).append(values)
    outputs = {name: np.concatenate(values) for name, values in parts.items()}
    for name, values in outputs.items():
        if not np.isfinite(values).all():
            raise InputError(f"{path}: the output {name} contains NaN or infinity.")
    return outputs
