"""The encoder: image to features of decreasing resolution."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from evae_tf.array_types import Tensor
from evae_tf.models.blocks import Shape, Stage

# Rec. 601 luma, as OpenCV and JPEG use it.
_LUMA = (0.299, 0.587, 0.114)


@keras.saving.register_keras_serializable("evae_tf")
class FaceEncoder(layers.Layer):
    """Convolutional stages; the output of the first also guides the regressor.

    Args:
      filters: channels of each stage.
      strides: of each stage.
      blocks: residual blocks of each stage; all 0 for the paper's plain convolutions.
      normalization: see `ConvBlock`.
      grey: whether the image is converted to grey first, as in the paper.

    Call: images float [B, S, S, 3], RGB in [0, 1] -> (early features, features), float
    [B, h, w, filters[0]] and [B, h', w', filters[-1]].
    """

    def __init__(
        self,
        filters: Sequence[int],
        strides: Sequence[int],
        blocks: Sequence[int],
        normalization: bool = True,
        grey: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = tuple(filters)
        self.strides = tuple(strides)
        self.blocks = tuple(blocks)
        self.normalization = normalization
        self.grey = grey
        self.stages = [
            Stage(*sizes, normalization=normalization, name=f"stage_{i}")
            for i, sizes in enumerate(zip(filters, strides, blocks, strict=True))
        ]

    def build(self, input_shape: Shape) -> None:
        shape = (*input_shape[:-1], 1 if self.grey else input_shape[-1])
        for stage in self.stages:
            stage.build(shape)
            shape = stage.compute_output_shape(shape)

    def call(self, images: Tensor, training: bool = False) -> tuple[Tensor, Tensor]:
        if self.grey:
            images = ops.sum(images * ops.cast(_LUMA, images.dtype), axis=-1, keepdims=True)
        early_features = features = self.stages[0]((images - 0.5) * 2.0, training=training)
        for stage in self.stages[1:]:
            features = stage(features, training=training)
        return early_features, features

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, Shape]:
        shapes = [tuple(input_shape)]
        for stage in self.stages:
            shapes.append(stage.compute_output_shape(shapes[-1]))
        return shapes[1], shapes[-1]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "blocks": self.blocks,
            "normalization": self.normalization,
            "grey": self.grey,
        }
