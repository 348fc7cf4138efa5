"""Reader of MERL-RAV: AFLW's photos with 68 points: visible, occluded or hidden by the head.

Source: Kumar et al., LUVLi Face Alignment, CVPR 2020.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from evae_tf.array_types import BoolArray, FloatArray
from evae_tf.data.face import Face, make_face
from evae_tf.data.readers.pts_file import not_annotated, read_pts
from evae_tf.data.text_files import errors_name
from evae_tf.errors import InputError
from evae_tf.markups import Markup

ORGANIZED, LABELS = "merl_rav_organized", "merl_rav_labels"
PHOTOS = tuple(f"aflw/flickr/{folder}" for folder in "023")
POSES: dict[str, tuple[str, ...]] = {
    "frontal": ("frontal",),
    "halfprofile": ("lefthalf", "righthalf"),
    "profile": ("left", "right"),
}
_ALL_POSES = ("frontal", "left", "lefthalf", "right", "righthalf")


def read(data_dir: Path, subset: str, markup: Markup) -> Iterator[Face]:
    """Yields a `Face` for each .pts file of the subset, named by pose, part and file.

    The reader uses `merl_rav_organized`, in which the release's script has copied each image beside
    its .pts file, or else `merl_rav_labels` and the photos in `aflw/flickr`. Names such as
    frontal/trainset/image00013_1 are the same in both. A key of `POSES` as subset selects the test
    faces of that pose. The release splits faces, not photos: a photo with several faces can be in
    both train and test.

    The box is the tight box of the annotated points. The release does not specify whether pixels
    count from 0 or 1. Its authors' code draws the coordinates unchanged, so they count from 0.

    Raises:
      InputError: a .pts file is damaged.
    """
    organized = (data_dir / ORGANIZED).is_dir()
    part = "trainset" if subset == "train" else "testset"
    for pose in POSES.get(subset, _ALL_POSES):
        folder = data_dir / (ORGANIZED if organized else LABELS) / pose / part
        for path in sorted((*folder.glob("*.pts"), *folder.glob("labels/*.pts"))):
            points = read_pts(path)
            with errors_name(path):
                landmarks, visible = _places(points)
                face = make_face(
                    path.with_suffix(".jpg") if organized else _photo(data_dir, path.stem),
                    landmarks,
                    markup=markup,
                    subset=subset,
                    name=f"{pose}/{part}/{path.stem}",
                    visible=visible,
                    attributes={"pose": pose},
                    source=str(path),
                )
            yield face


def _places(points: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Landmarks, NaN where hidden by the head, and visibility flags from the points of `read_pts`.

    (-x, -y) is an occluded point at (x, y), and (-1, -1) a point that the head hides.
    """
    negative = np.asarray((points < 0).any(axis=1))
    mixed = negative & (points > 0).any(axis=1)
    damaged = mixed | ~np.isfinite(points).all(axis=1)
    if damaged.any():
        point = int(damaged.argmax())
        raise InputError(
            f"point {point + 1} of {len(points)} lies at {points[point].tolist()}; expected two "
            "finite numbers, both negative if the point is occluded or hidden."
        )
    landmarks = np.abs(points)
    landmarks[not_annotated(points)] = np.nan
    return landmarks, ~negative


def _photo(data_dir: Path, stem: str) -> Path:
    """The photo of a face; if it has several faces, a number follows the photo's name."""
    file_name = f"{stem.partition('_')[0]}.jpg"
    places = [data_dir / folder / file_name for folder in PHOTOS]
    return next(filter(os.path.isfile, places), places[0])
