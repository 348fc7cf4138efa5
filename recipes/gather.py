"""One list of 68-point faces from all sets: annotated ones, and those that teachers label.

  python -m recipes.gather --data=DIR --teacher=runs/teacher/model.keras

Several teachers, separated by commas, label with the mean of their landmarks.

Writes a .csv that `train.py --dataset=csv --markup=ibug_68` reads. Its `val` rows are the faces of
300-W's val.txt; no photo of any validation list is among the others, nor a copy of it under
another name.
"""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from absl import app, flags

from evae_tf import atomic, markups
from evae_tf.array_types import FloatArray
from evae_tf.artifacts.predictors import Predictor, open_model
from evae_tf.data import datasets
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import Face
from recipes import teaching

FLAGS = flags.FLAGS

_IBUG = markups.MARKUPS["ibug_68"]

# The sets whose 68 points have to be found, as functions of the folder that holds them all.
OTHERS = {
    "mtfl": lambda data: datasets.read_faces("mtfl", data / "mtfl", "train"),
    "helen29": lambda data: datasets.read_faces(
        "csv", data / "helen29" / "landmarks.csv", "all", markups.MARKUPS["cofw_29"]
    ),
}
_MAX_DISAGREEMENT = 0.06
_MAX_DEVIATION = 0.028  # between views, of the face's size, see `teaching.face_size`
_SAME_PHOTO = 0.97


def main(_: list[str]) -> None:
    """Prints how many faces of each set were kept."""
    data, output = Path(FLAGS.data).absolute(), Path(FLAGS.output).absolute()
    teachers = [open_model(path) for path in FLAGS.teacher]
    annotated = datasets.read_faces("300w", data / "300w", "train")
    validation = datasets.read_faces("300w", data / "300w", "val")
    points = [face.landmarks for face in annotated]
    if FLAGS.smooth:
        points = teaching.smoothed(teachers, annotated)
    rows = [(face, face.landmarks, "val") for face in validation]
    for copy in range(FLAGS.copies):
        # A thousandth of a pixel apart: the reader of the list refuses a row that it has seen.
        shift = np.float32(copy * 1e-3)
        rows += [(face, own + shift, "train") for face, own in zip(annotated, points, strict=True)]
    for name in FLAGS.others:
        faces = datasets.without_photos(OTHERS[name](data), [*annotated, *validation])
        distinct = without_copies(faces, validation)
        kept = labelled(teachers, distinct, annotated)
        rows += [(face, landmarks, "train") for face, landmarks in kept]
        print(
            f"{name}: {len(kept)} of {len(faces)} faces kept; "
            f"{len(faces) - len(distinct)} look like a validation photo"
        )
    atomic.make_folder(output.parent)
    write(rows, output)
    print(f"{len(rows)} faces: {output}")


def labelled(
    teachers: Sequence[Predictor], faces: Sequence[Face], annotated: Sequence[Face]
) -> list[tuple[Face, FloatArray]]:
    """Faces of few points and the 68 of each, where the teachers agree with those few.

    Args:
      teachers: of 68 points; their landmarks are averaged.
      faces: list of `Face`, of a markup that `teaching.five_points` knows.
      annotated: list of `Face` of 68 points, for their mean face.

    Returns:
      list of (face, landmarks float32 [68, 2], image pixels).
    """
    mean_face = np.nanmean([_normalized(face) for face in annotated], axis=0)
    mean_five = teaching.five_points(mean_face[None], _IBUG.name)[0]
    known = np.stack([face.landmarks for face in faces])
    known = teaching.five_points(known, faces[0].markup.name)
    boxes = teaching.first_boxes(known, mean_face, mean_five)
    landmarks, deviation = teaching.label(teachers, faces, boxes)
    found = teaching.five_points(landmarks, _IBUG.name)
    agreed = teaching.disagreement(found, known) < _MAX_DISAGREEMENT
    agreed &= deviation / teaching.face_size(found) < _MAX_DEVIATION
    return [
        (face, points) for face, points, good in zip(faces, landmarks, agreed, strict=True) if good
    ]


def _normalized(face: Face) -> FloatArray:
    """A face's landmarks with its box's centre as origin and its longer side as unit."""
    low, high = face.box[:2], face.box[2:]
    return (face.landmarks - (low + high) / 2) / (high - low).max()


def without_copies(faces: Sequence[Face], held_out: Sequence[Face]) -> list[Face]:
    """Those of `faces` whose picture is not that of a held-out face under another name.

    Two crops are the same photo when their grey values at 24 x 24 pixels, about their mean,
    correlate by more than 0.97; crops of different photos of one person stay well below.
    """
    ours, theirs = _thumbnails(faces), _thumbnails(held_out)
    return [
        face
        for face, similarity in zip(faces, (ours @ theirs.T).max(axis=1), strict=True)
        if similarity < _SAME_PHOTO
    ]


def _thumbnails(faces: Sequence[Face]) -> FloatArray:
    """Grey crops around five points, mean 0 and length 1: float [N, 576]."""
    known = np.stack([face.landmarks for face in faces])
    five = teaching.five_points(known, faces[0].markup.name)
    centre = five.mean(axis=1)
    side = 2.2 * np.linalg.norm(five - centre[:, None], axis=-1).max(axis=1, keepdims=True)
    boxes = np.concatenate([centre - side / 2, centre + side / 2], axis=1)
    grey = cut_crops(faces, size=24, margin=0.0, boxes=boxes).images.mean(axis=-1)
    grey = grey.reshape(len(grey), -1)
    grey -= grey.mean(axis=1, keepdims=True)
    return grey / np.maximum(np.linalg.norm(grey, axis=1, keepdims=True), 1e-6)


def write(rows: Iterable[tuple[Face, FloatArray, str]], path: Path) -> None:
    """Writes (face, landmarks, split) as the .csv that `--dataset=csv` reads."""
    header = ["image", *(f"{axis}{i}" for i in range(68) for axis in "xy"), "split"]
    with atomic.replacing_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for face, landmarks, split in rows:
            image = os.path.relpath(face.image, path.parent)
            writer.writerow([image, *np.round(landmarks, 3).ravel(), split])


if __name__ == "__main__":
    flags.DEFINE_string("data", None, "Folder with 300w, mtfl and helen29.", required=True)
    flags.DEFINE_list("teacher", None, "Models of 68 points; several are averaged.", required=True)
    flags.DEFINE_string("output", "runs/gathered/faces.csv", "The list to write.")
    flags.DEFINE_list("others", ["mtfl", "helen29"], "The sets to label.")
    flags.DEFINE_boolean(
        "smooth", False, "Whether annotations are averaged with the teachers' points."
    )
    flags.DEFINE_integer("copies", 1, "How often annotated faces are listed.", lower_bound=1)
    app.run(main)
