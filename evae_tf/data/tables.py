"""Reads tables written by hand, by a spreadsheet or by a program.

A table has a header and one row per face. The separator is a comma, a semicolon or a tab, whichever
is most frequent in the header, or the one that a first line such as `sep=;` names. Spreadsheets use
a semicolon where the decimal separator is a comma, so tables with semicolons may use either decimal
separator. In other tables `1,234` is ambiguous and refused. For encodings and line ends see
`text_files.read_lines`.
"""

import csv
import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path

from evae_tf.data.text_files import read_lines
from evae_tf.errors import InputError, brief

_SEPARATORS = ",;\t"


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
      table: path of the file.
      number: number of its last line in the file, counted from 1. In most files it is the row
        that a spreadsheet shows.
      cells: the text of each column.
      decimal_comma: whether a comma in a number is a decimal separator.
    """

    table: str | Path
    number: int
    cells: dict[str, str]
    decimal_comma: bool

    @property
    def source(self) -> str:
        """File and row, for messages."""
        return f"{self.table}, row {self.number}"

    def value(self, column: str) -> float:
        """The number in a column.

        Raises:
          InputError: the cell is not a number; the message does not name the row.
        """
        text = self.cells[column]
        try:
            return float(text.replace(",", ".") if self.decimal_comma else text)
        except ValueError:
            hint = "" if self.decimal_comma or "," not in text else " with a decimal point"
            raise InputError(f"{column} is {brief(text)}, expected a number{hint}") from None


def read_table(path: str | Path) -> tuple[list[str], Iterator[Row]]:
    """The columns of a table, and an iterator of its rows.

    Blank rows, and blank cells behind the last column, are skipped.

    Raises:
      InputError: the file cannot be read, is empty or has no rows, has another separator, a column
        repeats, or a row has more or fewer cells than the header.
    """
    if Path(path).is_dir():
        raise InputError(f"{path}: this is a folder, expected the path of the table.")
    lines = read_lines(path)
    place, header = next((i, line) for i, line in enumerate(lines) if line.strip())
    separator = max(_SEPARATORS, key=header.count)
    if stated := re.fullmatch(rf"sep=([{_SEPARATORS}])\s*", header):  # Excel writes it
        separator, lines[place] = stated[1], ""
        header = next((line for line in lines if line.strip()), "")
    if separator not in header and re.search(r"\W", header.strip()):
        raise InputError(
            f"{path}: the header is {brief(header.strip())}, expected columns separated by comma, "
            "semicolon or tab."
        )
    rows = _numbered(path, lines, separator)
    _, cells = next(rows, (0, []))
    columns = [column.strip() for column in cells]
    while columns and not columns[-1]:  # spreadsheets write columns that were cleared
        columns.pop()
    if not columns:
        raise InputError(f"{path}: the table is empty, it has no header.")
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    if repeated:
        names = ", ".join(column or "a column without a name" for column in repeated)
        raise InputError(f"{path}: the header names {names[:100]} more than once.")
    return columns, _rows(path, columns, rows, decimal_comma=separator == ";")


def image_name(folder: Path, cell: str) -> str:
    """The path of an image, relative to `folder`, from a cell.

    A backslash is a path separator, as in Windows, unless a file of that name exists.
    """
    if "\\" not in cell or os.path.isfile(folder / cell):
        return cell
    return cell.replace("\\", "/")


def _rows(
    path: str | Path,
    columns: list[str],
    rows: Iterator[tuple[int, list[str]]],
    decimal_comma: bool,
) -> Iterator[Row]:
    number = None
    for number, cells in rows:
        if len(cells) < len(columns) or any(cell.strip() for cell in cells[len(columns) :]):
            raise InputError(
                f"{path}, row {number}: {len(cells)} cells, expected {len(columns)} as in the "
                "header."
            )
        yield Row(path, number, dict(zip(columns, cells, strict=False)), decimal_comma)
    if number is None:
        raise InputError(f"{path}: the table is empty, no row follows its header.")


def _numbered(
    path: str | Path, lines: list[str], separator: str
) -> Iterator[tuple[int, list[str]]]:
    """Yields (row number, cells) of the rows that are not blank."""
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path}, row {reader.line_num}: {error}.") from error
