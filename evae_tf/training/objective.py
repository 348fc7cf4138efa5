"""The objective, a weighted sum of loss terms, and the Keras model that trains a network on it."""

# Keras comes without types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUntypedBaseClass=false
# pyright: reportMissingTypeStubs=false

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from evae_tf.array_types import Tensor
from evae_tf.config import MAP_ARCHITECTURES, Config
from evae_tf.errors import InputError
from evae_tf.models.response_maps import ResponseMapCodec
from evae_tf.training import losses

# Outputs of networks in training alone; validation leaves out the terms that need them.
_IN_TRAINING = {"map_logits", "map_landmarks", "kl", "scale_tril"}

Tensors: TypeAlias = Mapping[str, Tensor]
Loss: TypeAlias = Callable[[Tensors, Tensors], Tensor]


@dataclasses.dataclass(frozen=True)
class Term:
    """One term of an objective.

    Attributes:
      loss: function (outputs, batch) -> float scalar of two dicts of tensors: the network's
        training outputs (see its class) and the batch of `fit`. In the batch, `landmarks` is
        float32 [B, K, 2], crop fractions, NaN if not annotated; `visible` is float32 [B, K], NaN
        if unknown.
      weight: factor of the loss.
      warmup: fraction of the training steps over which the weight grows from 0.
    """

    loss: Loss
    weight: float = 1.0
    warmup: float = 0.0


@dataclasses.dataclass(frozen=True)
class Objective:
    """A weighted sum of named terms; the logs use the same names.

    `Objective.of(config).without("kl").replace(landmark_loss=Term(my_loss, weight=10.0))`

    Attributes:
      terms: dict of name to `Term`.
    """

    terms: Mapping[str, Term]

    @classmethod
    def of(cls, config: Config) -> "Objective":
        """The objective of a configuration, for the network that `models.build` makes from it.

        - `landmark_loss`: of the predicted landmarks.
        - `response_map_loss` and `kl`: with response maps. The weight of `kl` grows slowly; a full
          weight from the start collapses the codes to the prior before the decoder uses them.
        - `map_landmark_loss`: of the landmarks read off the maps, if a regressor follows the maps.
        - `nll` and `visibility_loss`: with the uncertainty head; their gradients reach only it.
        """
        landmarks = _landmark_term(config, "landmarks", config.landmark_weight)
        if config.architecture == "cnn":
            return cls({"landmark_loss": landmarks})
        terms = {
            "response_map_loss": Term(_map_loss(config), config.map_weight),
            "kl": Term(_kl, config.kl_weight, config.kl_warmup),
        }
        if config.architecture in MAP_ARCHITECTURES:
            read_off = _landmark_term(config, "landmarks", config.map_landmark_weight)
            return cls({**terms, "landmark_loss": read_off})
        terms["landmark_loss"] = landmarks
        if config.map_landmark_weight:
            terms["map_landmark_loss"] = _landmark_term(
                config, "map_landmarks", config.map_landmark_weight
            )
        if config.uncertainty:
            terms |= {"nll": Term(_nll), "visibility_loss": Term(_visibility_loss)}
        return cls(terms)

    def replace(self, **terms: Term) -> "Objective":
        """A copy in which these terms replace those of the same names or are added.

        Raises:
          InputError: one of them is not a `Term`.
        """
        given: dict[str, Any] = {**terms}
        for name, term in given.items():
            if not isinstance(term, Term):
                raise InputError(f"{name}={term!r}: expected a Term, such as Term(loss, weight=1).")
        return Objective({**self.terms, **terms})

    def without(self, *names: str) -> "Objective":
        """A copy without these terms.

        Raises:
          InputError: a name is unknown.
        """
        unknown = sorted(set(names) - set(self.terms))
        if unknown:
            raise InputError(f"the objective has no terms {unknown}; it has {[*self.terms]}.")
        return Objective({name: term for name, term in self.terms.items() if name not in names})


