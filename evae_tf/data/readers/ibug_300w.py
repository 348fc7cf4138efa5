"""Reader of 300-W: one .pts file of 68 points beside each image, counted from 1.

Source: Sagonas et al., 300 Faces In-The-Wild Challenge, IVC 2016.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from evae_tf.data.face import Face, make_face
from evae_tf.data.readers.pts_file import not_annotated, read_pts
from evae_tf.data.text_files import errors_name
from evae_tf.errors import InputError
from evae_tf.geometry import from_one_based
from evae_tf.markups import Markup

_COMMON = ("lfpw/testset", "helen/testset")
_CHALLENGING = ("ibug",)
FOLDERS = {
    "train": ("lfpw/trainset", "helen/trainset", "afw"),
    "common": _COMMON,
    "challenging": _CHALLENGING,
    "full": _COMMON + _CHALLENGING,
    "test": _COMMON + _CHALLENGING,
}
_IMAGE_SUFFIXES = (".jpg", ".png")


def read(data_dir: Path, subset: str, markup: Markup) -> Iterator[Face]:
    """Yields a `Face` for each .pts file of the subset, named by its path without extension.

    A line of -1 -1 is a point that is not annotated. 300-W has none, but other data sets and tools
    that use its format write hidden points in this way. The box is the tight box of the landmarks.
    A missing folder counts as empty.

    Raises:
      InputError: a .pts file is damaged or has two images.
    """
    for folder in FOLDERS[subset]:
        images = _images(data_dir / folder)
        for path in sorted((data_dir / folder).glob("*.pts")):
            points = read_pts(path)
            points[not_annotated(points)] = np.nan
            with errors_name(path):
                face = make_face(
                    images.get(path.stem) or path.with_suffix(_IMAGE_SUFFIXES[0]),
                    from_one_based(points),
                    markup=markup,
                    subset=subset,
                    name=f"{folder}/{path.stem}",
                    source=str(path),
                )
            yield face


def _images(folder: Path) -> dict[str, Path]:
    """The image files of a folder by stem; the extension may be in upper or lower case."""
    images = {}
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() not in _IMAGE_SUFFIXES:
            continue
        if path.stem in images:
            raise InputError(
                f"{path}: found {images[path.stem].name} too, expected one image for a .pts file."
            )
        images[path.stem] = path
    return images
