"""The files that landmarks of photos are written to, one writer for each format.

A writer has `is_done(path)`, whether a photo's landmarks are there from an earlier run;
`write(path, image, faces)`, which is called for each photo; and `close()`, at the end.
"""

import csv
import io
import json

from evae_tf import atomic, geometry
from evae_tf.align import box_file
from evae_tf.errors import InputError


def landmark_columns(markup):
    """What a table says of each face, see `landmark_values`."""
    points = [f"{axis}{i}" for i in range(markup.num_points) for axis in "xy"]
    return [
        "score",
        *box_file.COLUMNS,
        *points,
        *(f"visibility{i}" for i in range(markup.num_points)),
    ]


def landmark_values(record):
    """The cells of `landmark_columns` from `AlignedFace.to_dict`."""
    landmarks = [value for point in record["landmarks"] for value in point]
    seen = record.get("visibility", [""] * len(record["landmarks"]))
    return [record["score"], *record["box"], *landmarks, *seen]


class JsonWriter:
    """`<stem>.json` for each photo, also where there is no face.

    Args:
      folder: Path of the folder to write to.
      model: what to say of the model.
      markup: `Markup` of the landmarks.
    """

    def __init__(self, folder, model, markup):
        self.folder = folder
        self.model = model
        self.markup = markup

    def is_done(self, path):
        return self._target(path).exists()

    def write(self, path, image, faces):
        record = {
            "image": str(path),
            "width": image.shape[1],
            "height": image.shape[0],
            "model": self.model,
            "markup": self.markup.name,
            "faces": [face.to_dict() for face in faces],
        }
        atomic.write_text(self._target(path), json.dumps(record) + "\n")

    def close(self):
        """Nothing is left to do."""

    def _target(self, path):
        return self.folder / f"{path.stem}.json"


class PtsWriter(JsonWriter):
    """`<stem>.pts`, `<stem>_1.pts`, ... as 300-W lays them out, counted from 1: a file a face."""

    def write(self, path, image, faces):
        for index, face in enumerate(faces):
            points = geometry.to_one_based(face.landmarks)
            lines = ["version: 1", f"n_points:  {len(points)}", "{"]
            lines += [f"{x:.3f} {y:.3f}" for x, y in points]
            ending = f"_{index}" if index else ""
            target = self._target(path).with_name(f"{path.stem}{ending}.pts")
            atomic.write_text(target, "\n".join([*lines, "}"]) + "\n")

    def _target(self, path):
        return self.folder / f"{path.stem}.pts"


class CsvWriter:
    """One `landmarks.csv`, a row for each face; rows of an earlier run stay. See `JsonWriter`.

    Raises:
      InputError: the file is there, but with the columns of another model.
    """

    def __init__(self, folder, model, markup):
        del model  # a table of numbers
        self.target = folder / "landmarks.csv"
        self.columns = ["image", *landmark_columns(markup)]
        self.rows = {}  # of each photo, by its path
        if self.target.exists():
            with self.target.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                if reader.fieldnames != self.columns:
                    raise InputError(
                        f"{self.target}: not a table of {markup.name} landmarks; remove it first."
                    )
                for row in reader:
                    self.rows.setdefault(row["image"], []).append(row)

    def is_done(self, path):
        return str(path) in self.rows

    def write(self, path, image, faces):
        del image
        self.rows[str(path)] = [self._row(path, face.to_dict()) for face in faces]

    def close(self):
        """Writes the table."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        for path in sorted(self.rows):
            writer.writerows(self.rows[path])
        atomic.write_text(self.target, text.getvalue())

    def _row(self, path, record):
        return dict(zip(self.columns, [str(path), *landmark_values(record)], strict=True))


WRITERS = {"json": JsonWriter, "csv": CsvWriter, "pts": PtsWriter}
