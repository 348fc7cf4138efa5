"""The data sets by name, and functions that read a subset as faces.

A reader yields every annotated face of a release. This module does what all data sets share: it
removes the validation faces of val.txt from `train`, skips faces without an image file (partial
copies work), and logs the number of faces.
"""

# pyright: reportUnnecessaryIsInstance=false
# Arguments are checked at run time too, for callers without a type checker.

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from absl import logging

from evae_tf import arguments
from evae_tf.data import synthetic
from evae_tf.data.face import Face
from evae_tf.data.readers import aflw19, cofw, csv_file, ibug_300w, merl_rav, mtfl, wflw
from evae_tf.data.text_files import read_lines
from evae_tf.errors import InputError, UsageError
from evae_tf.markups import MARKUPS, Markup

VAL_LIST = "val.txt"


@dataclasses.dataclass(frozen=True)
class DatasetSpec:
    """The facts of one data set.

    Attributes:
      name: the name used by `--dataset`.
      markup: name of its landmark scheme, or None if the user chooses it.
      subsets: possible subsets (`val` needs a val.txt); empty if the data file defines them.
      official: number of faces in a subset of the official release, if fixed.
      read: (path, subset, markup) -> iterator of all annotated `Face`s, also those without an image
        file; None for synthetic faces, which have no path.
      normalizer: usual normaliser, if it differs from that of the markup.
    """

    name: str
    markup: str | None
    subsets: tuple[str, ...]
    official: dict[str, int]
    read: Callable[[Path, str, Markup], Iterator[Face]] | None
    normalizer: str | None = None


_PARTS = ("train", "val", "test")
_300W_PARTS = ("train", "val", "common", "challenging", "full", "test")
_300W_COUNTS = {"train": 3148, "common": 554, "challenging": 135, "full": 689, "test": 689}
_AFLW_PARTS = (*_PARTS, "frontal")
_WFLW_PARTS = (*_PARTS, *wflw.ATTRIBUTES)
_MERL_PARTS = (*_PARTS, *merl_rav.POSES)
_MERL_COUNTS = {"train": 15449, "test": 3865, "frontal": 2195, "halfprofile": 601, "profile": 1069}
_SPECS = (
    DatasetSpec("300w", "ibug_68", _300W_PARTS, _300W_COUNTS, ibug_300w.read),
    DatasetSpec("mtfl", "mtfl_5", _PARTS, {"train": 10000, "test": 2995}, mtfl.read),
    DatasetSpec("aflw19", "aflw_19", _AFLW_PARTS, {"train": 20000, "test": 4386}, aflw19.read),
    DatasetSpec("merl_rav", "ibug_68", _MERL_PARTS, _MERL_COUNTS, merl_rav.read, "box_size"),
    DatasetSpec("cofw", "cofw_29", _PARTS, {"train": 1345, "test": 507}, cofw.read),
    DatasetSpec("wflw", "wflw_98", _WFLW_PARTS, {"train": 7500, "test": 2500}, wflw.read),
    DatasetSpec("csv", None, (), {}, csv_file.read),
    DatasetSpec("synthetic", None, _PARTS, {}, None),
)
DATASETS = {spec.name: spec for spec in _SPECS}


def available_subsets(dataset: str, data_dir: str | Path | None = None) -> tuple[str, ...]:
    """The available subsets of `dataset` at `data_dir`.

    Raises:
      InputError: the data set is unknown, or its folder or file is not given, missing or empty.
    """
    spec = _spec(dataset)
    if spec.read is None:
        if data_dir is not None:
            raise UsageError(
                f"{data_dir}: the data set {dataset} is generated and has no files; use --dataset "
                "to name the data set of this folder."
            )
        return spec.subsets
    if data_dir is None:
        what = "its folder" if spec.subsets else "the path of its .csv file"
        raise UsageError(f"data set {dataset} needs a data_dir (--data_dir): {what}.")
    path = arguments.path("data_dir", data_dir)
    if not spec.subsets:
        return csv_file.subsets(path)
    if not path.is_dir() or not any(path.iterdir()):
        raise InputError(
            f"{path}: the folder is missing or empty, expected the files of {dataset}."
        )
    has_val = (path / VAL_LIST).is_file()
    return tuple(subset for subset in spec.subsets if subset != "val" or has_val)


def default_subset(dataset: str, data_dir: str | Path | None = None) -> str:
    """`val`, or `test` if there is no val; `all` for a .csv file with neither."""
    available = available_subsets(dataset, data_dir)
    return next(subset for subset in ("val", "test", "all") if subset in available)


def markup_of(dataset: str, markup: Markup | str | Path | None = None) -> Markup:
    """The markup of the faces of a data set.

    Args:
      dataset: a key of `DATASETS`.
      markup: a `Markup`, a name or a JSON file; required for `csv`. The default of `synthetic` is
        `ibug_68`. The other data sets have a fixed markup.

    Raises:
      InputError: the markup is unknown, unreadable, missing, or not that of the data set.
    """
    spec = _spec(dataset)
    usual = MARKUPS[spec.markup] if spec.markup else None
    if markup is None:
        if usual is None and spec.read is None:
            return MARKUPS["ibug_68"]
        if usual is None:
            raise UsageError(
                f"data set {dataset} needs a markup (--markup): one of {_known(MARKUPS)}, or a "
                "JSON file."
            )
        return usual
    wanted = markup if isinstance(markup, Markup) else Markup.load(markup)
    if usual is not None and wanted != usual:
        raise UsageError(f"data set {dataset} is annotated in {usual.name}, not in {wanted.name}.")
    return wanted


