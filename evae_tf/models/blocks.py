"""The convolutional building blocks of all networks."""

from typing import Any, TypeAlias

import keras
from keras import layers, ops

from evae_tf.array_types import Tensor

Shape: TypeAlias = tuple[Any, ...]  # of a tensor; None for the batch size


def build_once(layer: Any, *input_shapes: Shape) -> None:
    """Builds a layer passed to a model, unless it was loaded from a file and is built already."""
    if not layer.built:
        layer.build(*input_shapes)


@keras.saving.register_keras_serializable("evae_tf")
class TransposedConvolution(layers.Conv2DTranspose):
    """A transposed convolution that can be split into a plain one and a depth-to-space step.

    The plain convolution outputs the strides x strides cells over one input cell as channels.
    TFLite runs the two parts faster than a transposed convolution. Per-channel operations
    (normalisation, ReLU) may come between them, where a converter fuses them with the convolution.

    The kernel size must be a multiple of the stride, and the padding "same".
    """

    @property
    def _taps(self) -> int:
        """Number of inputs that contribute to each output, along one axis."""
        return self.kernel_size[0] // self.strides[0]

    @property
    def _cut(self) -> tuple[int, int]:
        """(cells, rest) cut off by "same" at the start of each axis, in inputs and outputs."""
        return divmod((self.kernel_size[0] - self.strides[0]) // 2, self.strides[0])

    def convolve(self, inputs: Tensor) -> Tensor:
        """The first part, without bias: [B, h, w, C] -> [B, h', w', strides^2 * filters]."""
        taps, stride, channels = self._taps, self.strides[0], inputs.shape[-1]
        # Kernel entry stride * e + a maps input i - e to output stride * i + a. So e, flipped,
        # indexes the taps of a plain convolution and a its output channels.
        kernel = ops.reshape(self.kernel, (taps, stride, taps, stride, self.filters, channels))
        kernel = ops.transpose(ops.flip(kernel, axis=(0, 2)), (0, 2, 5, 1, 3, 4))
        kernel = ops.reshape(kernel, (taps, taps, channels, stride**2 * self.filters))
        padding = (taps - 1 - self._cut[0],) * 2
        inputs = ops.pad(inputs, ((0, 0), padding, padding, (0, 0)))
        return ops.conv(inputs, kernel, padding="valid")

    def rearrange(self, outputs: Tensor) -> Tensor:
        """The second part: [B, h', w', strides^2 * filters] -> [B, h * s, w * s, filters]."""
        stride, (cells, rest) = self.strides[0], self._cut
        if stride == 1:
            return outputs
        size = [(side - self._taps + 1 + 2 * cells) * stride for side in outputs.shape[1:3]]
        return ops.slice(
            ops.depth_to_space(outputs, stride),
            (0, rest, rest, 0),
            (ops.shape(outputs)[0], *size, self.filters),
        )


@keras.saving.register_keras_serializable("evae_tf")
class ConvBlock(layers.Layer):
    """Convolution, optional batch normalisation, optional ReLU.

    Args:
      filters: output channels.
      strides: stride of the convolution; the map shrinks (transposed: grows) by this factor.
      kernel_size: side of the kernel.
      transposed: whether to use a `TransposedConvolution`.
      normalization: batch normalisation after the convolution. The convolution then has no bias,
        which would get no gradient.
      activation: whether a ReLU follows.

    Call: float [B, h, w, C] -> float [B, h / strides, w / strides, filters].
    """

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        kernel_size: int = 3,
        transposed: bool = False,
        normalization: bool = True,
        activation: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides
        self.kernel_size = kernel_size
        self.transposed = transposed
        self.normalization = normalization
        self.activation = activation
        convolution = TransposedConvolution if transposed else layers.Conv2D
        self.convolution = convolution(
            filters,
            kernel_size,
            strides=strides,
            padding="same",
            use_bias=not normalization,
            kernel_initializer="he_normal",
            name="convolution",
        )
        # Trainings are short: statistics with a momentum of 0.99 would lag behind the weights.
        self.norm = layers.BatchNormalization(momentum=0.9, name="norm") if normalization else None

    def build(self, input_shape: Shape) -> None:
        self.convolution.build(input_shape)
        if self.norm is not None:
            self.norm.build(self.convolution.compute_output_shape(input_shape))

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if self.transposed and not training:
            return self._in_two_parts(inputs)
        outputs = self.convolution(inputs)
        if self.norm is not None:
            outputs = self.norm(outputs, training=training)
        return ops.relu(outputs) if self.activation else outputs

    def _in_two_parts(self, inputs: Tensor) -> Tensor:
        """Inference of a `TransposedConvolution` in two parts; training uses the whole one."""
        outputs = self.convolution.convolve(inputs)
        scale, shift = (ops.tile(each, self.strides**2) for each in self._scale_and_shift())
        outputs = outputs * ops.cast(scale, outputs.dtype) + ops.cast(shift, outputs.dtype)
        return self.convolution.rearrange(ops.relu(outputs) if self.activation else outputs)

    def _scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """Scale and shift after the convolution in inference: [filters] each."""
        if self.norm is None:
            return ops.ones(self.filters), ops.convert_to_tensor(self.convolution.bias)
        scale = self.norm.gamma * ops.rsqrt(self.norm.moving_variance + self.norm.epsilon)
        return scale, self.norm.beta - self.norm.moving_mean * scale

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.convolution.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "kernel_size": self.kernel_size,
            "transposed": self.transposed,
            "normalization": self.normalization,
            "activation": self.activation,
        }


