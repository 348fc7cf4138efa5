"""The presence head: probability that the landmarks lie on a face."""

from typing import Any

import keras
from keras import layers, ops

from evae_tf.array_types import Tensor
from evae_tf.models.blocks import Shape
from evae_tf.models.response_maps import log_spread


@keras.saving.register_keras_serializable("evae_tf")
class PresenceHead(layers.Layer):
    """Probability that the crop shows a face and the landmarks lie on it.

    One unit with the inputs of the uncertainty head: the spread of all maps, the regressor's
    features and the mean of the latent code. `recipes.presence` adds it to a trained model and
    leaves the other weights unchanged: landmarks are trained on faces only, this head also on
    images without faces.

    Call: maps [B, h, w, K], features [B, C] and latent code [B, h', w', D] -> float32 [B], 0 to 1.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unit = layers.Dense(1, activation="sigmoid", dtype="float32", name="unit")

    def build(self, maps_shape: Shape, features_shape: Shape, latent_shape: Shape) -> None:
        seen = 4 * maps_shape[-1] + features_shape[-1] + latent_shape[-1]
        self.unit.build((maps_shape[0], seen))

    def call(self, maps: Tensor, features: Tensor, latent: Tensor) -> Tensor:
        return ops.reshape(self.unit(self.seen(maps, features, latent)), (-1,))

    @staticmethod
    def seen(maps: Tensor, features: Tensor, latent: Tensor) -> Tensor:
        """Inputs of the unit, float32 [B, 4 K + C + D]; see the class."""
        maps = ops.cast(maps, "float32")
        spread = ops.reshape(log_spread(maps), (-1, 4 * maps.shape[-1]))
        code = ops.mean(ops.cast(latent, "float32"), axis=(1, 2))
        return ops.concatenate([spread, ops.cast(features, "float32"), code], axis=-1)
