"""Writes one list of five-point faces: those of MTFL, and others derived from 68 points.

  python -m recipes.five_points --data=DIR --faces=runs/poses.csv --teacher=mobile_68.keras
    --output=runs/five.csv

MTFL has few profiles; lists of `recipes.all_poses` have many. Their boxes imitate those of MTFL's
detector, whose position is measured relative to the teacher's 68 points on faces of MTFL. The
`val` rows are those of MTFL.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from absl import app, flags

from evae_tf import atomic, geometry, markups
from evae_tf.artifacts.predictors import open_model
from evae_tf.cli.path_flags import define_path
from evae_tf.data import datasets
from evae_tf.data.face import Face
from recipes import all_poses, gather, teaching

FLAGS = flags.FLAGS

_NOSE = 30
_KNOWN = 600  # faces of MTFL on which the position of its boxes is measured
_SEEN = 0.5  # share of an eye's points that must be visible


def main(_: list[str]) -> None:
    """Prints how many faces were listed."""
    data, output = Path(FLAGS.data).absolute(), Path(FLAGS.output).absolute()
    annotated = datasets.read_faces("mtfl", data / "mtfl", "train")
    held_out = datasets.read_faces("mtfl", data / "mtfl", "val")
    whole = datasets.read_faces("csv", FLAGS.faces, "train", "ibug_68")
    whole = datasets.without_photos(without_repeats(whole), [*annotated, *held_out])
    known = gather.labelled([open_model(FLAGS.teacher)], annotated[:_KNOWN], whole)
    boxes, landmarks = zip(*((face.box, points) for face, points in known), strict=True)
    relative = geometry.relative_box(np.stack(boxes), np.stack(landmarks))
    others = of_68_points(whole, relative)
    atomic.make_folder(output.parent)
    all_poses.write({"train": [*annotated, *others], "val": held_out}, output)
    print(f"{len(annotated)} faces of mtfl and {len(others)} others: {output}")


def without_repeats(faces: Iterable[Face]) -> list[Face]:
    """The faces without repetitions, which have the same photo and nose."""
    first: dict[tuple[str, float, float], Face] = {}
    for face in faces:
        x, y = face.landmarks[_NOSE].tolist()
        first.setdefault((str(face.image), x, y), face)
    return [*first.values()]


def of_68_points(faces: Sequence[Face], relative: tuple[float, float, float]) -> list[Face]:
    """Five-point faces from 68-point ones.

    Args:
      faces: 68-point faces with all points annotated.
      relative: position of their new boxes, see `geometry.relative_box`.

    Returns:
      list of `Face` of `mtfl_5`, with flags.
    """
    landmarks = np.stack([face.landmarks for face in faces])
    seen = np.stack([face.annotated if face.visible is None else face.visible for face in faces])
    five = teaching.five_points(landmarks, "ibug_68")
    flags_of_five = teaching.five_points(seen[..., None].astype(float), "ibug_68")[..., 0] > _SEEN
    return [
        dataclasses.replace(
            face, landmarks=points, visible=visible, box=box, markup=markups.MARKUPS["mtfl_5"]
        )
        for face, points, visible, box in zip(
            faces, five, flags_of_five, geometry.box_of_landmarks(landmarks, relative), strict=True
        )
    ]


if __name__ == "__main__":
    define_path("data", None, "Folder with mtfl.", required=True)
    define_path("faces", None, "List of `recipes.all_poses`.", required=True)
    define_path("teacher", None, "68-point model.", required=True)
    define_path("output", "runs/five_points/faces.csv", "List to write (.csv).")
    app.run(main)
