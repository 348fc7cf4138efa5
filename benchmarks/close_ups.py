"""Correct and false faces when photos are aligned without boxes.

  python -m benchmarks.close_ups --data=DIR/300w

The photos are the validation photos of 300-W, with one annotated face each. A face is right if its
error is below 8 % of the distance between the outer eye corners, and false if it is above 30 %; on
photos of several people, a false face may be another person. The printed errors are those of the
nearest face, if it is not false.
"""

from pathlib import Path

import numpy as np
from absl import app, flags
from tqdm import tqdm

from evae_tf import Aligner
from evae_tf.array_types import FloatArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data import datasets
from evae_tf.data.face import Face
from evae_tf.evaluation import metrics

FLAGS = flags.FLAGS
define_path("data", None, "Folder of 300-W.", required=True)
define_path("model", "mobile_68", "Model to align with.")
flags.DEFINE_string("detector", "auto", "As in align.py.")
define_path("detector_model", None, "As in align.py.")

_RIGHT, _FALSE = 0.08, 0.30


def main(_: list[str]) -> None:
    """Prints a row for one pass and one for two."""
    faces = datasets.read_faces("300w", Path(FLAGS.data), "val")
    for passes in (1, 2):
        aligner = Aligner.load(
            FLAGS.model,
            detector=FLAGS.detector,
            detector_model=FLAGS.detector_model,
            passes=passes,
        )
        errors = [_errors(aligner, face) for face in tqdm(faces, disable=None)]
        right = np.mean([(found < _RIGHT).any() for found in errors])
        false = np.mean([(found > _FALSE).any() for found in errors])
        none = np.mean([not len(found) for found in errors])
        nearest = np.array([found.min() for found in errors if (found <= _FALSE).any()])
        low, high = metrics.bootstrap_ci(nearest)
        print(
            f"passes {passes}: right {right:.1%}, with a false face {false:.1%}, "
            f"without any {none:.1%} of {len(faces)} photos; error {nearest.mean():.2%} "
            f"({low:.2%} to {high:.2%}), median {np.median(nearest):.2%}"
        )


def _errors(aligner: Aligner, face: Face) -> FloatArray:
    """NME over the outer eye corners of each detected face: float [n]."""
    found = [aligned.landmarks for aligned in aligner(face.image)]
    if not found:
        return np.zeros(0)
    true = np.repeat(face.landmarks[None], len(found), axis=0)
    distance = metrics.normalizing_distance(
        "inter_ocular", true[:1], face.box[None], aligner.markup
    )
    return metrics.nme(np.stack(found), true, np.repeat(distance, len(found)))


if __name__ == "__main__":
    app.run(main)
