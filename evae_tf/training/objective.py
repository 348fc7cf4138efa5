"""The objective: a network, its inputs and its losses, as one model for `fit`."""

import keras
from keras import ops

from evae_tf.data.augment import augment
from evae_tf.models import response_maps
from evae_tf.training import losses


class LandmarkTrainer(keras.Model):
    """Wraps a network so that plain `fit` trains it on dicts of images, landmarks and visibility.

    objective = map_weight * response-map loss + kl_weight * KL + landmark_weight * landmark loss
    + map_landmark_weight * landmark loss of what is read off the maps; each term is logged before
    weighting. The KL weight grows from 0 over the first `kl_warmup` of the steps: a full weight
    from the start drives the codes to the prior before the decoder has use for them. The losses of
    the uncertainty head, whose gradients reach nothing else, are added as they are.

    Args:
      network: a model of `models.build.build_model`.
      config: its `Config`.
      total_steps: of the whole training.
      flip_permutation: of the markup.
    """

    def __init__(self, network, config, total_steps, flip_permutation):
        # float32 whatever the global policy: labels must not be rounded, only the network may be.
        super().__init__(name="trainer", dtype="float32")
        self.network = network
        self.config = config
        self.kl_warmup_steps = max(1.0, config.kl_warmup * total_steps)
        self.flip_permutation = flip_permutation
        self.step = self.add_weight(
            name="step", dtype="int32", trainable=False, initializer="zeros"
        )
        self.terms = {
            name: keras.metrics.Mean(name=name)
            for name in ("response_map_loss", "kl", "landmark_loss", "nll", "visibility_loss")
        }

    def call(self, batch, training=False):
        if "draws" in batch:
            images, landmarks, visible = augment(
                **batch,
                size=self.config.input_size,
                flip_permutation=self.flip_permutation,
                strength=self.config.augmentation,
            )
        else:
            images, landmarks, visible = (
                batch[name] for name in ("images", "landmarks", "visible")
            )
        outputs = self.network(images, training=training)
        if training:
            self.step.assign_add(1)
        return {**outputs, "true_landmarks": landmarks, "visible": visible}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        config, true = self.config, y_pred["true_landmarks"]
        landmark_loss = self._landmark_loss(y_pred["landmarks"], true)
        self._log("landmark_loss", landmark_loss)
        if "response_maps" not in y_pred:
            return config.landmark_weight * landmark_loss

        map_loss, kl = self._map_loss(y_pred, true), ops.mean(y_pred["kl"])
        self._log("response_map_loss", map_loss)
        self._log("kl", kl)
        warmup = ops.minimum(1.0, ops.cast(self.step, "float32") / self.kl_warmup_steps)
        loss = config.map_weight * map_loss + config.kl_weight * warmup * kl
        if "map_landmarks" not in y_pred:
            return loss + config.map_landmark_weight * landmark_loss
        loss += config.landmark_weight * landmark_loss
        if config.map_landmark_weight:
            read_off = self._landmark_loss(y_pred["map_landmarks"], true)
            loss += config.map_landmark_weight * read_off
        return loss + self._uncertainty_loss(y_pred)

    def _log(self, name, value):
        self.terms[name].update_state(value)

    def _uncertainty_loss(self, outputs):
        if "scale_tril" not in outputs:
            return 0.0
        nll = losses.landmark_nll(
            outputs["landmarks"], outputs["scale_tril"], outputs["true_landmarks"]
        )
        seen = losses.visibility_loss(outputs["visibility"], outputs["visible"])
        self._log("nll", nll)
        self._log("visibility_loss", seen)
        return nll + seen

    def _landmark_loss(self, predicted, true):
        if self.config.landmark_loss == "wing":
            return losses.wing_loss(predicted, true)
        return losses.squared_landmark_error(predicted, true)

    def _map_loss(self, outputs, true):
        config, (_, height, width, _) = self.config, outputs["response_maps"].shape
        draw = {
            "gaussian": response_maps.gaussian_maps,
            "diamond": response_maps.diamond_maps,
        }[config.map_label]
        labels = draw(true, height, width, config.map_label_size_px)
        if config.map_loss == "cross_entropy":
            return losses.map_cross_entropy(outputs["map_logits"], labels)
        return losses.map_squared_error(
            outputs["response_maps"], labels, config.map_foreground_weight
        )
