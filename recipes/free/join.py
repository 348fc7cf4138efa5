"""Joins lists of labelled pictures into one.

  python -m recipes.free.join --lists=photos/landmarks.csv,drawn/landmarks.csv --copies=3,1
    --output=runs/free/all.csv

Each row has its image as an absolute path. Columns that a list lacks stay empty, but for the flags
`visible0,...`: points of lists without them count as visible, as in the portraits. The reader of
lists refuses equal rows, so a column `copy` counts the repetitions. `val` rows are not repeated.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags

from evae_tf import atomic
from evae_tf.cli.path_flags import define_path, define_paths
from evae_tf.data.tables import image_name, read_table
from evae_tf.errors import InputError, UsageError
from recipes.free import evidence, lists

FLAGS = flags.FLAGS


def main(_: list[str]) -> None:
    """Prints how many rows the list has."""
    copies = [int(count) for count in FLAGS.copies or ["1"] * len(FLAGS.lists)]
    count = join([Path(path) for path in FLAGS.lists], copies, Path(FLAGS.output))
    print(f"{count} rows: {FLAGS.output}")


def join(paths: Sequence[Path], copies: Sequence[int], output: Path) -> int:
    """Writes one list and its evidence.

    Args:
      paths: the lists (.csv).
      copies: how often the `train` rows of each list are repeated.
      output: the list to write (.csv).

    Returns:
      The number of rows.

    Raises:
      UsageError: the arguments have different lengths.
      InputError: a list cannot be read, or two lists have different teachers or models.
    """
    if len(paths) != len(copies):
        raise UsageError(f"{len(paths)} lists, {len(copies)} copies, expected as many.")
    rows, facts, pictures = [], {}, {}
    for path, count in zip(paths, copies, strict=True):
        rows += _rows(path, count)
        own = evidence.read(path.parent)
        if not own.get("drawn"):  # drawn faces keep the record in their own folder
            pictures |= own.pop("pictures", {})
            differing = [name for name in own if facts.get(name, own[name]) != own[name]]
            if differing:
                raise InputError(f"{path}: another {differing[0]} than the lists before it.")
            facts |= own
    columns = list(dict.fromkeys(column for row in rows for column in row))
    seen = {column: "1" for column in columns if column.startswith("visible")}
    atomic.make_folder(output.parent)
    with (
        atomic.replacing_file(output) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows({**seen, **row} for row in rows)
    lists.write_evidence(output, {**facts, "pictures": pictures})
    return len(rows)


def _rows(path: Path, copies: int) -> list[dict[str, str]]:
    """The rows of a list with absolute images, its `train` rows repeated."""
    rows = []
    for row in read_table(path)[1]:
        image = (path.parent / image_name(path.parent, row.cells["image"])).absolute()
        cells = {**row.cells, "image": str(image)}
        if cells.get("split") == "val":
            rows.append({**cells, "copy": "0"})
            continue
        rows += [{**cells, "copy": str(copy)} for copy in range(copies)]
    return rows


if __name__ == "__main__":
    define_paths("lists", None, "Lists to join (.csv).", required=True)
    define_path("output", None, "List to write (.csv).", required=True)
    flags.DEFINE_list("copies", None, "Repetitions of each list's train rows; 1 by default.")
    app.run(main)
