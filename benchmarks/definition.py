"""How much of a model's error is another definition of the points.

  python -m benchmarks.definition --model=runs/free/export/model_int8.tflite --data=DIR/300w

The errors of the validation faces of 300-W, over the distance of the outer eye corners, by part of
the face. The second row is without a constant difference of each point: the mean difference on one
half of the faces, along the eyes and at right angles to them, is subtracted on the other half.
"""

from collections.abc import Sequence

import numpy as np
from absl import app, flags
from tabulate import tabulate

from evae_tf import geometry
from evae_tf.array_types import FloatArray
from evae_tf.artifacts.predictors import Predictor, open_model
from evae_tf.cli.path_flags import define_path
from evae_tf.data import datasets
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import Face
from evae_tf.markups import MARKUPS
from recipes.free.agreement import PARTS
from recipes.predictions import landmarks_in

FLAGS = flags.FLAGS

_EYES = (36, 45)


def main(_: list[str]) -> None:
    """Prints both rows."""
    faces = datasets.read_faces("300w", FLAGS.data, "val", MARKUPS["ibug_68"])
    true = np.stack([face.landmarks for face in faces])
    found = landmarks_of(open_model(FLAGS.model), faces)
    apart = differences(found, true)
    rows = {"as it is": apart, "without a constant difference": without_constant(apart)}
    table = []
    for name, each in rows.items():
        errors = 100 * np.linalg.norm(each, axis=2)
        of_parts = [errors[:, part].mean() for part in PARTS.values()]
        table.append([name, *of_parts, errors.mean()])
    print(tabulate(table, ["error %", *PARTS, "all"], "github", floatfmt=".2f"))


def landmarks_of(model: Predictor, faces: Sequence[Face]) -> FloatArray:
    """The model's landmarks in the boxes of the annotation: float [N, 68, 2], image pixels."""
    crops = cut_crops(faces, size=model.metadata.input_size, margin=model.metadata.crop_margin)
    return geometry.crop_to_image(landmarks_in(model, crops), crops.squares)


def differences(found: FloatArray, true: FloatArray) -> FloatArray:
    """From true to found landmarks [N, 68, 2]: along the eyes, and at right angles to them.

    Returns:
      float [N, 68, 2], as fractions of the distance of the outer eye corners.
    """
    along = true[:, _EYES[1]] - true[:, _EYES[0]]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    axes = np.stack([along, across], axis=2) / (along**2).sum(axis=1)[:, None, None]
    return (found - true) @ axes


def without_constant(apart: FloatArray) -> FloatArray:
    """Differences [N, K, 2] less the mean of those of every other face."""
    means = np.stack([apart[1::2].mean(axis=0), apart[::2].mean(axis=0)])
    return apart - means[np.arange(len(apart)) % 2]


if __name__ == "__main__":
    define_path("model", None, "Model of 68 points.", required=True)
    define_path("data", None, "The folder 300w/.", required=True)
    app.run(main)