def read_faces(
    dataset: str,
    data_dir: str | Path | None = None,
    subset: str | None = None,
    markup: Markup | str | Path | None = None,
    seed: int = 0,
) -> list[Face]:
    """Reads the faces of one subset; faces without an image file are left out.

    Args:
      dataset: a key of `DATASETS`.
      data_dir: folder of the data set; for `csv` the .csv file; None for `synthetic`.
      subset: one of `available_subsets`; None for `default_subset`.
      markup: see `markup_of`.
      seed: random seed of `synthetic`; the other data sets ignore it.

    Returns:
      A list of `Face`. `train` contains no photo listed in val.txt.

    Raises:
      InputError: a name is unknown, files are missing or damaged, or there are no faces.
    """
    arguments.whole_number("seed", seed, 0)
    available = available_subsets(dataset, data_dir)
    spec, markup = _spec(dataset), markup_of(dataset, markup)
    subset = default_subset(dataset, data_dir) if subset is None else subset
    if subset not in available:
        place = "" if data_dir is None else f"{data_dir}: "
        could_be = not spec.subsets or subset in spec.subsets
        kind = InputError if could_be else UsageError
        raise kind(f"{place}no subset {subset!r} of {dataset}; known: {_known(available)}.")
    if spec.read is None or data_dir is None:
        return synthetic.read(subset, markup, seed=seed)
    path = Path(data_dir)
    val_names = _val_names(path) if subset in ("train", "val") else []
    part = "train" if subset == "val" and val_names else subset
    faces = _split(list(spec.read(path, part, markup)), val_names, subset)
    # `os.path`, because `Path.is_file` raises an error for invalid file names.
    found = [
        face for face in faces if not isinstance(face.image, Path) or os.path.isfile(face.image)
    ]
    if subset in spec.official:
        expected = f"{spec.official[subset]} official"
    elif val_names:
        expected = f"{len(val_names)} listed"
    else:
        expected = f"{len(faces)} annotated"
    if not found:
        example = f", for example {faces[0].image}" if faces else ""
        raise InputError(
            f"{path}: found none of the {expected} faces of {dataset} {subset!r}{example}; "
            "expected annotations and images in the layout that README.md describes."
        )
    label = f"{dataset} {subset}"
    if val_names and subset == "train":
        label += f" (without the {len(val_names)} in {VAL_LIST})"
    report_count(label, len(found), expected, len(faces) - len(found), path)
    return found


def report_count(subset: str, found: int, expected: str, without_image: int, path: Path) -> None:
    """Logs how complete a copy of a data set is."""
    left_out = f" ({without_image} skipped, image file missing)" if without_image else ""
    logging.info("%s: %d of %s faces found in %s%s", subset, found, expected, path, left_out)


def photo_key(face: Face) -> str:
    """A key that all faces of one photo share, also across data sets (see `photo_of`)."""
    if not isinstance(face.image, Path):
        return face.name
    photo = photo_of(face.name)
    return str(face.image.resolve()) if photo == face.name else photo


def without_photos(faces: Sequence[Face], held_out: Sequence[Face]) -> list[Face]:
    """The `faces` that share no photo with `held_out`, both lists of `Face`."""
    photos = {photo_key(face) for face in held_out}
    return [face for face in faces if photo_key(face) not in photos]


# Helen and AFW name a file PHOTO_FACE.jpg with the photo's number at Flickr; derived data sets add
# a prefix. MERL-RAV appends the face to AFLW's photo name, image12345; where that is missing, the
# name identifies a photo within its data set only. So do other releases. A longer number after the
# underscore is not a face: cameras name photos 20240101_153000.
_PHOTO_AND_FACE = re.compile(r"(?:helen\d*_)?(\d{5,}|image\d{5})_\d{1,2}(?:\.\w+)?")


def photo_of(name: str) -> str:
    """The photo in the name of a face; the name itself if it names no face of a photo."""
    match = _PHOTO_AND_FACE.fullmatch(PurePosixPath(name).name)
    return match[1] if match else name


def _spec(dataset: str) -> DatasetSpec:
    if not isinstance(dataset, str) or dataset not in DATASETS:
        raise UsageError(f"unknown data set {dataset!r}; known: {_known(DATASETS)}.")
    return DATASETS[dataset]


def _known(names: Iterable[str]) -> str:
    return ", ".join(names)


def _val_names(path: Path) -> list[str]:
    """The face names in val.txt; empty if there is no such file."""
    if not (path / VAL_LIST).is_file():
        return []
    names = [line.strip().replace("\\", "/") for line in read_lines(path / VAL_LIST)]
    names = [name for name in names if name]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(f"{path / VAL_LIST}: {repeated[0]} is listed twice, expected once.")
    return names


def _split(faces: list[Face], val_names: list[str], subset: str) -> list[Face]:
    """The training faces listed in val.txt (`val`), or those whose photo is not listed."""
    if not val_names:
        return faces
    if subset == "val":
        names = set(val_names)
        return [dataclasses.replace(face, subset="val") for face in faces if face.name in names]
    photos = {photo_of(name) for name in val_names}
    return [face for face in faces if photo_of(face.name) not in photos]
