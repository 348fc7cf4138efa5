"""What a model says of annotated faces, in each way that its landmarks can be read."""

import dataclasses

import keras
import numpy as np
from tqdm import tqdm

from evae_tf import geometry
from evae_tf.artifacts.predictors import open_model
from evae_tf.config import MAP_ARCHITECTURES
from evae_tf.data.crops import cut_crops
from evae_tf.errors import InputError
from evae_tf.models import response_maps


@dataclasses.dataclass(frozen=True)
class Reading:
    """What one model says of every face, read in one way.

    Attributes:
      model: its path, as given.
      name: `regressor`, or `maps` for landmarks read off the response maps.
      crops: the `Crops` it saw.
      landmarks_crop: float32 [N, K, 2], crop fractions.
      covariance_crop: float32 [N, K, 2, 2], crop fractions squared, or None.
      visibility: float32 [N, K], or None.
    """

    model: str
    name: str
    crops: object
    landmarks_crop: np.ndarray
    covariance_crop: np.ndarray | None = None
    visibility: np.ndarray | None = None

    @property
    def landmarks_image(self):
        """float32 [N, K, 2], image pixels."""
        return geometry.crop_to_image(self.landmarks_crop, self.crops.squares)

    @property
    def covariance_image(self):
        """float32 [N, K, 2, 2], image pixels squared."""
        return self.covariance_crop * self.crops.squares[:, 2, None, None, None] ** 2

    @property
    def label(self):
        """What figures and tables call it."""
        return f"{self.model} ({self.name})"


def open_predictor(path, markup, num_threads):
    """See `predictors.open_model`; the model must predict the points of `markup`."""
    predictor = open_model(path, num_threads)
    own = predictor.metadata.markup
    if own.points != markup.points:
        raise InputError(
            f"{path}: predicts the {own.num_points} points of {own.name}, the faces have the "
            f"{markup.num_points} of {markup.name}."
        )
    return predictor


def read(path, predictor, faces, boxes, batch_size, num_threads):
    """The readings of one model: the regressor's, and the maps' where it gives maps.

    Raises:
      InputError: the model predicts what is no finite number, or a face cannot be cut out.
    """
    metadata = predictor.metadata
    crops = cut_crops(
        faces,
        size=metadata.input_size,
        margin=metadata.crop_margin,
        boxes=boxes,
        num_threads=num_threads,
    )
    outputs = {}
    starts = range(0, len(crops), batch_size)
    for start in tqdm(starts, desc=str(path), unit="batch", disable=None):
        batch = predictor.predict(crops.model_input(slice(start, start + batch_size)))
        if "response_maps" in batch:
            maps = keras.ops.convert_to_tensor(batch.pop("response_maps"))
            read = response_maps.soft_argmax(maps, metadata.readout_power)
            batch["read_off"] = keras.ops.convert_to_numpy(read)
        for name, values in batch.items():
            outputs.setdefault(name, []).append(values)
    outputs = {name: np.concatenate(parts) for name, parts in outputs.items()}
    for name, values in outputs.items():
        if not np.isfinite(values).all():
            raise InputError(f"{path}: found {name} that are not finite, expected numbers.")
    is_map_model = metadata.architecture in MAP_ARCHITECTURES
    first = "maps" if is_map_model else "regressor"
    doubt = outputs.get("covariance"), outputs.get("visibility")
    readings = [Reading(path, first, crops, outputs["landmarks"], *doubt)]
    if "read_off" in outputs and not is_map_model:
        readings.append(Reading(path, "maps", crops, outputs["read_off"]))
    return readings
