"""The `cnn` of the comparison: the regressor without response maps."""

from typing import Any, Self

import keras

from evae_tf.array_types import Tensor
from evae_tf.models.blocks import Shape, build_once
from evae_tf.models.encoder import FaceEncoder
from evae_tf.models.regressor import LandmarkRegressor


@keras.saving.register_keras_serializable("evae_tf")
class LandmarkCNN(keras.Model):
    """The encoder's first stage followed by the regressor, as in `EVAECNN` but without maps.

    Args:
      encoder: a `FaceEncoder` of one stage.
      regressor: a `LandmarkRegressor`; its offsets are relative to the centre of the crop.
      metadata: see `ModelMetadata`.

    Call: images float [B, S, S, 3], RGB in [0, 1] -> dict with `landmarks` float32 [B, K, 2], crop
    fractions.
    """

    def __init__(
        self,
        encoder: FaceEncoder,
        regressor: LandmarkRegressor,
        metadata: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder = encoder
        self.regressor = regressor
        self.metadata = dict(metadata)

    def build(self, input_shape: Shape) -> None:
        build_once(self.encoder, input_shape)
        early_shape, _ = self.encoder.compute_output_shape(input_shape)
        build_once(self.regressor, early_shape)
        self.built = True

    def call(self, images: Tensor, training: bool = False) -> dict[str, Tensor]:
        early_features, _ = self.encoder(images, training=training)
        offsets, _ = self.regressor(early_features, training=training)
        return {"landmarks": offsets + 0.5}

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "encoder": serialize(self.encoder),
            "regressor": serialize(self.regressor),
            "metadata": self.metadata,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        deserialize = keras.saving.deserialize_keras_object
        parts = {name: deserialize(config.pop(name)) for name in ("encoder", "regressor")}
        return cls(**parts, **config)
