"""What happens around the steps of a training: validation, files and progress."""

import signal
import time

import keras
import numpy as np
from tqdm import tqdm

from evae_tf import atomic, geometry
from evae_tf.errors import InputError
from evae_tf.evaluation import calibration, figures, metrics
from evae_tf.training import checkpoint
from evae_tf.training.run_folder import METRICS


class Validation:
    """What a network says of faces that it does not train on.

    Args:
      faces: list of `Face`.
      markup: their `Markup`; its default normaliser is used.
      crops: `Crops` of the faces, without context.
    """

    def __init__(self, faces, markup, crops):
        self.crops = crops
        self.landmarks = np.stack([face.landmarks for face in faces])
        boxes = np.stack([face.box for face in faces])
        self.normalizer = metrics.normalizing_distance(
            markup.default_normalizer, self.landmarks, boxes, markup
        )

    def predict(self, network):
        """The network's outputs for all faces, as a dict of arrays, but for its maps."""
        batches = [slice(start, start + 64) for start in range(0, len(self.crops), 64)]
        outputs = [network.predict_on_batch(self.crops.model_input(rows)) for rows in batches]
        names = set(outputs[0]) - {"response_maps"}
        return {name: np.concatenate([output[name] for output in outputs]) for name in names}

    def nme(self, outputs):
        """Mean NME, as a fraction."""
        predicted = geometry.crop_to_image(outputs["landmarks"], self.crops.squares)
        return float(np.mean(metrics.nme(predicted, self.landmarks, self.normalizer)))

    def deviation_factor(self, outputs):
        """See `calibration.deviation_factor`."""
        errors = outputs["landmarks"] - self.crops.landmarks
        return calibration.deviation_factor(errors, outputs["covariance"])


class EpochEnd(keras.callbacks.Callback):
    """Validates the averaged weights, and leaves a folder that a killed run resumes from.

    The checkpoint is written last: what comes before is done again, with the same result, when
    the process dies in between.

    Args:
      shipped: a float32 network like the trained one, which receives the averaged weights.
      validation: `Validation`.
      folder: `RunFolder`.
      rows: of metrics.csv so far; grows.
    """

    def __init__(self, shipped, validation, folder, rows):
        super().__init__()
        self.shipped = shipped
        self.validation = validation
        self.folder = folder
        self.rows = rows

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()
        # Keras keeps the state of its seed generators out of checkpoints: with a state fixed for
        # each epoch a resumed run draws the numbers that it would have drawn.
        for index, state in enumerate(self._seed_states()):
            state.assign([self.model.config.seed, (epoch << 8) + index])

    def _seed_states(self):
        variables = self.model.network.variables
        return [v for v in variables if v.path.endswith("seed_generator_state")]

    def on_epoch_end(self, epoch, logs=None):
        if not np.isfinite(logs["loss"]):
            raise InputError(f"epoch {epoch + 1}: the loss is {logs['loss']}; lower learning_rate.")
        optimizer = self.model.optimizer
        best = min((row["val_nme"] for row in self.rows), default=np.inf)
        # Averages of the trained weights; what is not trained, statistics for one, as it stands.
        for target, weight in zip(self.shipped.weights, self.model.network.weights, strict=True):
            target.assign(keras.ops.convert_to_numpy(weight))
        optimizer.copy_averages(self.shipped.trainable_weights)
        outputs = self.validation.predict(self.shipped)
        logs["val_nme"] = self.validation.nme(outputs)
        if logs["val_nme"] < best:
            if "covariance" in outputs:
                self.shipped.uncertainty.calibrate(self.validation.deviation_factor(outputs))
            with atomic.replacing_file(self.folder.model) as temporary:
                self.shipped.save(temporary)
        logs["learning_rate"] = float(optimizer.learning_rate)
        logs["seconds"] = time.monotonic() - self.started
        self.rows.append({"epoch": epoch + 1, **{name: logs[name] for name in METRICS[1:]}})
        self.folder.write_metrics(self.rows)
        columns = {name: [row[name] for row in self.rows] for name in METRICS}
        figures.save_figure(figures.training_figure(columns), self.folder.curves)
        if logs["val_nme"] < best:
            checkpoint.save(self.model, self.folder.best_checkpoint)
        checkpoint.save(self.model, self.folder.last_checkpoint)


class Interruption(keras.callbacks.Callback):
    """Makes Ctrl-C count although libraries in between may swallow it: it is raised again.

    A context manager around `fit`, so that the usual handler is back however that ends.
    """

    def __enter__(self):
        self.asked = False
        self.usual = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_):
        signal.signal(signal.SIGINT, self.usual)

    def _ask(self, *_):
        self.asked = True
        raise KeyboardInterrupt

    def on_train_batch_end(self, batch, logs=None):
        if self.asked:
            raise KeyboardInterrupt


class Progress(keras.callbacks.Callback):
    """One bar over the whole training with the time left, and one line for each epoch."""

    def __init__(self, epochs, done):
        super().__init__()
        self.epochs = epochs
        self.done = done

    def on_train_begin(self, logs=None):
        steps = self.params["steps"]
        self.bar = tqdm(
            total=self.epochs * steps, initial=self.done * steps, unit="step", disable=None
        )

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        terms = ", ".join(f"{name} {logs[name]:.4f}" for name in METRICS[1:5])
        tqdm.write(
            f"epoch {epoch + 1}/{self.epochs}: {terms}, "
            f"val_nme {100 * logs['val_nme']:.2f} %, {logs['seconds']:.0f} s"
        )

    def on_train_end(self, logs=None):
        self.bar.close()
