"""The decoder: latent code to one response map for each landmark."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from evae_tf.array_types import Tensor
from evae_tf.models.blocks import ConvBlock, Shape
from evae_tf.models.response_maps import spatial_softmax


@keras.saving.register_keras_serializable("evae_tf")
class ResponseDecoder(layers.Layer):
    """Transposed convolutions, then one convolution to K maps.

    Args:
      num_points: K.
      filters: channels of each transposed convolution.
      strides: of each transposed convolution.
      normalization: see `ConvBlock`.
      softmax_peak: None returns the output of the last convolution, for squared error. A number
        makes each map a softmax over its cells times this number, for cross-entropy. It should be
        the sum of a label map of peak 1, so that the maps' peaks are near 1.

    Call: latent float [B, h, w, C] -> (maps, logits), float [B, H, W, K] each; both are equal
    without softmax.
    """

    def __init__(
        self,
        num_points: int,
        filters: Sequence[int],
        strides: Sequence[int],
        normalization: bool = True,
        softmax_peak: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_points = num_points
        self.filters = tuple(filters)
        self.strides = tuple(strides)
        self.normalization = normalization
        self.softmax_peak = softmax_peak
        self.stages = [
            ConvBlock(
                channels,
                stride,
                # A kernel size divisible by the stride covers all output cells equally often.
                kernel_size=3 if stride == 1 else 2 * stride,
                transposed=True,
                normalization=normalization,
                name=f"stage_{i}",
            )
            for i, (channels, stride) in enumerate(zip(filters, strides, strict=True))
        ]
        self.head = layers.Conv2D(num_points, 3, padding="same", name="head")

    def build(self, input_shape: Shape) -> None:
        for stage in self.stages:
            stage.build(input_shape)
            input_shape = stage.compute_output_shape(input_shape)
        self.head.build(input_shape)

    def call(self, latent: Tensor, training: bool = False) -> tuple[Tensor, Tensor]:
        features = latent
        for stage in self.stages:
            features = stage(features, training=training)
        logits = ops.cast(self.head(features), "float32")
        if self.softmax_peak is None:
            return logits, logits
        return spatial_softmax(logits) * self.softmax_peak, logits

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, Shape]:
        for stage in self.stages:
            input_shape = stage.compute_output_shape(input_shape)
        shape = (*input_shape[:-1], self.num_points)
        return shape, shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_points": self.num_points,
            "filters": self.filters,
            "strides": self.strides,
            "normalization": self.normalization,
            "softmax_peak": self.softmax_peak,
        }
