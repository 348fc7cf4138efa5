"""EVAE-CNN: a CNN regresses landmarks from response maps and early features."""

from typing import Any, Self

import keras
from keras import ops

from evae_tf.array_types import Tensor
from evae_tf.models.blocks import Shape, build_once
from evae_tf.models.evae import EVAE
from evae_tf.models.local_offsets import LocalOffsets
from evae_tf.models.presence import PresenceHead
from evae_tf.models.regressor import LandmarkRegressor
from evae_tf.models.uncertainty import UncertaintyHead

_PARTS = ("evae", "regressor", "local_offsets", "uncertainty", "presence")


@keras.saving.register_keras_serializable("evae_tf")
class EVAECNN(keras.Model):
    """The proposed model; the `fcn_cnn` of the comparison if its `evae` has no sampling.

    Args:
      evae: an `EVAE`.
      regressor: a `LandmarkRegressor`.
      refine: whether the regressor's offsets are relative to the landmarks read off the maps; if
        not, they are relative to the centre of the crop, as in the paper.
      uncertainty: an `UncertaintyHead`, or None.
      metadata: see `ModelMetadata`.
      presence: a `PresenceHead`, or None.
      local_offsets: a `LocalOffsets`, which is added to the regressor's offsets, or None.

    `network.compile(optimizer, loss={"landmarks": loss})` and
    `network.fit(images, {"landmarks": landmarks})` train on the landmarks only. They omit the
    losses of the response maps (the maps become any features that help the regressor), the KL term
    (codes are sampled without a prior) and the uncertainty head (it stays unchanged); the loss
    must mask points that are NaN. `training.objective.LandmarkTrainer` trains everything by `fit`.

    Call: images float [B, S, S, 3], RGB in [0, 1] -> dict with `landmarks` float32 [B, K, 2], crop
    fractions, and `response_maps` float32 [B, h, w, K]; with an uncertainty head also `covariance`
    [B, K, 2, 2], crop fractions squared, and `visibility` [B, K], probabilities; with a presence
    head `presence` [B], a probability. In training also `map_landmarks` [B, K, 2], `map_logits`
    [B, h, w, K], `kl` [B] and `scale_tril` [B, K, 2, 2], for the objective.
    """

    def __init__(
        self,
        evae: EVAE,
        regressor: LandmarkRegressor,
        refine: bool,
        uncertainty: UncertaintyHead | None,
        metadata: dict[str, Any],
        presence: PresenceHead | None = None,
        local_offsets: LocalOffsets | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.evae = evae
        self.regressor = regressor
        self.refine = refine
        self.local_offsets = local_offsets
        self.uncertainty = uncertainty
        self.metadata = dict(metadata)
        self.presence = presence

    def build(self, input_shape: Shape) -> None:
        build_once(self.evae, input_shape)
        early_shape, shape = self.evae.encoder.compute_output_shape(input_shape)
        if self.evae.sampling is not None:
            shape, _ = self.evae.sampling.compute_output_shape(shape)
        maps_shape, _ = self.evae.decoder.compute_output_shape(shape)
        build_once(self.regressor, (*early_shape[:-1], early_shape[-1] + maps_shape[-1]))
        if self.local_offsets is not None:
            build_once(self.local_offsets, early_shape, maps_shape)
        features_shape = (maps_shape[0], self.regressor.units)
        for head in (self.uncertainty, self.presence):
            if head is not None:
                build_once(head, maps_shape, features_shape, shape)
        self.built = True

    def call(self, images: Tensor, training: bool = False) -> dict[str, Tensor]:
        outputs, offsets, features, latent = self._respond(images, training=training)
        map_landmarks = outputs.pop("landmarks")
        outputs["landmarks"] = offsets + (map_landmarks if self.refine else 0.5)
        if training:
            outputs["map_landmarks"] = map_landmarks
        if self.uncertainty is not None:
            maps = outputs["response_maps"]
            outputs.update(self.uncertainty(maps, features, latent, training=training))
        if self.presence is not None:
            outputs["presence"] = self.presence(outputs["response_maps"], features, latent)
        return outputs

    def seen_by_presence(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(landmarks, inputs of a `PresenceHead`) of images, to train a head; see its `seen`."""
        outputs, offsets, features, latent = self._respond(images, training=False)
        landmarks = offsets + (outputs["landmarks"] if self.refine else 0.5)
        return landmarks, PresenceHead.seen(outputs["response_maps"], features, latent)

    def _respond(
        self, images: Tensor, training: bool
    ) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
        """Outputs of the maps' network, offsets, the regressor's features, the latent code."""
        early_features, latent, outputs = self.evae.respond(images, training=training)
        maps = ops.cast(outputs["response_maps"], early_features.dtype)
        offsets, features = self.regressor(
            ops.concatenate([early_features, maps], axis=-1), training=training
        )
        if self.local_offsets is not None:
            offsets += self.local_offsets(early_features, maps, training=training)
        return outputs, offsets, features, latent

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "evae": serialize(self.evae),
            "regressor": serialize(self.regressor),
            "refine": self.refine,
            "local_offsets": serialize(self.local_offsets),
            "uncertainty": serialize(self.uncertainty),
            "metadata": self.metadata,
            "presence": serialize(self.presence),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        deserialize = keras.saving.deserialize_keras_object
        parts = {name: deserialize(config.pop(name, None)) for name in _PARTS}
        return cls(**parts, **config)
