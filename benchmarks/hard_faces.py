"""Turned and occluded faces in one and two passes, and whether the score detects wrong ones.

  python -m benchmarks.hard_faces --data=DIR/aflw68/landmarks.csv

The boxes are the annotated ones. Errors are in % of the box, over annotated points; faces are
grouped by the yaw of the true landmarks. The area under the ROC curve is that of a low score as a
predictor of an error above 8 %.
"""

import numpy as np
from absl import app, flags
from tabulate import tabulate
from tqdm import tqdm

from benchmarks.roc import roc_area
from evae_tf import Aligner
from evae_tf.array_types import FloatArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data import datasets
from evae_tf.data.face import Face
from evae_tf.evaluation import groups, metrics
from evae_tf.evaluation.truth import Truth

FLAGS = flags.FLAGS
define_path("data", None, ".csv file with 68 points.", required=True)
define_path("model", "mobile_68", "Model to align with.")
flags.DEFINE_string("subset", "val", "Subset of its faces.")

_MUCH, _WRONG = 0.05, 0.08
_BATCH = 64


def main(_: list[str]) -> None:
    """Prints a table of errors by yaw, and a line on the score for one and two passes."""
    faces = datasets.read_faces("csv", FLAGS.data, FLAGS.subset, "ibug_68")
    truth = Truth.of(faces, ["box_size"])
    parts = groups.grouped(["yaw"], faces, truth)
    everyone = groups.Group("all", "all", np.ones(len(faces), bool))
    errors, scores = {}, {}
    for passes in (1, 2):
        aligner = Aligner.load(FLAGS.model, detector="none", passes=passes)
        errors[passes], scores[passes] = _aligned(aligner, faces, truth)
    rows = [_row(group, errors) for group in (*parts, everyone)]
    header = ["yaw", "faces", "one pass %", "two %", "above 5 %: one", "two"]
    print(tabulate(rows, header, floatfmt=".2f"))
    for passes, error in errors.items():
        wrong = error > _WRONG
        area = roc_area(scores[passes][~wrong], scores[passes][wrong])
        print(
            f"passes {passes}: area under the ROC curve of the score against an error above 8 %: "
            f"{area:.3f} ({wrong.sum()} faces)"
        )


def _aligned(aligner: Aligner, faces: list[Face], truth: Truth) -> tuple[FloatArray, FloatArray]:
    """(error, score) of each face, both float [N]."""
    found = []
    for start in tqdm(range(0, len(faces), _BATCH), desc=f"passes {aligner.passes}", disable=None):
        part = faces[start : start + _BATCH]
        aligned = aligner.batch([face.image for face in part], [[face.box] for face in part])
        found += [of_image[0] for of_image in aligned]
    landmarks = np.stack([face.landmarks for face in found])
    error = metrics.nme(landmarks, truth.landmarks, truth.distances["box_size"])
    return error, np.array([face.score for face in found])


def _row(group: groups.Group, errors: dict[int, FloatArray]) -> list[str | int | float]:
    of_group = [error[group.rows] for error in errors.values()]
    means = [100 * error.mean() for error in of_group]
    much = [100 * metrics.failure_rate(error, _MUCH) for error in of_group]
    return [group.name, int(group.rows.sum()), *means, *much]


if __name__ == "__main__":
    app.run(main)
