"""Lists of labelled pictures: `landmarks.csv` for `--dataset=csv`, and the evidence beside it.

The evidence says which file each picture was, by its SHA-256, see `evidence`.
"""

import csv
import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evae_tf import atomic, markups
from evae_tf.array_types import FloatArray
from evae_tf.data.readers import csv_file

EVIDENCE = "evidence.json"
COLUMNS = ["image", *(f"{axis}{i}" for i in range(68) for axis in "xy"), "split", "source", "by"]


@dataclasses.dataclass(frozen=True)
class Labelled:
    """A picture with landmarks.

    Attributes:
      image: the picture.
      landmarks: float [68, 2], image pixels.
      split: `train` or `val`.
      source: the set it belongs to.
      by: where the landmarks come from: `hand`, `mesh` or `model` (and mesh).
    """

    image: Path
    landmarks: FloatArray
    split: str
    source: str
    by: str


def read(path: Path) -> list[Labelled]:
    """The pictures of a list that `write` wrote.

    Raises:
      InputError: the list is missing or damaged.
    """
    return [
        Labelled(
            face.image, face.landmarks, split, face.attributes["source"], face.attributes["by"]
        )
        for split in csv_file.subsets(path)[:-1]
        for face in csv_file.read(path, split, markups.MARKUPS["ibug_68"])
    ]


def training_photos(path: str | Path) -> list[Labelled]:
    """The `train` rows of a list, see `read`."""
    return [each for each in read(Path(path)) if each.split == "train"]


def write(pictures: Sequence[Labelled], path: Path, **facts: Any) -> None:
    """Writes a list, and `evidence.json` beside it.

    Args:
      pictures: the rows; their images become absolute paths.
      path: the list (.csv).
      **facts: further JSON-ready values of the evidence.
    """
    write_rows(pictures, path)
    files = {
        str(each.image.absolute()): {"sha256": sha256(each.image), "source": each.source}
        for each in pictures
    }
    write_evidence(path, {**facts, "pictures": files})


def write_rows(pictures: Sequence[Labelled], path: Path) -> None:
    """Writes a list without evidence, see `write`."""
    atomic.make_folder(path.parent)
    with (
        atomic.replacing_file(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for each in pictures:
            points = np.round(each.landmarks, 3).ravel()
            further = (each.split, each.source, each.by)
            writer.writerow([each.image.absolute(), *points, *further])


def write_evidence(path: Path, evidence: Mapping[str, Any]) -> None:
    """Writes the evidence of the list at `path`."""
    atomic.write_text(path.with_name(EVIDENCE), json.dumps(evidence, indent=1) + "\n")


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
