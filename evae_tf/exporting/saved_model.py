"""Writes SavedModels, for servers and as input of the TFLite converter."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from evae_tf.array_types import Tensor
from evae_tf.serving.disk_errors import as_os_errors
from evae_tf.serving.signatures import answer_any_number


def write_saved_model(model: Any, folder: Path, batch_size: int | None = None) -> None:
    """Writes `model` as a SavedModel with the signatures `serve` and `serving_default`.

    Both take `images`, float32 [N, S, S, 3], RGB in [0, 1], and return the model's dict. A request
    of another shape is refused before the first kernel, which would abort the server.

    Args:
      model: functional Keras model of one input [None, S, S, 3].
      folder: destination folder.
      batch_size: N, or None for any.

    Raises:
      OSError: the files cannot be written.
    """
    shape = (batch_size, *model.input_shape[1:])

    def serve(images: Tensor) -> dict[str, Tensor]:
        return answer_any_number(model, tf.ensure_shape(images, shape))

    # No `archive.track`: it would write every weight twice.
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        "serve", serve, input_signature=[tf.TensorSpec(shape, tf.float32, name="images")]
    )
    with as_os_errors():
        archive.write_out(str(folder), verbose=False)
