"""Writes one list of faces in all poses with 68 annotated points; hidden points are filled in.

  python -m recipes.all_poses --data=DIR --output=runs/all_poses.csv

The sets are 300-W, aflw68 and cfp_profile. Points hidden by the head are predicted by the teacher
or, without one, by a mean face fitted to the other points; they are flagged as hidden. A face
whose box is wider with these points is listed with both boxes: a detector may return the narrow
one, the second pass uses the wide one. The `val` rows are the validation faces of 300-W and of
aflw68, as annotated.
"""

import collections
import csv
import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from absl import app, flags

from evae_tf import atomic, geometry, markups
from evae_tf.array_types import FloatArray
from evae_tf.artifacts.predictors import Predictor, open_model
from evae_tf.cli.path_flags import define_path, define_paths
from evae_tf.data import datasets
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import Face, one_markup
from recipes import teaching
from recipes.hidden_points import completed, mean_face
from recipes.predictions import landmarks_in

FLAGS = flags.FLAGS

_IBUG = markups.MARKUPS["ibug_68"]
_WIDER = 1.12  # least ratio of the box's area with the hidden points to that without them
_MIDDLE = 0.01  # points nearer to the axis of the mean face, in eye distances, have no side


def main(_: list[str]) -> None:
    """Prints how many faces were listed."""
    data, output = Path(FLAGS.data).absolute(), Path(FLAGS.output).absolute()
    teacher = open_model(FLAGS.teacher) if FLAGS.teacher else None
    frontal = datasets.read_faces("300w", data / "300w", "train")
    if FLAGS.smooth_300w:
        frontal = _smoothed(frontal, [open_model(path) for path in FLAGS.smooth_300w])
    turned = in_full(_read(data, "aflw68", "train"), teacher)
    profiles = in_full([seen_side(face) for face in _read(data, "cfp_profile", "train")], teacher)
    listed = [face for _ in range(FLAGS.copies) for face in frontal]
    listed += [*turned, *with_whole_boxes(turned), *profiles]
    val = _read(data, "aflw68", "val")
    picked = np.random.default_rng(0).choice(len(val), min(FLAGS.val_faces, len(val)), False)
    held_out = datasets.read_faces("300w", data / "300w", "val")
    held_out += [val[index] for index in sorted(picked.tolist())]
    atomic.make_folder(output.parent)
    write({"train": listed, "val": held_out}, output)
    print(f"{len(listed)} faces to train, {len(held_out)} to validate: {output}")


def _smoothed(faces: Sequence[Face], teachers: Sequence[Predictor]) -> list[Face]:
    """The faces with the means of their annotations and the teachers' predictions."""
    return [
        dataclasses.replace(face, landmarks=landmarks)
        for face, landmarks in zip(faces, teaching.smoothed(teachers, faces), strict=True)
    ]


def _read(data: Path, name: str, subset: str) -> list[Face]:
    return datasets.read_faces("csv", data / name / "landmarks.csv", subset, _IBUG)


def seen_side(face: Face) -> Face:
    """A profile of cfp_profile, whose 30 points are those of the visible side.

    All points of this side count as visible, also those that the set lacks.
    """
    across = mean_face(_IBUG)[:, 0]
    left, right = across < -_MIDDLE, across > _MIDDLE
    left_is_seen = face.annotated[left].sum() > face.annotated[right].sum()
    return dataclasses.replace(face, visible=~(right if left_is_seen else left))


def in_full(faces: Sequence[Face], teacher: Predictor | None) -> list[Face]:
    """The faces with all points filled in; boxes remain those of the annotated points."""
    if teacher is None:
        places = np.stack([completed(face.landmarks, _IBUG) for face in faces])
    else:
        annotated = np.stack([face.landmarks for face in faces])
        places = np.where(np.isnan(annotated), _found(teacher, faces), annotated)
    return [
        dataclasses.replace(face, landmarks=landmarks)
        for face, landmarks in zip(faces, places, strict=True)
    ]


def _found(teacher: Predictor, faces: Sequence[Face]) -> FloatArray:
    """Landmarks [N, 68, 2], image pixels: the mean over each crop and its mirror image."""
    metadata = teacher.metadata
    crops = cut_crops(faces, size=metadata.input_size, margin=metadata.crop_margin)
    views = [landmarks_in(teacher, crops, mirrored=mirrored) for mirrored in (False, True)]
    return geometry.crop_to_image(np.mean(views, axis=0), crops.squares).astype(np.float32)


def with_whole_boxes(faces: Iterable[Face]) -> list[Face]:
    """The faces whose hidden points widen their box, with the wider box."""
    whole = [dataclasses.replace(face, box=geometry.landmark_box(face.landmarks)) for face in faces]
    return [
        wide
        for face, wide in zip(faces, whole, strict=True)
        if geometry.box_size(wide.box) ** 2 > _WIDER * geometry.box_size(face.box) ** 2
    ]


def write(parts: dict[str, Sequence[Face]], path: Path) -> None:
    """Writes a dict of `split` to faces as the .csv that `--dataset=csv` reads.

    That reader refuses repeated rows, so a column `copy` counts the rows of a photo.
    """
    points = range(one_markup(face for faces in parts.values() for face in faces).num_points)
    header = ["image", *(f"{axis}{i}" for i in points for axis in "xy")]
    header += [*(f"visible{i}" for i in points), *geometry.BOX_COLUMNS, "split", "copy"]
    listed: collections.Counter[Path] = collections.Counter()
    with (
        atomic.replacing_file(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(header)
        for split, faces in parts.items():
            for face in faces:
                image = Path(os.path.relpath(face.image, path.parent))
                landmarks = np.round(face.landmarks.astype(float), 3)
                seen = face.annotated if face.visible is None else face.visible
                box = np.round(face.box.astype(float), 3)
                cells = [image, *landmarks.ravel(), *seen.astype(int), *box, split, listed[image]]
                writer.writerow(cells)
                listed[image] += 1


if __name__ == "__main__":
    define_path("data", None, "Folder with 300w, aflw68 and cfp_profile.", required=True)
    define_path("teacher", None, "68-point model that fills in hidden points.")
    define_paths("smooth_300w", [], "Models to average with its annotations.")
    define_path("output", "runs/all_poses/faces.csv", "List to write (.csv).")
    flags.DEFINE_integer("copies", 2, "Repetitions of the faces of 300-W.", lower_bound=1)
    flags.DEFINE_integer("val_faces", 400, "Number of validation faces of aflw68.", lower_bound=1)
    app.run(main)
