"""Scales all deviations of a model so that its ellipses fit every kind of face.

  python -m recipes.calibrate --model=runs/models/mobile_68/model.keras --data=DIR
    --output=runs/models/mobile_68/calibrated.keras

Training fits the scale to all validation points together, at four levels. The many points of one
kind of face can then outweigh those of another. The kinds here are the validation faces of 300-W,
and those of aflw68 in each bin of yaw.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags
from tabulate import tabulate

from evae_tf import atomic
from evae_tf.array_types import FloatArray
from evae_tf.artifacts import keras_file
from evae_tf.cli.path_flags import define_path
from evae_tf.data import datasets
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import Face
from evae_tf.evaluation import calibration, groups
from evae_tf.evaluation.truth import Truth
from evae_tf.markups import MARKUPS
from evae_tf.metadata import ModelMetadata
from evae_tf.training.callbacks import Validation

FLAGS = flags.FLAGS

_LEVEL = 0.9


def main(_: list[str]) -> None:
    """Prints the coverage of each kind of face before and after."""
    model = keras_file.load_model(FLAGS.model)
    data = Path(FLAGS.data)
    frontal = datasets.read_faces("300w", data / "300w", "val")
    table = data / "aflw68" / "landmarks.csv"
    posed = datasets.read_faces("csv", table, "val", MARKUPS["ibug_68"])
    of_posed = _distances(model, posed)
    kinds = {"300-W": _distances(model, frontal)}
    for group in groups.grouped(["yaw"], posed, Truth.of(posed)):
        kinds[f"aflw68, yaw {group.name}"] = of_posed[group.rows]
    factor = even_factor([*kinds.values()])
    model.uncertainty.calibrate(factor)
    output = Path(FLAGS.output)
    atomic.make_folder(output.parent)
    with atomic.replacing_file(output) as temporary:
        model.save(temporary)
    rows = [
        [kind, *(100 * calibration.coverage(found / scale, _LEVEL) for scale in (1, factor))]
        for kind, found in kinds.items()
    ]
    print(tabulate(rows, ["inside the 90 % ellipse, %", "before", "after"], floatfmt=".1f"))
    print(f"all deviations times {factor:.3f}: {output}")


def _distances(model: Any, faces: Sequence[Face]) -> FloatArray:
    """Mahalanobis distances [N, K] of the annotated points; NaN for the others."""
    metadata = ModelMetadata.from_dict(model.metadata, FLAGS.model)
    crops = cut_crops(faces, size=metadata.input_size, margin=metadata.crop_margin)
    outputs = Validation(faces, crops).predict(model)
    errors = outputs["landmarks"] - crops.landmarks
    return calibration.mahalanobis(errors, outputs["covariance"])


def even_factor(distances: Sequence[FloatArray]) -> float:
    """The factor of all deviations that brings every kind's coverage nearest to 90 %.

    Args:
      distances: the Mahalanobis distances of the points of each kind, NaN if not annotated.

    Returns:
      The factor with the least largest difference from 90 % over the kinds.
    """

    def worst(factor: float) -> float:
        return max(abs(calibration.coverage(kind / factor, _LEVEL) - _LEVEL) for kind in distances)

    return float(min(np.exp(np.arange(-0.5, 0.5, 0.005)), key=worst))


if __name__ == "__main__":
    define_path("model", None, ".keras file with a covariance.", required=True)
    define_path("data", None, "Folder with 300w and aflw68.", required=True)
    define_path("output", None, ".keras file to write.", required=True)
    app.run(main)
