"""Keras' AdamW and Muon with what they lack: averages that warm up, Muon for convolutions.

`keras.callbacks.SwapEMAWeights` is not used: under TensorFlow it swaps by adding and subtracting,
which rounds the weights that are trained on, and a float32 network has to be validated where
another is trained in mixed precision.
"""

import re
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from evae_tf.array_types import Tensor
from evae_tf.config import Config

_LAST_LAYERS = ("/head/", "/uncertainty/")


class _WarmAverages:
    """The moving average of `use_ema`, which forgets the random start quickly.

    After update t (from 1) the average moves by 1 - min(ema_momentum, (1 + t) / (10 + t)) towards
    the weights, after the first all the way: so it is right after two epochs too.
    """

    iterations: Any
    ema_momentum: float
    _model_variables_moving_average: list[Any]

    def _update_model_variables_moving_average(self, trainable_variables: Sequence[Any]) -> None:
        before = ops.cast(self.iterations, "float32")  # updates before this one
        momentum = ops.minimum(self.ema_momentum, (2.0 + before) / (11.0 + before))
        moved = 1.0 - ops.where(before > 0, momentum, 0.0)
        for average, variable in zip(
            self._model_variables_moving_average, trainable_variables, strict=True
        ):
            average.assign(average + moved * (variable - average))


@keras.saving.register_keras_serializable("evae_tf")
class AveragedAdamW(_WarmAverages, keras.optimizers.AdamW):
    """AdamW; with `use_ema` its averages warm up."""


@keras.saving.register_keras_serializable("evae_tf")
class AveragedMuon(_WarmAverages, keras.optimizers.Muon):
    """Muon for the kernels of convolutions too; with `use_ema` its averages warm up.

    The kernel of a convolution counts as a matrix, its last axis as the columns. What has one axis,
    and the kernels of `exclude_layers`, is left to AdamW.

    Source: Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024; the size
    of the steps is that of Liu et al., Muon is Scalable for LLM Training, 2025.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        excluded = any(re.search(layer, variable.path) for layer in self.exclude_layers)
        return len(variable.shape) < 2 or excluded

    def zeropower_via_newtonschulz5(self, x: Tensor, steps: int) -> Tensor:
        return ops.reshape(super().zeropower_via_newtonschulz5(_matrix(x), steps), x.shape)

    def lr_adjust(self, x: Tensor) -> Tensor:
        return ops.reshape(super().lr_adjust(_matrix(x)), x.shape)


def _matrix(kernel: Tensor) -> Tensor:
    return ops.reshape(kernel, (-1, kernel.shape[-1]))


def optimizer_of(config: Config, total_steps: int) -> Any:
    """The optimiser of a training: under a cosine after a warm-up, with averaged weights.

    Args:
      config: `Config`.
      total_steps: of the training.
    """
    warmup_steps = max(1, round(config.learning_rate_warmup * total_steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, total_steps - warmup_steps),
        warmup_target=config.learning_rate,
        warmup_steps=warmup_steps,
    )
    settings: dict[str, Any] = {
        "learning_rate": schedule,
        "weight_decay": config.weight_decay,
        "clipnorm": 5.0,
        "use_ema": True,
        "ema_momentum": config.ema_momentum,
    }
    if config.optimizer == "adamw":
        return AveragedAdamW(**settings)
    settings |= {"adam_weight_decay": config.weight_decay, "exclude_layers": _LAST_LAYERS}
    return AveragedMuon(**settings)
