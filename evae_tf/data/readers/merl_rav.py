"""Reader of MERL-RAV: AFLW's photos with 68 points, each seen, covered or hidden by the head.

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
    """Yields a `Face` for each .pts file of the subset, called by its pose, part and file.

    `merl_rav_organized`, where the release's script copied each image beside its .pts file, is read
    where it is there, else `merl_rav_labels` with the photos in `aflw/flickr`. A name such as
    frontal/trainset/image00013_1 is the same in both. A key of `POSES` as subset means the test
    faces of that pose. The release parted faces, not photos: a photo of several can be in train
    and in test.

    The box is the tight box of the annotated points. The release does not say from where it counts
    pixels; its authors' code draws the numbers on the image as they stand, so they are taken to
    count from 0.

    Raises:
      InputError: a damaged .pts file.
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
    """The places of `read_pts`' points, NaN for what the head hides, and which of them are seen.

    (-x, -y) is a point at (x, y) that something covers, and (-1, -1) one that the head hides.
    """
    negative = np.asarray((points < 0).any(axis=1))
    mixed = negative & (points > 0).any(axis=1)
    damaged = mixed | ~np.isfinite(points).all(axis=1)
    if damaged.any():
        point = int(damaged.argmax())
        raise InputError(
            f"point {point + 1} of {len(points)} lies at {points[point].tolist()}; expected two "
            "finite numbers, both negative where the point is covered or hidden."
        )
    landmarks = np.abs(points)
    landmarks[not_annotated(points)] = np.nan
    return landmarks, ~negative


def _photo(data_dir: Path, stem: str) -> Path:
    """The photo of a face; one of several faces has a number behind the photo's name."""
    file_name = f"{stem.partition('_')[0]}.jpg"
    places = [data_dir / folder / file_name for folder in PHOTOS]
    return next(filter(os.path.isfile, places), places[0])
