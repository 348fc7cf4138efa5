"""Leaving out a regressor that says the same of every face."""

import numpy as np
from keras import layers, ops

from evae_tf.models.evae_cnn import EVAECNN


class ConstantOffsets(layers.Layer):
    """Stands where a `LandmarkRegressor` stood whose hidden units were all 0.

    Args:
      offsets: float [K, 2], crop fractions.
      units: of the regressor's hidden layer.
    """

    def __init__(self, offsets, units, **kwargs):
        super().__init__(**kwargs)
        self.offsets = np.asarray(offsets, np.float32)
        self.units = units

    def build(self, input_shape):
        """There are no weights."""

    def call(self, features, training=False):
        zero = ops.zeros_like(features[:, 0, 0, :1])
        return self.offsets + zero[..., None], ops.repeat(zero, self.units, axis=-1)


def without_silent_regressor(network, images):
    """The network without its regressor if that adds the same to the landmarks of every image.

    A regressor that finds nothing to add to what is read off the maps ends with all hidden units at
    0. It would cost time for nothing, and int8 has no scale for tensors that are always 0: XNNPACK
    refuses such a file.

    Args:
      network: a model of `architectures.build_model`.
      images: float32 [N, S, S, 3], RGB in [0, 1].

    Returns:
      `network` itself, or a model of the same outputs that shares its other layers.
    """
    if not isinstance(network, EVAECNN):
        return network
    early_features, outputs = network.evae.respond(ops.convert_to_tensor(images))
    features = ops.concatenate([early_features, outputs["response_maps"]], axis=-1)
    offsets, units = network.regressor(features)
    if np.any(ops.convert_to_numpy(units)):
        return network
    constant = ConstantOffsets(ops.convert_to_numpy(offsets[0]), network.regressor.units)
    lean = EVAECNN(network.evae, constant, network.refine, network.uncertainty, network.metadata)
    lean.build((None, *images.shape[1:]))
    return lean