@keras.saving.register_keras_serializable("evae_tf")
class ResidualBlock(layers.Layer):
    """Two 3 x 3 convolutions added to their input, then a ReLU.

    Args:
      filters: channels of input and output.
      normalization: see `ConvBlock`.

    Call: float [B, h, w, filters] -> the same shape.

    Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
    """

    def __init__(self, filters: int, normalization: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.normalization = normalization
        self.first = ConvBlock(filters, normalization=normalization, name="first")
        self.second = ConvBlock(
            filters, normalization=normalization, activation=False, name="second"
        )

    def build(self, input_shape: Shape) -> None:
        self.first.build(input_shape)
        self.second.build(input_shape)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        residual = self.second(self.first(inputs, training=training), training=training)
        return ops.relu(inputs + residual)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "normalization": self.normalization,
        }


@keras.saving.register_keras_serializable("evae_tf")
class Stage(layers.Layer):
    """A strided `ConvBlock` followed by residual blocks at the new resolution.

    Args:
      filters: output channels.
      strides: stride of the first convolution; its kernel grows with it, to skip no pixel.
      blocks: number of residual blocks.
      normalization: see `ConvBlock`.

    Call: float [B, h, w, C] -> float [B, h / strides, w / strides, filters].
    """

    def __init__(
        self,
        filters: int,
        strides: int = 2,
        blocks: int = 0,
        normalization: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides
        self.blocks = blocks
        self.normalization = normalization
        kernel_size = max(3, 2 * strides - 1)
        self.convolution = ConvBlock(
            filters, strides, kernel_size, normalization=normalization, name="convolution"
        )
        self.residual_blocks = [
            ResidualBlock(filters, normalization, name=f"residual_{i}") for i in range(blocks)
        ]

    def build(self, input_shape: Shape) -> None:
        self.convolution.build(input_shape)
        shape = self.convolution.compute_output_shape(input_shape)
        for block in self.residual_blocks:
            block.build(shape)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        outputs = self.convolution(inputs, training=training)
        for block in self.residual_blocks:
            outputs = block(outputs, training=training)
        return outputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.convolution.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "blocks": self.blocks,
            "normalization": self.normalization,
        }
