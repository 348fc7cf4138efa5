"""EVAE-CNN: response maps, concatenated with early features, guide a CNN to precise points."""

import keras
from keras import ops

from evae_tf.models.blocks import build_once


@keras.saving.register_keras_serializable("evae_tf")
class EVAECNN(keras.Model):
    """The proposed model; `fcn_cnn` of the comparison when its `evae` has no sampling.

    Args:
      evae: an `EVAE`.
      regressor: a `LandmarkRegressor`.
      refine: the regressor's offsets count from the landmarks read off the maps; otherwise, as in
        the paper, from the centre of the crop.
      metadata: see `ModelMetadata`.

    Call: images float [B, S, S, 3], RGB in [0, 1] -> dict with `landmarks` float32 [B, K, 2], crop
    fractions, and `response_maps` float32 [B, h, w, K]. In training also `map_landmarks`
    [B, K, 2], `map_logits` [B, h, w, K] and `kl` [B], for the objective.
    """

    def __init__(self, evae, regressor, refine, metadata, **kwargs):
        super().__init__(**kwargs)
        self.evae = evae
        self.regressor = regressor
        self.refine = refine
        self.metadata = dict(metadata)

    def build(self, input_shape):
        build_once(self.evae, input_shape)
        early_shape, shape = self.evae.encoder.compute_output_shape(input_shape)
        if self.evae.sampling is not None:
            shape, _ = self.evae.sampling.compute_output_shape(shape)
        maps_shape, _ = self.evae.decoder.compute_output_shape(shape)
        build_once(self.regressor, (*early_shape[:-1], early_shape[-1] + maps_shape[-1]))
        self.built = True

    def call(self, images, training=False):
        early_features, outputs = self.evae.respond(images, training=training)
        maps = ops.cast(outputs["response_maps"], early_features.dtype)
        offsets = self.regressor(
            ops.concatenate([early_features, maps], axis=-1), training=training
        )
        map_landmarks = outputs.pop("landmarks")
        outputs["landmarks"] = offsets + (map_landmarks if self.refine else 0.5)
        if training:
            outputs["map_landmarks"] = map_landmarks
        return outputs

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "evae": serialize(self.evae),
            "regressor": serialize(self.regressor),
            "refine": self.refine,
            "metadata": self.metadata,
        }

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        parts = {name: deserialize(config.pop(name)) for name in ("evae", "regressor")}
        return cls(**parts, **config)