class LandmarkTrainer(keras.Model):
    """A network and its objective as one Keras model for `compile` and `fit`.

        trainer = LandmarkTrainer(network, Objective.of(config))
        trainer.compile(keras.optimizers.Adam(1e-3))
        trainer.fit({"images": images, "landmarks": landmarks, "visible": visible}, epochs=20)

    `fit` trains `network` in place. It takes dicts of arrays, or batches of such dicts in any form
    that Keras accepts: `images` float [N, S, S, 3], RGB in [0, 1]; `landmarks` float [N, K, 2],
    crop fractions, NaN if not annotated; `visible` [N, K], 1 if a landmark is visible, 0 if not,
    NaN if unknown. `training_data` in `data.pipeline` returns such batches, augmented. `evaluate`
    and the validation in `fit` leave out terms that need training-only outputs.

    Args:
      network: a model of `models.build.build_model`.
      objective: an `Objective`; each of its terms is logged before weighting.
    """

    def __init__(self, network: Any, objective: Objective) -> None:
        # float32 under every global policy: the network may run in half precision, labels may not.
        super().__init__(name="trainer", dtype="float32")
        self.network = network
        self.objective = objective
        self.step = self._counter("step")
        self.total_steps = self._counter("total_steps")
        self.terms = {name: keras.metrics.Mean(name=name) for name in objective.terms}
        self._left_out: set[str] = set()
        # No XLA under TensorFlow: on CPUs its convolutions are slower than TensorFlow's.
        self.supports_jit = keras.backend.backend() == "jax"
        self.built = True

    def _counter(self, name: str) -> Any:
        return self.add_weight(name=name, dtype="int32", trainable=False, initializer="zeros")

    def fit(self, *args: Any, callbacks: Sequence[Any] | None = None, **kwargs: Any) -> Any:
        """As `keras.Model.fit`, with `callbacks` by keyword.

        The number of epochs and steps sets the length of warm-ups.

        Raises:
          InputError: a term has a warm-up and the number of steps per epoch is unknown.
        """
        return super().fit(*args, callbacks=[_Length(), *(callbacks or ())], **kwargs)

    def call(self, batch: Tensors, training: bool = False) -> Tensors:
        """The network's outputs for the images of a batch."""
        outputs = self.network(batch["images"], training=training)
        if training:
            self.step.assign_add(1)
        return outputs

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The weighted sum of the terms, for the batch `x` and the outputs of `call`."""
        batch = {name: ops.cast(x[name], "float32") for name in x}
        total, self._left_out = 0.0, set()
        for name, term in self.objective.terms.items():
            try:
                value = term.loss(y_pred, batch)
            except KeyError as error:
                if not training and error.args[0] in _IN_TRAINING:
                    self._left_out.add(name)
                    continue
                raise InputError(
                    f"the term {name} needs {error}; the network outputs {sorted(y_pred)}, "
                    f"the data hold {sorted(batch)}."
                ) from error
            self.terms[name].update_state(value)
            total += term.weight * self._warmth(term) * value
        return total

    def get_metrics_result(self) -> dict[str, Any]:
        """The terms before weighting, without those that validation leaves out."""
        results = super().get_metrics_result()
        return {name: value for name, value in results.items() if name not in self._left_out}

    def _warmth(self, term: Term) -> Tensor:
        """Factor from 0 to 1 over the warm-up of a term; 1 for steps made without `fit`."""
        if not term.warmup:
            return 1.0
        step, steps = (ops.cast(count, "float32") for count in (self.step, self.total_steps))
        return ops.minimum(1.0, step / ops.maximum(1.0, term.warmup * steps))


class _Length(keras.callbacks.Callback):
    """Tells the trainer the number of training steps."""

    def on_train_begin(self, logs: Any = None) -> None:
        trainer, steps = self.model, self.params["steps"]
        warm = [name for name, term in trainer.objective.terms.items() if term.warmup]
        if steps is None and warm:
            raise InputError(
                f"the terms {warm} have a warm-up, but the length of the data is unknown; "
                "pass steps_per_epoch to fit."
            )
        trainer.total_steps.assign(self.params["epochs"] * (steps or 0))


def _landmark_term(config: Config, output: str, weight: float) -> Term:
    distance = {"wing": losses.wing_loss, "squared_error": losses.squared_landmark_error}
    measure = distance[config.landmark_loss]
    return Term(lambda outputs, batch: measure(outputs[output], batch["landmarks"]), weight)


def _map_loss(config: Config) -> Loss:
    codec = ResponseMapCodec.of(config)

    def loss(outputs: Tensors, batch: Tensors) -> Tensor:
        _, height, width, _ = outputs["response_maps"].shape
        labels = codec.draw(batch["landmarks"], height, width)
        annotated = losses.annotated(batch["landmarks"])
        if config.map_loss == "cross_entropy":
            return losses.map_cross_entropy(outputs["map_logits"], labels, annotated)
        return losses.map_squared_error(
            outputs["response_maps"], labels, config.map_foreground_weight, annotated
        )

    return loss


def _kl(outputs: Tensors, batch: Tensors) -> Tensor:
    return ops.mean(outputs["kl"])


def _nll(outputs: Tensors, batch: Tensors) -> Tensor:
    return losses.landmark_nll(outputs["landmarks"], outputs["scale_tril"], batch["landmarks"])


def _visibility_loss(outputs: Tensors, batch: Tensors) -> Tensor:
    return losses.visibility_loss(outputs["visibility"], batch["visible"])
