"""Keras' AdamW and Muon, extended by weight averages that warm up and Muon for convolutions.

`keras.callbacks.SwapEMAWeights` is not used for two reasons. Under TensorFlow it swaps by adding
and subtracting, which rounds the trained weights. And in mixed precision the validated network is
another, of float32.
"""

import re
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from evae_tf.array_types import Tensor
from evae_tf.config import Config

_LAST_LAYERS = ("/head/", "/uncertainty/", r"/local_offsets/(kernel|bias)")


class _WarmAverages:
    """The moving average of `use_ema` with a warm-up, which forgets the initial weights quickly.

    After update t (from 1) the average moves towards the weights by
    1 - min(ema_momentum, (1 + t) / (10 + t)); after the first update it equals them. This makes
    averages useful after two epochs already.
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
    """AdamW whose averages (`use_ema`) warm up."""


@keras.saving.register_keras_serializable("evae_tf")
class AveragedMuon(_WarmAverages, keras.optimizers.Muon):
    """Muon that also handles convolution kernels; its averages (`use_ema`) warm up.

    A convolution kernel is treated as a matrix with the last axis as columns. AdamW updates
    weights with one axis and the kernels of `exclude_layers`.

    Source: Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024; the step
    size follows Liu et al., Muon is Scalable for LLM Training, 2025.
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
    """The optimiser of a training: cosine decay after a warm-up, averaged weights.

    Args:
      config: `Config`.
      total_steps: number of training steps.
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
