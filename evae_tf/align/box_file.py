"""A table of where the faces of photos are, from any detector."""

import csv
from os import PathLike
from pathlib import Path

import numpy as np

from evae_tf.array_types import FloatArray
from evae_tf.errors import InputError
from evae_tf.geometry import BOX_COLUMNS


def read_boxes(path: str | PathLike[str]) -> dict[Path, FloatArray]:
    """The boxes of each photo.

    Args:
      path: a `.csv` file with the columns `image` and `BOX_COLUMNS`: paths relative to the file,
        image pixels counted from 0, a row for each face. Further columns are not read.

    Returns:
      dict of absolute Path to float32 [N, 4].

    Raises:
      InputError: the file cannot be read, a column is missing, or a value is not a number.
    """
    path = Path(path)
    boxes: dict[Path, list[list[float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [
                name for name in ("image", *BOX_COLUMNS) if name not in (reader.fieldnames or ())
            ]
            if missing:
                raise InputError(f"{path}: the columns {', '.join(missing)} are missing.")
            for row in reader:
                image = (path.parent / row["image"]).resolve()
                boxes.setdefault(image, []).append([float(row[name]) for name in BOX_COLUMNS])
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except (TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}.") from error
    return {image: np.array(rows, np.float32) for image, rows in boxes.items()}
