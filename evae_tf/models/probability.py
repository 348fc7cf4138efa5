"""TensorFlow Probability's distributions, in the build for Keras' backend."""

import keras

if keras.backend.backend() == "jax":
    from tensorflow_probability.substrates.jax import distributions as tfd
else:
    from tensorflow_probability import distributions as tfd

__all__ = ["tfd"]
