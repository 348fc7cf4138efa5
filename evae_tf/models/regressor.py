"""The regressor: precise landmarks from a stack of feature maps."""

import keras
from keras import layers, ops

from evae_tf.models.blocks import Stage


@keras.saving.register_keras_serializable("evae_tf")
class LandmarkRegressor(layers.Layer):
    """Several convolutions and two fully-connected layers with 2K outputs.

    Args:
      num_points: K.
      filters: channels of each convolutional stage.
      strides: of each stage.
      blocks: residual blocks of each stage.
      bottleneck: channels that a 1 x 1 convolution leaves for the fully-connected layers, or None
        to give them all.
      units: of the first fully-connected layer.
      dropout: rate in front of the last layer.
      normalization: see `ConvBlock`.

    Call: features float [B, h, w, C] -> (offsets float32 [B, K, 2], crop fractions; what the last
    layer saw, float [B, units]). What they are offsets from (the crop's centre, or a first
    estimate) is the caller's.
    """

    def __init__(
        self,
        num_points,
        filters,
        strides,
        blocks,
        units,
        bottleneck=None,
        dropout=0.0,
        normalization=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_points = num_points
        self.filters = tuple(filters)
        self.strides = tuple(strides)
        self.blocks = tuple(blocks)
        self.units = units
        self.bottleneck = bottleneck
        self.dropout = dropout
        self.normalization = normalization
        self.stages = [
            Stage(*sizes, normalization=normalization, name=f"stage_{i}")
            for i, sizes in enumerate(zip(filters, strides, blocks, strict=True))
        ]
        if bottleneck is not None:
            self.stages.append(layers.Conv2D(bottleneck, 1, activation="relu", name="bottleneck"))
        self.flatten = layers.Flatten(name="flatten")
        self.hidden = layers.Dense(units, activation="relu", name="hidden")
        self.drop = layers.Dropout(dropout, name="dropout")
        # Small first weights: training starts near the point the offsets are counted from.
        self.head = layers.Dense(
            2 * num_points,
            kernel_initializer=keras.initializers.RandomNormal(stddev=1e-3),
            name="head",
        )

    def build(self, input_shape):
        for stage in self.stages:
            stage.build(input_shape)
            input_shape = stage.compute_output_shape(input_shape)
        self.hidden.build(self.flatten.compute_output_shape(input_shape))
        self.head.build((input_shape[0], self.units))

    def call(self, features, training=False):
        for stage in self.stages:
            if isinstance(stage, Stage):
                features = stage(features, training=training)
            else:
                features = stage(features)
        hidden = self.drop(self.hidden(self.flatten(features)), training=training)
        offsets = ops.reshape(ops.cast(self.head(hidden), "float32"), (-1, self.num_points, 2))
        return offsets, hidden

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_points, 2), (input_shape[0], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "num_points": self.num_points,
            "filters": self.filters,
            "strides": self.strides,
            "blocks": self.blocks,
            "units": self.units,
            "bottleneck": self.bottleneck,
            "dropout": self.dropout,
            "normalization": self.normalization,
        }
