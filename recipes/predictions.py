"""The landmarks of a model in many crops."""

import numpy as np

from evae_tf.array_types import FloatArray
from evae_tf.artifacts.predictors import Predictor
from evae_tf.data.crops import Crops

_BATCH = 64  # all response maps at once would fill the memory


def landmarks_in(model: Predictor, crops: Crops, *, mirrored: bool = False) -> FloatArray:
    """Landmarks in crops without context: float [N, K, 2], crop fractions.

    Args:
      model: see `predictors.open_model`.
      crops: N crops of the model's size.
      mirrored: whether the model gets the mirror images; its landmarks are mirrored back.
    """
    found: list[FloatArray] = []
    for start in range(0, len(crops), _BATCH):
        images = crops.model_input(slice(start, start + _BATCH))
        images = np.ascontiguousarray(images[:, :, ::-1]) if mirrored else images
        found.append(model.predict(images)["landmarks"])
    landmarks = np.concatenate(found)
    if not mirrored:
        return landmarks
    return landmarks[:, list(model.metadata.markup.flip_permutation)] * [-1, 1] + [1, 0]
