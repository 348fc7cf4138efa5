"""The photos of `clean/`: whose they are, which have hand-placed points, which are held out.

A photo of a held-out person is never trained on; those with hand-placed points serve as
validation faces.
"""

import dataclasses
import hashlib
import re
from pathlib import Path

import numpy as np

from evae_tf.array_types import FloatArray
from evae_tf.errors import InputError

_FOLDERS = {"webmorph_stim": None, "pif_fellows": "pif", "congress_pictorial": "congress"}
# The pictures of webmorph_stim by name; the group is what the person's id adds to the set's name.
_NAMES = {
    "london": re.compile(r"(?:neutral|smiling)_front_(\d+)_\d+"),
    "canada": re.compile(r"canada_(\w+)"),
    "composite": re.compile(r"composite_(\w+)"),
    "lisa": re.compile(r"lisa_(\w+)"),
    "zoom": re.compile(r"zoom_(\w+)"),
}
_HELD_OUT_SETS = ("london", "canada")
_POINTS, _TEMPLATE = ".lm68.csv", ".pts.csv"


@dataclasses.dataclass(frozen=True)
class Photo:
    """A photo of one face, in the middle of the picture.

    Attributes:
      image: the picture.
      source: `london`, `canada`, `composite`, `lisa`, `zoom`, `pif` or `congress`.
      person: whose face it is; several photos of a person have the same.
      pointed: whether it has hand-placed points.
    """

    image: Path
    source: str
    person: str
    pointed: bool

    @property
    def held_out(self) -> bool:
        """Whether the person is one of about 30 % of `london` and `canada` that only measure."""
        digest = hashlib.sha256(self.person.encode()).hexdigest()
        return self.source in _HELD_OUT_SETS and int(digest, 16) % 10 < 3

    def hand_points(self) -> FloatArray:
        """The hand-placed points, float64 [68, 2], image pixels; see `definition`.

        Raises:
          InputError: the photo has none, or the file is damaged.
        """
        return self._read(_POINTS, 68)

    def template(self) -> FloatArray:
        """All hand-placed points of the template, float64 [189, 2]; see `hand_points`."""
        return self._read(_TEMPLATE, 189)

    def _read(self, ending: str, count: int) -> FloatArray:
        path = self.image.with_name(self.image.stem + ending)
        try:
            points = np.loadtxt(path, delimiter=",", skiprows=1)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: no hand-placed points ({error}).") from error
        if points.shape != (count, 2):
            raise InputError(f"{path}: shape {points.shape}, expected {count} rows of x, y.")
        return points


def read(clean: str | Path) -> list[Photo]:
    """The photos of the folder `clean`, in the order of their names.

    Raises:
      InputError: a folder is missing, or the name of a picture is of no known set.
    """
    photos = []
    for name, source in _FOLDERS.items():
        pictures = sorted((Path(clean) / name).glob("*.webp"))
        if not pictures:
            raise InputError(f"{Path(clean) / name}: no .webp pictures.")
        photos += [_photo(picture, source) for picture in pictures]
    return photos


def _photo(image: Path, source: str | None) -> Photo:
    if source:
        return Photo(image, source, f"{source}_{image.stem}", False)
    for name, pattern in _NAMES.items():
        if match := pattern.fullmatch(image.stem):
            pointed = image.with_name(image.stem + _POINTS).exists()
            return Photo(image, name, f"{name}_{match[1]}", pointed)
    raise InputError(f"{image}: of no known set; expected one of {', '.join(_NAMES)}.")
