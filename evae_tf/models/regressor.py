"""The regressor: precise landmarks from a stack of feature maps."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from evae_tf.array_types import Tensor
from evae_tf.models.blocks import ConvBlock, Shape, Stage


@keras.saving.register_keras_serializable("evae_tf")
class LandmarkRegressor(layers.Layer):
    """Several convolutions and two fully-connected layers with 2K outputs.

    Args:
      num_points: K.
      filters: channels of each convolutional stage.
      strides: of each stage.
      blocks: residual blocks of each stage.
      bottleneck: output channels of a 1 x 1 convolution before the fully-connected layers; None
        for no such convolution.
      units: units of the first fully-connected layer.
      normalization: see `ConvBlock`; also for the first fully-connected layer.
      offset_unit: scale of the last layer's output, in crop fractions. It should be near the size
        of the offsets. If it is too large, optimisers whose steps do not shrink with the gradient
        (Adam, Muon) change the offsets by more than their size, and the network learns to output
        none: all hidden units are 0.

    Call: features float [B, h, w, C] -> (offsets float32 [B, K, 2], crop fractions; input of the
    last layer, float [B, units]). The caller adds the offsets to the crop's centre or to a first
    estimate.
    """

    def __init__(
        self,
        num_points: int,
        filters: Sequence[int],
        strides: Sequence[int],
        blocks: Sequence[int],
        units: int,
        bottleneck: int | None = None,
        normalization: bool = True,
        offset_unit: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_points = num_points
        self.filters = tuple(filters)
        self.strides = tuple(strides)
        self.blocks = tuple(blocks)
        self.units = units
        self.bottleneck = bottleneck
        self.normalization = normalization
        self.offset_unit = offset_unit
        self.stages = [
            Stage(*sizes, normalization=normalization, name=f"stage_{i}")
            for i, sizes in enumerate(zip(filters, strides, blocks, strict=True))
        ]
        if bottleneck is not None:
            self.stages.append(
                ConvBlock(bottleneck, kernel_size=1, normalization=normalization, name="bottleneck")
            )
        self.flatten = layers.Flatten(name="flatten")
        self.hidden = layers.Dense(units, use_bias=not normalization, name="hidden")
        self.norm = layers.BatchNormalization(momentum=0.9, name="norm") if normalization else None
        # Small initial weights, so that training starts with offsets near 0.
        self.head = layers.Dense(
            2 * num_points,
            kernel_initializer=keras.initializers.RandomNormal(stddev=1e-3),
            name="head",
        )

    def build(self, input_shape: Shape) -> None:
        for stage in self.stages:
            stage.build(input_shape)
            input_shape = stage.compute_output_shape(input_shape)
        self.hidden.build(self.flatten.compute_output_shape(input_shape))
        if self.norm is not None:
            self.norm.build((input_shape[0], self.units))
        self.head.build((input_shape[0], self.units))

    def call(self, features: Tensor, training: bool = False) -> tuple[Tensor, Tensor]:
        for stage in self.stages:
            features = stage(features, training=training)
        hidden = self.hidden(self.flatten(features))
        if self.norm is not None:
            hidden = self.norm(hidden, training=training)
        hidden = ops.relu(hidden)
        offsets = self.offset_unit * ops.cast(self.head(hidden), "float32")
        return ops.reshape(offsets, (-1, self.num_points, 2)), hidden

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, Shape]:
        return (input_shape[0], self.num_points, 2), (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_points": self.num_points,
            "filters": self.filters,
            "strides": self.strides,
            "blocks": self.blocks,
            "units": self.units,
            "bottleneck": self.bottleneck,
            "normalization": self.normalization,
            "offset_unit": self.offset_unit,
        }
