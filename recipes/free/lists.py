"""Lists of labelled pictures: `landmarks.csv` for `--dataset=csv`, and the evidence beside it.

The evidence says which file each picture was, by its SHA-256, see `evidence`.
"""

import csv
import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evae_tf import atomic
from evae_tf.array_types import FloatArray

EVIDENCE = "evidence.json"
COLUMNS = ["image", *(f"{axis}{i}" for i in range(68) for axis in "xy"), "split", "source"]


@dataclasses.dataclass(frozen=True)
class Labelled:
    """A picture with landmarks.

    Attributes:
      image: the picture.
      landmarks: float [68, 2], image pixels.
      split: `train` or `val`.
      source: the set it belongs to.
    """

    image: Path
    landmarks: FloatArray
    split: str
    source: str


def write(pictures: Iterable[Labelled], path: Path, **facts: Any) -> None:
    """Writes a list, and `evidence.json` beside it.

    Args:
      pictures: the rows; their images become absolute paths.
      path: the list (.csv).
      **facts: further JSON-ready values of the evidence.
    """
    pictures = list(pictures)
    atomic.make_folder(path.parent)
    with atomic.replacing_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for each in pictures:
            points = np.round(each.landmarks, 3).ravel()
            writer.writerow([each.image.absolute(), *points, each.split, each.source])
    files = {
        str(each.image.absolute()): {"sha256": sha256(each.image), "source": each.source}
        for each in pictures
    }
    write_evidence(path, {**facts, "pictures": files})


def write_evidence(path: Path, evidence: Mapping[str, Any]) -> None:
    """Writes the evidence of the list at `path`."""
    atomic.write_text(path.with_name(EVIDENCE), json.dumps(evidence, indent=1) + "\n")


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
