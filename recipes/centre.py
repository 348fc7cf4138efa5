"""Moves the landmarks of a model by their mean error on the training faces.

  python -m recipes.centre --model=runs/models/server_68/model.keras --data=DIR
    --output=runs/models/server_68/centred.keras

The annotations of 300-W and aflw68 lie to the right of the photo's axis of symmetry (see
`benchmarks.annotations`). Mirrored training photos, whose annotations lie to the left, keep a model
from learning this. Here the mean error of each point is added to the last bias, which moves the
point by the same share of every crop. Both sets count equally.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags
from keras import ops

from evae_tf import atomic
from evae_tf.array_types import FloatArray
from evae_tf.artifacts import keras_file
from evae_tf.cli.path_flags import define_path
from evae_tf.data import datasets
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import Face
from evae_tf.markups import MARKUPS
from evae_tf.metadata import ModelMetadata
from evae_tf.training.callbacks import Validation

FLAGS = flags.FLAGS


def main(_: list[str]) -> None:
    """Prints the mean over the points."""
    model = keras_file.load_model(FLAGS.model)
    data = Path(FLAGS.data)
    sets = [
        datasets.read_faces("300w", data / "300w", "train"),
        datasets.read_faces("csv", data / "aflw68" / "landmarks.csv", "train", MARKUPS["ibug_68"]),
    ]
    shift = np.mean([missing(model, faces) for faces in sets], axis=0)
    move(model, shift)
    output = Path(FLAGS.output)
    atomic.make_folder(output.parent)
    with atomic.replacing_file(output) as temporary:
        model.save(temporary)
    right, down = 100 * shift.mean(axis=0)
    print(f"moved to the right by {right:+.2f} and down by {down:+.2f} % of the crop: {output}")


def missing(model: Any, faces: Sequence[Face]) -> FloatArray:
    """Mean of annotated less predicted landmarks over faces: float [K, 2], crop fractions."""
    metadata = ModelMetadata.from_dict(model.metadata, "the model")
    crops = cut_crops(faces, size=metadata.input_size, margin=metadata.crop_margin)
    found = Validation(faces, crops).predict(model)["landmarks"]
    return np.nanmean(crops.landmarks - found, axis=0)


def move(model: Any, shift: FloatArray) -> None:
    """Moves all predictions of an `EVAECNN` by `shift` [K, 2], crop fractions."""
    head = model.regressor.head
    bias = ops.convert_to_numpy(head.bias)
    head.bias.assign(bias + shift.ravel() / model.regressor.offset_unit)
    # Mirrored crops have to be moved to the other side, see `ModelMetadata.side_shift`.
    side = (model.metadata.get("side_shift") or 0.0) + float(shift[:, 0].mean())
    model.metadata = {**model.metadata, "side_shift": side}


if __name__ == "__main__":
    define_path("model", None, ".keras file of an EVAE-CNN.", required=True)
    define_path("data", None, "Folder with 300w and aflw68.", required=True)
    define_path("output", None, ".keras file to write.", required=True)
    app.run(main)
