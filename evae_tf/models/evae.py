"""EVAE: image -> latent code -> response maps -> landmarks read off the maps."""

from typing import Any, Self

import keras

from evae_tf.array_types import Tensor
from evae_tf.models.blocks import Shape, build_once
from evae_tf.models.decoder import ResponseDecoder
from evae_tf.models.encoder import FaceEncoder
from evae_tf.models.response_maps import soft_argmax
from evae_tf.models.sampling import GaussianSampling


@keras.saving.register_keras_serializable("evae_tf")
class EVAE(keras.Model):
    """Encoder, sampling, decoder. Without the sampling layer it is the `fcn` of the comparison.

    Args:
      encoder: a `FaceEncoder`.
      sampling: a `GaussianSampling`, or None.
      decoder: a `ResponseDecoder`.
      readout_power: see `soft_argmax`.
      metadata: dict that describes a saved model, see `ModelMetadata`.

    Call: images float [B, S, S, 3], RGB in [0, 1] -> dict with `landmarks` float32 [B, K, 2], crop
    fractions, and `response_maps` float32 [B, h, w, K]. In training also `map_logits`
    [B, h, w, K] and `kl` [B] (0 without sampling), for the objective.
    """

    def __init__(
        self,
        encoder: FaceEncoder,
        sampling: GaussianSampling | None,
        decoder: ResponseDecoder,
        readout_power: int,
        metadata: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder = encoder
        self.sampling = sampling
        self.decoder = decoder
        self.readout_power = readout_power
        self.metadata = dict(metadata)

    def build(self, input_shape: Shape) -> None:
        build_once(self.encoder, input_shape)
        _, shape = self.encoder.compute_output_shape(input_shape)
        if self.sampling is not None:
            build_once(self.sampling, shape)
            shape, _ = self.sampling.compute_output_shape(shape)
        build_once(self.decoder, shape)
        self.built = True

    def respond(
        self, images: Tensor, training: bool = False
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """As `call`, and the early features and latent code, for the parts that follow."""
        early_features, latent = self.encoder(images, training=training)
        kl = keras.ops.zeros_like(images[:, 0, 0, 0], dtype="float32") if training else None
        if self.sampling is not None:
            latent, kl = self.sampling(latent, training=training)
        maps, logits = self.decoder(latent, training=training)
        outputs = {"landmarks": soft_argmax(maps, self.readout_power), "response_maps": maps}
        if training:
            outputs.update(map_logits=logits, kl=kl)
        return early_features, latent, outputs

    def call(self, images: Tensor, training: bool = False) -> dict[str, Tensor]:
        *_, outputs = self.respond(images, training=training)
        return outputs

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "encoder": serialize(self.encoder),
            "sampling": serialize(self.sampling),
            "decoder": serialize(self.decoder),
            "readout_power": self.readout_power,
            "metadata": self.metadata,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        deserialize = keras.saving.deserialize_keras_object
        parts = {name: deserialize(config.pop(name)) for name in ("encoder", "sampling", "decoder")}
        return cls(**parts, **config)
