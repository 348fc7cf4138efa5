"""The latent code: a map of independent Gaussians, sampled in training."""

from typing import Any

import keras
from keras import layers, ops

from evae_tf.array_types import Tensor
from evae_tf.models.blocks import Shape
from evae_tf.models.probability import tfd


@keras.saving.register_keras_serializable("evae_tf")
class GaussianSampling(layers.Layer):
    """Two convolution heads, mu and sigma, and a sample of N(mu, sigma) in training.

    In inference the code is mu and nothing is random.

    Args:
      channels: channels of the latent map.
      sample: False uses z = mu in training too and keeps the KL term: an ablation that separates
        the effects of the two.

    Call: features float [B, h, w, C] -> (z, kl): z float [B, h, w, channels]; kl float32 [B], the
    divergence KL[N(mu, sigma) || N(0, I)] in nats, averaged over the h * w * channels latent
    variables, so that one weight suits latents of any size.

    Source: Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014.
    """

    def __init__(self, channels: int, sample: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.sample = sample
        self.mu_head = layers.Conv2D(channels, 3, padding="same", name="mu")
        # softplus(-1.5) = 0.2: with an initial sigma of 1, noise would drown the first codes.
        self.sigma_head = layers.Conv2D(
            channels, 3, padding="same", bias_initializer=keras.initializers.Constant(-1.5),
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01), name="sigma",
        )  # fmt: skip
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: Shape) -> None:
        self.mu_head.build(input_shape)
        self.sigma_head.build(input_shape)

    def call(self, features: Tensor, training: bool = False) -> tuple[Tensor, Tensor]:
        # Small sigmas and the logarithms in the divergence need float32 in mixed precision.
        mu = ops.cast(self.mu_head(features), "float32")
        sigma = ops.softplus(ops.cast(self.sigma_head(features), "float32")) + 1e-4
        posterior = tfd.Independent(tfd.Normal(mu, sigma), reinterpreted_batch_ndims=3)
        prior = tfd.Independent(
            tfd.Normal(ops.zeros_like(mu), ops.ones_like(sigma)), reinterpreted_batch_ndims=3
        )
        num_latents = mu.shape[1] * mu.shape[2] * mu.shape[3]
        kl = tfd.kl_divergence(posterior, prior) / num_latents
        latent = posterior.sample(seed=self._seed()) if training and self.sample else mu
        return ops.cast(latent, self.compute_dtype), kl

    def _seed(self) -> Tensor:
        seed = self.seed_generator.next()
        return ops.cast(seed, "int32") if keras.backend.backend() == "tensorflow" else seed

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, Shape]:
        return (*input_shape[:-1], self.channels), input_shape[:1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels, "sample": self.sample}
