"""The uncertainty head: covariance and visibility of each landmark."""

import math
from typing import Any, Self

import keras
from keras import layers, ops

from evae_tf.array_types import Tensor
from evae_tf.models.blocks import Shape
from evae_tf.models.response_maps import log_spread


@keras.saving.register_keras_serializable("evae_tf")
class UncertaintyHead(layers.Layer):
    """Predicts the covariance and the visibility of landmarks from the shape of the response maps.

    The width and slant of a map show where else its landmark could be. One fully-connected layer
    maps the spread of all maps to the Cholesky factor of each landmark's Gaussian. Two others
    predict the visibility; they also see the regressor's features and the mean of the latent code,
    since visibility depends on the head pose. No gradient flows back into the inputs of this head,
    so it does not change the landmarks.

    Args:
      num_points: K.
      units: units of the hidden layer for the visibility. 0, as in older files: no hidden layer,
        and the visibility does not see the latent code.

    Call: maps [B, h, w, K], features [B, C], latent code [B, h', w', D] -> dict of float32:
    `covariance` [B, K, 2, 2], crop fractions squared, `visibility` [B, K], probabilities, and in
    training `scale_tril` [B, K, 2, 2], the covariance's lower-triangular Cholesky factor.
    """

    def __init__(self, num_points: int, units: int = 128, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_points = num_points
        self.units = units
        # float32 under every policy: the differences between maps are small.
        self.normalize_spread, self.normalize_features = (
            layers.BatchNormalization(momentum=0.9, dtype="float32", name=name)
            for name in ("normalize_spread", "normalize_features")
        )
        # The initial standard deviation of every landmark is 2 % of the crop in all directions.
        self.log_diagonal_x, self.log_diagonal_y, self.slope = (
            layers.Dense(
                num_points,
                kernel_initializer=keras.initializers.RandomNormal(stddev=1e-3),
                bias_initializer=keras.initializers.Constant(bias),
                dtype="float32",
                name=name,
            )
            for name, bias in (
                ("log_diagonal_x", math.log(0.02)),
                ("log_diagonal_y", math.log(0.02)),
                ("slope", 0.0),
            )
        )
        self.hidden = (
            layers.Dense(units, activation="relu", dtype="float32", name="hidden")
            if units
            else None
        )
        self.visibility = layers.Dense(
            num_points, activation="sigmoid", dtype="float32", name="visibility"
        )

    def build(
        self, maps_shape: Shape, features_shape: Shape, latent_shape: Shape | None = None
    ) -> None:
        batch, spreads, features = maps_shape[0], 4 * self.num_points, features_shape[1]
        if self.hidden is not None and latent_shape is not None:
            features += latent_shape[-1]
        self.normalize_spread.build((batch, spreads))
        self.normalize_features.build((batch, features))
        for layer in (self.log_diagonal_x, self.log_diagonal_y, self.slope):
            layer.build((batch, spreads))
        seen = (batch, spreads + features)
        if self.hidden is not None:
            self.hidden.build(seen)
            seen = (batch, self.units)
        self.visibility.build(seen)
        self.calibration = self.add_weight(
            name="calibration", shape=(), initializer="ones", trainable=False, dtype="float32"
        )

    def calibrate(self, factor: float) -> None:
        """Multiplies all standard deviations by `factor`; repeated calls accumulate."""
        self.calibration.assign(self.calibration * factor)

    def call(
        self, maps: Tensor, features: Tensor, latent: Tensor, training: bool = False
    ) -> dict[str, Tensor]:
        maps = ops.stop_gradient(ops.cast(maps, "float32"))
        spread = ops.reshape(log_spread(maps), (-1, 4 * self.num_points))
        spread = self.normalize_spread(spread, training=training)
        features = ops.cast(features, "float32")
        if self.hidden is not None:
            mean_code = ops.mean(ops.cast(latent, "float32"), axis=(1, 2))
            features = ops.concatenate([features, mean_code], axis=-1)
        features = self.normalize_features(ops.stop_gradient(features), training=training)
        seen = ops.concatenate([spread, features], axis=-1)

        # The Cholesky factor [[x, 0], [z, y]] of each landmark.
        x = ops.exp(self.log_diagonal_x(spread)) * self.calibration
        y = ops.exp(self.log_diagonal_y(spread)) * self.calibration
        z = self.slope(spread) * y
        outputs = {
            "covariance": self._matrices(x * x, x * z, x * z, z * z + y * y),
            "visibility": self.visibility(seen if self.hidden is None else self.hidden(seen)),
        }
        if training:
            outputs["scale_tril"] = self._matrices(x, ops.zeros_like(x), z, y)
        return outputs

    def _matrices(self, *entries: Tensor) -> Tensor:
        """Four entries [B, K] -> [B, K, 2, 2]."""
        entries = ops.concatenate([ops.expand_dims(entry, -1) for entry in entries], axis=-1)
        return ops.reshape(entries, (-1, self.num_points, 2, 2))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_points": self.num_points, "units": self.units}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config.setdefault("units", 0)  # older files lack it
        return cls(**config)
