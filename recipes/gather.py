"""Writes one list of 68-point faces from all sets: annotated and labelled by teachers.

  python -m recipes.gather --data=DIR --teacher=runs/teacher/model.keras

The landmarks of several teachers, separated by commas, are averaged.

Writes a .csv for `train.py --dataset=csv --markup=ibug_68`. Its `val` rows are the faces of
300-W's val.txt. None of these photos is among the others, not even as a copy under another name,
and no photo of MTFL's val.txt is in the other sets.
"""

import collections
import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from absl import app, flags

from evae_tf import atomic, markups
from evae_tf.array_types import FloatArray
from evae_tf.artifacts.predictors import Predictor, open_model
from evae_tf.cli.path_flags import define_path, define_paths
from evae_tf.data import datasets
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import Face
from recipes import teaching

FLAGS = flags.FLAGS

_IBUG = markups.MARKUPS["ibug_68"]

# The sets to label with 68 points, as functions of the folder that contains them.
OTHERS = {
    "mtfl": lambda data: datasets.read_faces("mtfl", data / "mtfl", "train"),
    "helen29": lambda data: datasets.read_faces(
        "csv", data / "helen29" / "landmarks.csv", "all", markups.MARKUPS["cofw_29"]
    ),
}
_MAX_DISAGREEMENT = 0.06
_MAX_DEVIATION = 0.028  # between views, as a fraction of `teaching.face_size`
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
    rows += [(*each, "train") for each in zip(annotated, points, strict=True)] * FLAGS.copies
    of_mtfl = datasets.read_faces("mtfl", data / "mtfl", "val") if "helen29" in FLAGS.others else []
    for name in FLAGS.others:
        faces = datasets.without_photos(OTHERS[name](data), [*annotated, *validation])
        distinct = without_copies(faces, validation)
        if name != "mtfl" and of_mtfl:
            distinct = without_copies(distinct, of_mtfl)
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
    """Labels faces of few points with 68; drops those where the teachers disagree with the few.

    Args:
      teachers: 68-point models; their landmarks are averaged.
      faces: list of `Face` of a markup that `teaching.five_points` supports.
      annotated: list of 68-point `Face`, for their mean face.

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
    """A face's landmarks relative to its box: origin at the centre, longer side as unit."""
    low, high = face.box[:2], face.box[2:]
    return (face.landmarks - (low + high) / 2) / (high - low).max()


def without_copies(faces: Sequence[Face], held_out: Sequence[Face]) -> list[Face]:
    """The `faces` without copies of held-out faces under other names.

    Two crops are the same photo if the correlation of their grey values at 24 x 24 pixels is above
    0.97; crops of different photos of one person are well below.
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
    """Writes (face, landmarks, split) as the .csv that `--dataset=csv` reads.

    That reader refuses repeated rows, so a column `copy` counts the rows of a photo.
    """
    header = ["image", *(f"{axis}{i}" for i in range(68) for axis in "xy"), "split", "copy"]
    listed: collections.Counter[str] = collections.Counter()
    with (
        atomic.replacing_file(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(header)
        for face, landmarks, split in rows:
            image = os.path.relpath(face.image, path.parent)
            writer.writerow([image, *np.round(landmarks, 3).ravel(), split, listed[image]])
            listed[image] += 1


if __name__ == "__main__":
    define_path("data", None, "Folder with 300w, mtfl and helen29.", required=True)
    define_paths("teacher", None, "68-point models; several are averaged.", required=True)
    define_path("output", "runs/gathered/faces.csv", "List to write (.csv).")
    flags.DEFINE_list("others", ["mtfl", "helen29"], "Sets to label.")
    flags.DEFINE_boolean("smooth", False, "Average annotations with the teachers' predictions.")
    flags.DEFINE_integer("copies", 1, "Repetitions of annotated faces.", lower_bound=1)
    app.run(main)
