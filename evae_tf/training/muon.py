"""Muon: gradient steps whose singular values are all alike."""

import math
import re

import keras
from keras import ops

from evae_tf.training.averaging import AveragedAdamW

_MOMENTUM = 0.95
# An update of this root mean square is about AdamW's: one learning rate then suits both.
_UPDATE_RMS = 0.2
# The quintic whose iteration brings singular values near 1 fastest; they end within 0.7 and 1.2.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


def orthogonalize(matrix):
    """The nearest matrix with orthonormal rows or columns, about: U V^T of U S V^T.

    Args:
      matrix: float [m, n].

    Returns:
      float [m, n] with min(m, n) singular values between 0.7 and 1.2.

    Source: Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024.
    """
    rows, columns = matrix.shape
    if rows > columns:
        return ops.transpose(orthogonalize(ops.transpose(matrix)))
    a, b, c = _QUINTIC
    matrix = matrix / (ops.norm(matrix) + 1e-7)
    for _ in range(_ITERATIONS):
        square = ops.matmul(matrix, ops.transpose(matrix))
        matrix = a * matrix + ops.matmul(b * square + c * ops.matmul(square, square), matrix)
    return matrix


@keras.saving.register_keras_serializable("evae_tf")
class AveragedMuon(AveragedAdamW):
    """Muon for the kernels of hidden layers, AdamW for all else, with averaged weights.

    The kernel of a convolution counts as a matrix, its last axis as the columns;
    `keras.optimizers.Muon` leaves such kernels to AdamW.

    Args:
      averaging_momentum: see `AveragedAdamW`.
      adamw_layers: regular expressions of layers (somewhere in a variable's path) whose kernels
        AdamW trains: Muon's authors leave a network's last layers to it.
      **kwargs: of `keras.optimizers.AdamW`.

    Source: as `orthogonalize`; the size of the steps is that of Liu et al., Muon is Scalable for
    LLM Training, 2025.
    """

    def __init__(self, averaging_momentum, adamw_layers=(), **kwargs):
        super().__init__(averaging_momentum, **kwargs)
        self.adamw_layers = tuple(adamw_layers)

    def build(self, variables):
        super().build(variables)
        # Steps are given the backend's own variables, which have no path.
        self._orthogonalized = [self.orthogonalizes(variable) for variable in variables]

    def orthogonalizes(self, variable):
        """Whether Muon trains this variable."""
        is_kernel = len(variable.shape) >= 2
        return is_kernel and not any(re.search(name, variable.path) for name in self.adamw_layers)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        if not self._orthogonalized[index]:
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self._momentums[index]
        self.assign(momentum, _MOMENTUM * momentum + gradient)
        ahead = ops.reshape(_MOMENTUM * momentum + gradient, (-1, variable.shape[-1]))
        size = _UPDATE_RMS * math.sqrt(max(ahead.shape)) * ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, ops.reshape(size * orthogonalize(ahead), variable.shape))

    def get_config(self):
        return {**super().get_config(), "adamw_layers": list(self.adamw_layers)}
