"""One list of five-point faces: those of MTFL, and what the 68 points of other faces say.

  python -m recipes.five_points --data=DIR --faces=runs/poses.csv --teacher=mobile_68.keras
    --output=runs/five.csv

MTFL has few profiles, lists of `recipes.all_poses` have many. Their boxes are put where MTFL's
detector would have put them: the 68 points that the teacher finds on faces of MTFL tell where its
boxes lie. The `val` rows are MTFL's own.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from absl import app, flags

from evae_tf import atomic, geometry, markups
from evae_tf.artifacts.predictors import open_model
from evae_tf.data import datasets
from evae_tf.data.face import Face
from recipes import all_poses, gather, teaching

FLAGS = flags.FLAGS

_NOSE = 30
_KNOWN = 600  # faces of MTFL that tell where its boxes lie
_SEEN = 0.5  # the share of an eye's points that have to be seen


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
    """The first of each face that is listed several times: its photo and its nose tell it."""
    first: dict[tuple[str, int, int], Face] = {}
    for face in faces:
        x, y = np.floor(face.landmarks[_NOSE]).astype(int).tolist()
        first.setdefault((str(face.image), x, y), face)
    return [*first.values()]


def of_68_points(faces: Sequence[Face], relative: tuple[float, float, float]) -> list[Face]:
    """Five-point faces from 68-point ones.

    Args:
      faces: 68-point faces, each point with a place.
      relative: where their boxes are to lie, see `geometry.relative_box`.

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
    flags.DEFINE_string("data", None, "Folder that holds mtfl.", required=True)
    flags.DEFINE_string("faces", None, "List of `recipes.all_poses`.", required=True)
    flags.DEFINE_string("teacher", None, "Model of 68 points.", required=True)
    flags.DEFINE_string("output", "runs/five_points/faces.csv", "The list to write.")
    app.run(main)
