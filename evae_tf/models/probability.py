"""TensorFlow Probability's distributions, in the build for Keras' backend."""

from typing import Any

import keras

if keras.backend.backend() == "jax":
    from tensorflow_probability.substrates import jax as probability
else:
    import tensorflow_probability as probability

tfd: Any = probability.distributions

__all__ = ["tfd"]
