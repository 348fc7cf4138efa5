"""Errors of the head pose: of synthetic heads, whose pose is known, and of real ones.

  python -m benchmarks.head_pose [--data=DIR] [--model=NAME]

Synthetic heads have a yaw within 90 degrees, pitch within 20 and roll within 30; poses are computed
from all true landmarks and from the visible ones. Real faces are the validation faces of
DIR/aflw68, with the true landmarks that the head does not hide. With --model, poses are also
computed from its landmarks in the true boxes.

Each cell has the median and 90th percentile of the error in degrees, and the median overestimate
of the yaw, by the true yaw. `rank` is Spearman's correlation of the yaws. `pitch` and `roll` are
for heads with a yaw below 75 degrees; `none` counts heads without a pose.

The annotated yaw of the real faces is an estimate: a rigid head fitted to AFLW's few landmarks. By
eye, it is too low for many profiles (45 to 60 degrees). Their errors therefore mean little; the
rank correlation means more.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import app, flags
from scipy import stats
from tabulate import tabulate
from tqdm import tqdm

from evae_tf import Aligner
from evae_tf.array_types import FloatArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data import synthetic
from evae_tf.data.datasets import read_faces
from evae_tf.data.face import Face
from evae_tf.head_pose import HeadPose
from evae_tf.markups import MARKUPS
from evae_tf.pose_estimation import head_pose

FLAGS = flags.FLAGS
define_path("data", None, "Folder with aflw68.")
define_path("model", None, "Also measure the landmarks of this model.")
flags.DEFINE_integer("heads", 600, "Number of synthetic heads.", 50)

_MARKUP = MARKUPS["ibug_68"]
_EDGES = (0, 15, 30, 45, 60, 75, 180)
_GROUP = 32  # images per call of the aligner


def main(_: list[str]) -> None:
    """Prints the tables."""
    aligner = Aligner.load(FLAGS.model) if FLAGS.model else None
    faces, true = _synthetic(FLAGS.heads)
    columns = [
        _column("synthetic, all points", _angles([face.landmarks for face in faces]), true),
        _column("synthetic, visible points", _angles([_visible(face) for face in faces]), true),
    ]
    if aligner:
        columns.append(_column(f"synthetic, {FLAGS.model}", _found(aligner, faces), true))
    if FLAGS.data:
        faces, yaws = _real(Path(FLAGS.data) / "aflw68")
        found = _angles([face.landmarks for face in faces])
        columns.append(_column("real, true points", found, yaws))
        if aligner:
            columns.append(_column(f"real, {FLAGS.model}", _found(aligner, faces), yaws))
    bins = [f"{low} to {high}" for low, high in zip(_EDGES[:-2], _EDGES[1:-1], strict=True)]
    labels = ["yaw", *bins, "above 75", "0 to 75", "rank", "pitch", "roll", "none"]
    header, *lines = zip(labels, *columns, strict=True)
    print(tabulate(lines, header, "github", disable_numparse=True))


def _synthetic(count: int) -> tuple[list[Face], FloatArray]:
    """Faces and their yaw, pitch and roll [count, 3]."""
    rng = np.random.default_rng(5)
    poses = rng.uniform([-90, -20, -30], [90, 20, 30], (count, 3))
    faces = [
        synthetic.draw_face(_MARKUP, (9, index), pose=HeadPose(*pose), occluded=False)[0]
        for index, pose in enumerate(tqdm(poses.tolist(), desc="drawing", disable=None))
    ]
    return faces, poses


def _visible(face: Face) -> FloatArray:
    assert face.visible is not None
    return np.where(face.visible[:, None], face.landmarks, np.nan)


def _real(folder: Path) -> tuple[list[Face], FloatArray]:
    """Faces and their yaw [n, 1], with the opposite sign of the file."""
    with open(folder / "meta.csv", newline="", encoding="utf-8") as file:
        yaws = {row["image"]: -float(row["yaw_deg"]) for row in csv.DictReader(file)}
    faces = read_faces("csv", folder / "landmarks.csv", "val", _MARKUP)
    return faces, np.array([[yaws[face.name]] for face in faces])


def _angles(landmarks: Sequence[FloatArray]) -> FloatArray:
    return _as_array([head_pose(points, _MARKUP) for points in landmarks])


def _found(aligner: Aligner, faces: Sequence[Face]) -> FloatArray:
    poses: list[HeadPose | None] = []
    for start in tqdm(range(0, len(faces), _GROUP), desc="aligning", disable=None):
        group = faces[start : start + _GROUP]
        aligned = aligner.batch([face.image for face in group], [[face.box] for face in group])
        poses += [face.pose for (face,) in aligned]
    return _as_array(poses)


def _as_array(poses: Sequence[HeadPose | None]) -> FloatArray:
    """Yaw, pitch and roll [n, 3]; NaN without a pose."""
    none = [np.nan] * 3
    return np.array([none if pose is None else [pose.yaw, pose.pitch, pose.roll] for pose in poses])


def _column(name: str, found: FloatArray, true: FloatArray) -> list[str]:
    """A column for poses [n, 3] against known angles, [n, 3] or yaw alone [n, 1]."""
    known = np.isfinite(found).all(axis=1)
    count = true.shape[1]
    found, true = found[known, :count], true[known]
    errors = (found - true + 180) % 360 - 180
    turned, outwards = np.abs(true[:, 0]), errors[:, 0] * np.sign(true[:, 0])
    parts = [
        (turned >= low) & (turned < high)
        for low, high in [*zip(_EDGES[:-1], _EDGES[1:], strict=True), (0, 75)]
    ]
    yaw = [f"{_spread(outwards[part])} / {np.median(outwards[part]):+.1f}" for part in parts]
    rank = stats.spearmanr(found[:, 0], true[:, 0]).statistic
    others = [_spread(errors[parts[-1], axis]) for axis in range(1, count)] or ["", ""]
    return [name, *yaw, f"{rank:.4f}", *others, str((~known).sum())]


def _spread(errors: FloatArray) -> str:
    median, most = np.percentile(np.abs(errors), [50, 90])
    return f"{median:.1f} / {most:.1f}"


if __name__ == "__main__":
    app.run(main)
