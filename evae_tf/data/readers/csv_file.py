"""Reader of custom data sets: a table with a header and one row per face, see `tables`.

Required columns are `image` (path relative to the file) and `x0,y0,x1,y1,...` (pixels counted from
0; `nan` or empty in both: not annotated). Optional columns are `visible0,...` (0 or 1),
`box_x_min,box_y_min,box_x_max,box_y_max` and `split`. Other columns are attributes of the face.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from evae_tf.data.face import Face, make_face
from evae_tf.data.tables import Row, image_name, read_table
from evae_tf.data.text_files import errors_name
from evae_tf.errors import InputError, brief
from evae_tf.geometry import BOX_COLUMNS
from evae_tf.markups import Markup

_FLAGS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
# Column names that are probably misspelt names of known columns.
_MISSPELT = re.compile(r"[xy]_?\d+|visib.*|box.*|image.*|", re.IGNORECASE)


def subsets(path: Path) -> tuple[str, ...]:
    """The values of the `split` column in alphabetical order, then `all`.

    Raises:
      InputError: the file is missing or a row is damaged.
    """
    _, rows = read_table(path)
    return (*sorted({_split(row) for row in rows} - {"", "all"}), "all")


def read(path: Path, subset: str, markup: Markup) -> Iterator[Face]:
    """Yields a `Face` for each row whose `split` is `subset`; `all` means every row.

    Raises:
      InputError: a column is missing, unknown or repeated, or a row is damaged or repeated.
    """
    columns, rows = read_table(path)
    point_columns, visible_columns, box_columns, further_columns = _columns(path, columns, markup)
    first_rows: dict[tuple[str, ...], int] = {}
    for row in rows:
        with errors_name(row.source):
            content = tuple(row.cells.values())
            if content in first_rows:
                raise InputError(f"the same as row {first_rows[content]}")
            first_rows[content] = row.number
            if subset not in ("all", _split(row)):
                continue
            if not row.cells["image"].strip():
                raise InputError("image is empty")
            name = image_name(path.parent, row.cells["image"].strip())
            coordinates = [_coordinate(row, column) for column in point_columns]
            face = make_face(
                path.parent / name,
                list(zip(coordinates[::2], coordinates[1::2], strict=True)),
                markup=markup,
                subset=subset,
                name=name,
                box=[row.value(column) for column in box_columns] or None,
                visible=[_flag(row, column) for column in visible_columns] or None,
                attributes={column: row.cells[column] for column in further_columns},
                source=row.source,
            )
        yield face


def _columns(
    path: Path, header: list[str], markup: Markup
) -> tuple[list[str], list[str], tuple[str, ...], list[str]]:
    """The columns of points, flags, box and attributes (all except the points may be empty)."""
    count = markup.num_points
    found = sum(column[:1] == "x" and column[1:].isdecimal() for column in header)
    if found != count:
        raise InputError(
            f"{path}: the header has {found} points (x0, x1, ...), {markup.name} has {count}."
        )
    points = [f"{axis}{i}" for i in range(count) for axis in "xy"]
    visible = [f"visible{i}" for i in range(count)]
    visible = visible if set(visible) & set(header) else []
    box = BOX_COLUMNS if set(BOX_COLUMNS) & set(header) else ()
    required = ["image", *points, *visible, *box]
    missing = [column for column in required if column not in header]
    further = [column for column in header if column not in (*required, "split")]
    unknown = [column for column in further if _MISSPELT.fullmatch(column)]
    if missing or unknown:
        last = count - 1
        faults = {"missing": missing, "unknown": unknown}
        found = [f"{fault} columns {brief(names, 200)}" for fault, names in faults.items() if names]
        raise InputError(
            f"{path}: {', '.join(found)}; expected image, "
            f"x0, y0 to x{last}, y{last}, visible0 to visible{last}, "
            f"{', '.join(BOX_COLUMNS)}, split, and attributes with other names."
        )
    return points, visible, box, further


def _split(row: Row) -> str:
    return row.cells.get("split", "").strip()


def _coordinate(row: Row, column: str) -> float:
    return row.value(column) if row.cells[column].strip() else math.nan


def _flag(row: Row, column: str) -> bool:
    try:
        return _FLAGS[row.cells[column].strip().lower().replace(",", ".")]
    except KeyError:
        raise InputError(f"{column} is {brief(row.cells[column])}, expected 0 or 1") from None
