"""Validation faces and response maps in TensorBoard."""

# Keras and TensorFlow come without types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

import math
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from evae_tf.evaluation import figures
from evae_tf.metadata import ModelMetadata
from evae_tf.models.response_maps import ResponseMapCodec
from evae_tf.training.callbacks import Validation

_FACES = 60
_EPOCHS = 10  # with pictures, about
_APART_S = 30.0  # drawing takes longer than a short epoch


class Pictures(keras.callbacks.Callback):
    """Draws `samples` and `response_maps` every few epochs and after the last one.

    `samples` shows the best, the median and the worst of 60 validation faces. `response_maps` shows
    the maps of the median face and the labels they are trained on; models without maps have none.

    Args:
      network: the network that is validated, with the weights of the epoch.
      validation: `Validation`; up to 60 of its faces are used, always the same.
      folder: the folder of the event file.
    """

    def __init__(self, network: Any, validation: Validation, folder: Path) -> None:
        super().__init__()
        self.network = network
        self.folder = folder
        count = len(validation.crops)
        self.faces = np.linspace(0, count - 1, min(count, _FACES)).round().astype(np.intp)
        self.validation = validation
        self.metadata = ModelMetadata.from_dict(network.metadata, "the trained network")

    def on_train_begin(self, logs: Any = None) -> None:
        self.drawn = time.monotonic()
        self.writer = tf.summary.create_file_writer(str(self.folder))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        epochs = self.params["epochs"]
        is_due = (epoch + 1) % math.ceil(epochs / _EPOCHS) == 0
        if epoch + 1 < epochs and not (is_due and time.monotonic() > self.drawn + _APART_S):
            return
        with self.writer.as_default(step=epoch):
            for name, figure in self._drawn().items():
                canvas = FigureCanvasAgg(figure)
                canvas.draw()
                tf.summary.image(name, np.asarray(canvas.buffer_rgba())[None, ..., :3])
        self.writer.flush()
        self.drawn = time.monotonic()

    def on_train_end(self, logs: Any = None) -> None:
        self.writer.close()

    def _drawn(self) -> dict[str, Figure]:
        outputs = self.network.predict_on_batch(self.validation.crops.model_input(self.faces))
        errors = self.validation.errors(outputs, self.faces)
        images = self.validation.crops.images[self.faces]
        true = self.validation.crops.landmarks[self.faces]
        markup = self.metadata.markup
        drawn = {
            "samples": figures.samples_figure(images, outputs["landmarks"], true, errors, markup)
        }
        if "response_maps" in outputs:
            median = int(np.argsort(errors)[len(errors) // 2])
            maps = outputs["response_maps"][median]
            landmarks = keras.ops.convert_to_tensor(true[[median]])
            labels = ResponseMapCodec.of_saved(self.metadata).draw(landmarks, *maps.shape[:2])
            rows = {"prediction": maps, "label": keras.ops.convert_to_numpy(labels)[0]}
            drawn["response_maps"] = figures.response_figure(rows, images[median])
        return drawn
