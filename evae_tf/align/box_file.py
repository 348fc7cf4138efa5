"""A table with the face boxes of photos, from any detector."""

from os import PathLike
from pathlib import Path

import numpy as np

from evae_tf.align.inputs import box_array
from evae_tf.array_types import FloatArray
from evae_tf.data.tables import image_name, read_table
from evae_tf.data.text_files import errors_name
from evae_tf.errors import InputError
from evae_tf.geometry import BOX_COLUMNS


def read_boxes(path: str | PathLike[str]) -> dict[Path, FloatArray]:
    """The boxes of each photo.

    Args:
      path: a table with the columns `image` (path relative to the file) and `BOX_COLUMNS` (image
        pixels counted from 0), one row per face; see `tables`. Further columns are ignored.

    Returns:
      dict of absolute Path to float32 [N, 4].

    Raises:
      InputError: the file cannot be read or has no rows, a column is missing, a value is not a
        number, or a box is not finite or has no area.
    """
    path = Path(path)
    columns, rows = read_table(path)
    missing = [name for name in ("image", *BOX_COLUMNS) if name not in columns]
    if missing:
        raise InputError(f"{path}: the columns {', '.join(missing)} are missing.")
    boxes: dict[Path, list[FloatArray]] = {}
    for row in rows:
        with errors_name(row.source):
            if not row.cells["image"].strip():
                raise InputError("image is empty")
            image = path.parent / image_name(path.parent, row.cells["image"])
            values = [row.value(name) for name in BOX_COLUMNS]
            boxes.setdefault(image.resolve(), []).append(box_array(values, image.name)[0])
    return {image: np.stack(found) for image, found in boxes.items()}
