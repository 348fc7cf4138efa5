"""Offsets of landmarks from what the early features show around them."""

from typing import Any

import keras
from keras import layers, ops

from evae_tf.array_types import Tensor
from evae_tf.models.blocks import ConvBlock, Shape
from evae_tf.models.response_maps import cells_last, marginals


@keras.saving.register_keras_serializable("evae_tf")
class LocalOffsets(layers.Layer):
    """Offsets of landmarks, from early features where their response maps are high.

    The latent code has few cells, and the regressor sees the whole crop at once. Both place edges
    coarsely. This layer computes fields from the early features by a convolution, takes their mean
    over the cells, weighted by a landmark's map, and turns it into an offset by a linear function
    of this landmark. It starts with offsets of 0.

    Source: offset fields read where a heat map is high, Papandreou et al., Towards Accurate
    Multi-person Pose Estimation in the Wild, CVPR 2017.

    Args:
      num_points: K.
      channels: number of fields.
      normalization: see `ConvBlock`.
      offset_unit: see `LandmarkRegressor`.

    Call: early features [B, h, w, C], maps [B, h, w, K] -> float32 [B, K, 2], crop fractions.
    """

    def __init__(
        self,
        num_points: int,
        channels: int,
        normalization: bool = True,
        offset_unit: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_points = num_points
        self.channels = channels
        self.normalization = normalization
        self.offset_unit = offset_unit
        self.fields = ConvBlock(channels, normalization=normalization, name="fields")

    def build(self, features_shape: Shape, maps_shape: Shape) -> None:
        self.fields.build(features_shape)
        # float32 under every policy, like the maps' readout.
        shapes = {"kernel": (self.num_points, self.channels, 2), "bias": (self.num_points, 2)}
        self.kernel, self.bias = (
            self.add_weight(
                name=name, shape=shape, initializer="zeros", dtype="float32", autocast=False
            )
            for name, shape in shapes.items()
        )

    def call(self, features: Tensor, maps: Tensor, training: bool = False) -> Tensor:
        fields = ops.cast(self.fields(features, training=training), "float32")
        fields = ops.reshape(fields, (-1, maps.shape[1] * maps.shape[2], self.channels))
        weights = ops.relu(ops.cast(maps, "float32"))
        *_, total = marginals(weights)
        means = ops.matmul(cells_last(weights), fields) / ops.expand_dims(total, axis=-1)
        offsets = ops.sum(ops.expand_dims(means, axis=-1) * self.kernel, axis=2)
        return self.offset_unit * (offsets + self.bias)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_points": self.num_points,
            "channels": self.channels,
            "normalization": self.normalization,
            "offset_unit": self.offset_unit,
        }
