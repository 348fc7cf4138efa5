"""Callbacks of a training: validation, files and progress."""

# Keras comes without types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import signal
import threading
import time
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np

from evae_tf import atomic, geometry, progress
from evae_tf.array_types import FloatArray, IndexArray
from evae_tf.data.crops import Crops
from evae_tf.data.face import Face
from evae_tf.errors import InputError
from evae_tf.evaluation import calibration, figures
from evae_tf.evaluation.truth import Truth
from evae_tf.training import checkpoint, processes
from evae_tf.training.run_folder import METRICS, RunFolder

_DRAWN_EVERY_S = 30.0


class Validation:
    """Predictions and errors of a network on the validation faces.

    Args:
      faces: list of `Face` of one markup.
      crops: `Crops` of the faces, without context.

    Attributes:
      normalizer: name of the normaliser of the errors, see `metrics.default_normalizer`.
    """

    def __init__(self, faces: Sequence[Face], crops: Crops) -> None:
        self.crops = crops
        self.truth = Truth.of(faces)
        self.normalizer = self.truth.normalizer

    def predict(self, network: Any) -> dict[str, FloatArray]:
        """The network's outputs for all faces, except its maps, as a dict of arrays."""
        batches = [slice(start, start + 64) for start in range(0, len(self.crops), 64)]
        outputs = [network.predict_on_batch(self.crops.model_input(rows)) for rows in batches]
        names = set(outputs[0]) - {"response_maps"}
        return {name: np.concatenate([output[name] for output in outputs]) for name in names}

    def nme(self, outputs: dict[str, FloatArray]) -> float:
        """Mean NME of all faces, as a fraction."""
        return float(np.mean(self.errors(outputs)))

    def errors(
        self, outputs: dict[str, FloatArray], rows: slice | IndexArray = slice(None)
    ) -> FloatArray:
        """NME of each face, as a fraction: float [n].

        Args:
          outputs: the network's outputs for the faces `rows`.
          rows: a slice or indices.
        """
        predicted = geometry.crop_to_image(outputs["landmarks"], self.crops.squares[rows])
        return self.truth.nme(predicted, rows=rows)

    def deviation_factor(self, outputs: dict[str, FloatArray]) -> float:
        """See `calibration.deviation_factor`."""
        errors = outputs["landmarks"] - self.crops.landmarks
        annotated = geometry.annotated(errors)
        return calibration.deviation_factor(errors[annotated], outputs["covariance"][annotated])


class EpochEnd(keras.callbacks.Callback):
    """Validates the averaged weights and writes the files that a killed run resumes from.

    The checkpoint is written last. If the process dies before that, the epoch is repeated with the
    same result.

    Args:
      shipped: a float32 network like the trained one, which receives the averaged weights.
      validation: `Validation`.
      folder: `RunFolder`.
      rows: the rows of metrics.csv so far; each epoch appends one.
      seed: the seed of the training.
    """

    def __init__(
        self,
        shipped: Any,
        validation: Validation,
        folder: RunFolder,
        rows: list[dict[str, float]],
        seed: int,
    ) -> None:
        super().__init__()
        self.shipped = shipped
        self.validation = validation
        self.folder = folder
        self.rows = rows
        self.seed = seed
        self.drawn = -np.inf

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.started = time.monotonic()
        # Keras leaves the state of its seed generators out of checkpoints. A state fixed for each
        # epoch makes a resumed run draw the same numbers as an uninterrupted one. The generators
        # count up from it, so the states of epochs are hashes instead of neighbours.
        for index, state in enumerate(self._seed_states()):
            state.assign(np.random.SeedSequence((self.seed, epoch, index)).generate_state(2))

    def _seed_states(self) -> list[Any]:
        variables = self.model.network.variables
        return [v for v in variables if v.path.endswith("seed_generator_state")]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        with processes.one_device():  # each process validates by itself, with the same result
            self._finish(epoch, logs)

    def _finish(self, epoch: int, logs: Any) -> None:
        if not np.isfinite(logs["loss"]):
            raise InputError(f"epoch {epoch + 1}: the loss is {logs['loss']}; lower learning_rate.")
        optimizer = self.model.optimizer
        best = min((row["val_nme"] for row in self.rows), default=np.inf)
        # Trainable weights are replaced by their averages; the others, such as batch statistics,
        # are copied.
        for target, weight in zip(self.shipped.weights, self.model.network.weights, strict=True):
            target.assign(keras.ops.convert_to_numpy(weight))
        optimizer.finalize_variable_values(self.shipped.trainable_weights)
        for weight in self.shipped.trainable_weights:
            # A copy: JAX donates the buffers of its inputs, here also those of the optimiser.
            weight.assign(keras.ops.convert_to_numpy(weight))
        outputs = self.validation.predict(self.shipped)
        logs["val_nme"] = self.validation.nme(outputs)
        if not np.isfinite(logs["val_nme"]):
            raise InputError(f"epoch {epoch + 1}: predicts NaN or infinity; lower learning_rate.")
        if logs["val_nme"] < best:
            if "covariance" in outputs:
                self.shipped.uncertainty.calibrate(self.validation.deviation_factor(outputs))
            with atomic.replacing_file(self.folder.model) as temporary:
                self.shipped.save(temporary)
        logs["learning_rate"] = float(optimizer.learning_rate)
        logs["seconds"] = time.monotonic() - self.started
        # Terms that the objective lacks are 0.
        for name in METRICS[1:]:
            logs.setdefault(name, 0.0)
        self.rows.append({"epoch": epoch + 1, **{name: logs[name] for name in METRICS[1:]}})
        self.folder.write_metrics(self.rows)
        self._draw(is_last=epoch + 1 == self.params["epochs"])
        checkpoint.save(self.model, self.folder.last_checkpoint)

    def _draw(self, *, is_last: bool) -> None:
        """Draws the curves, but not too often: drawing takes longer than a short epoch."""
        if not is_last and time.monotonic() < self.drawn + _DRAWN_EVERY_S:
            return
        columns = {name: [row[name] for row in self.rows] for name in METRICS}
        figures.save_figure(figures.training_figure(columns), self.folder.curves)
        self.drawn = time.monotonic()


class Interruption(keras.callbacks.Callback):
    """Ends the training at Ctrl-C, after the current step; at a second Ctrl-C, at once.

    A library may swallow a KeyboardInterrupt that is raised within a step. Use it as a context
    manager around `fit`: leaving it restores the previous signal handler. It does nothing outside
    the main thread, since only that one receives signals.
    """

    def __enter__(self) -> Self:
        self.asked = False
        self.in_main_thread = threading.current_thread() is threading.main_thread()
        if self.in_main_thread:
            self.usual = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self.in_main_thread:
            signal.signal(signal.SIGINT, self.usual)

    def _ask(self, *_: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.asked:
            raise KeyboardInterrupt


class Progress(keras.callbacks.Callback):
    """A progress bar over the whole training with the time left, and one line for each epoch."""

    def __init__(self, epochs: int, done: int) -> None:
        super().__init__()
        self.epochs = epochs
        self.done = done

    def on_train_begin(self, logs: Any = None) -> None:
        steps = self.params["steps"]
        self.bar = progress.bar(total=self.epochs * steps, initial=self.done * steps, unit="step")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.bar.update()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        terms = ", ".join(f"{name} {logs[name]:.4f}" for name in METRICS[1:5])
        progress.write(
            f"epoch {epoch + 1}/{self.epochs}: {terms}, "
            f"val_nme {100 * logs['val_nme']:.2f} %, {logs['seconds']:.0f} s"
        )

    def on_train_end(self, logs: Any = None) -> None:
        self.bar.close()
