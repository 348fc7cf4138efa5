"""AdamW that keeps an exponential moving average of the weights it trains."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("evae_tf")
class AveragedAdamW(keras.optimizers.AdamW):
    """AdamW with averaged weights, kept beside the trained ones until asked for.

    After update t (from 1) the average moves by 1 - min(momentum, (1 + t) / (10 + t)) towards the
    weights: early on it forgets the random start quickly, so it is right after two epochs too.
    Keras' own average has no such warm-up.

    Args:
      averaging_momentum: the limit of the momentum, in [0, 1); 0 makes the average the weights.
      **kwargs: of `keras.optimizers.AdamW`.
    """

    def __init__(self, averaging_momentum, **kwargs):
        super().__init__(**kwargs)
        self.averaging_momentum = averaging_momentum
        self._averages = []

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._averages = [
            self.add_variable_from_reference(variable, name="average", initializer="zeros")
            for variable in variables
        ]
        for average, variable in zip(self._averages, variables, strict=True):
            # A copy: JAX donates each variable's buffer, and will not donate one twice.
            average.assign(ops.convert_to_numpy(variable))

    def apply(self, grads, trainable_variables=None):
        super().apply(grads, trainable_variables)
        updates = ops.cast(self.iterations, "float32")
        momentum = ops.minimum(self.averaging_momentum, (1.0 + updates) / (10.0 + updates))
        for average, variable in zip(self._averages, self._trainable_variables, strict=True):
            average.assign(average + (1.0 - momentum) * (variable - average))

    def copy_averages(self, targets):
        """Writes the averages into `targets`, variables in the order of the trained ones."""
        for average, target in zip(self._averages, targets, strict=True):
            target.assign(ops.convert_to_numpy(average))

    def get_config(self):
        return {**super().get_config(), "averaging_momentum": self.averaging_momentum}
