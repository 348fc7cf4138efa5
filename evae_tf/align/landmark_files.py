"""The files that landmarks are written to, one writer for each format.

Of photos: a writer has `is_done(path)`, whether a photo's landmarks are there from an earlier run;
`write(path, image, faces)`, which is called for each photo; `close()`, at the end; and before all
`refuse_clashes(paths)`, which raises `InputError` if two of the photos would write the same file.

Of videos, frame by frame: a context hands out `write(seconds, faces)`; the file is at its place
only once the context has ended without an error.
"""

import contextlib
import csv
import io
import itertools
import json
from pathlib import Path

from evae_tf import atomic, geometry
from evae_tf.errors import InputError


def landmark_columns(markup):
    """What a table says of each face, see `landmark_values`."""
    points = [f"{axis}{i}" for i in range(markup.num_points) for axis in "xy"]
    return [
        "score",
        *geometry.BOX_COLUMNS,
        *points,
        *(f"visibility{i}" for i in range(markup.num_points)),
    ]


def landmark_values(record):
    """The cells of `landmark_columns` from `AlignedFace.to_dict`."""
    landmarks = [value for point in record["landmarks"] for value in point]
    seen = record.get("visibility", [""] * len(record["landmarks"]))
    return [record["score"], *record["box"], *landmarks, *seen]


def read_record(text):
    """The dict in a JSON file of landmarks; an empty one if the text holds none."""
    try:
        record = json.loads(text)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def refuse_another(target, record, source, model, key="image"):
    """Refuses a file that is in the way: it holds something else than what would be written.

    Args:
      target: Path of the file.
      record: the dict in it.
      source: the photo or video whose landmarks it should hold.
      model: by what they should have been found.
      key: under which the record names its source.

    Raises:
      InputError: it is of another source or model.
    """
    same = Path(str(record.get(key, ""))).resolve() == Path(source).resolve()
    if not same or record.get("model") != model:
        raise InputError(
            f"{target}: there already, of {record.get(key)} by {record.get('model')} instead of "
            f"{source} by {model}; take another --output, or --overwrite."
        )


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

    def refuse_clashes(self, paths):
        """Photos of different stems write different files."""

    def is_done(self, path):
        """Raises `InputError` if the file there is of another photo or model."""
        target = self._target(path)
        if not target.exists():
            return False
        refuse_another(target, read_record(target.read_text("utf-8")), path, self.model)
        return True

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
    """`<stem>.pts`, `<stem>_1.pts`, ... as 300-W lays them out, counted from 1: a file a face.

    They do not say what they are of, and a photo without a face leaves none: it is not known to be
    done.
    """

    def refuse_clashes(self, paths):
        stems = {path.stem for path in paths}
        for path in paths:
            first, _, number = path.stem.rpartition("_")
            if number.isdecimal() and first in stems:
                raise InputError(
                    f"{path}: {path.stem}.pts may also be the name of a further face of {first}; "
                    "rename the photo, or take another --format."
                )

    def is_done(self, path):
        return self._target(path).exists()

    def write(self, path, image, faces):
        self._remove(path)
        for index, face in enumerate(faces):
            points = geometry.to_one_based(face.landmarks)
            lines = ["version: 1", f"n_points:  {len(points)}", "{"]
            lines += [f"{x:.3f} {y:.3f}" for x, y in points]
            atomic.write_text(self._target(path, index), "\n".join([*lines, "}"]) + "\n")

    def _remove(self, path):
        """Removes the files of an earlier run, which may have found more faces."""
        for index in itertools.count():
            target = self._target(path, index)
            if not target.exists():
                return
            target.unlink()

    def _target(self, path, index=0):
        return self.folder / f"{path.stem}{f'_{index}' if index else ''}.pts"


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

    def refuse_clashes(self, paths):
        """All photos share one file."""

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


@contextlib.contextmanager
def json_stream(path, header, markup):
    """`{..header.., "frames": [{"frame", "seconds", "faces": [...]}]}`, a line for each frame.

    Args:
      path: Path of the file.
      header: dict of what the file says of the video.
      markup: `Markup` of the landmarks.
    """
    header = {**header, "markup": markup.name}
    with atomic.replacing_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(header)[:-1] + ', "frames": [')
        count = 0

        def write(seconds, faces):
            nonlocal count
            frame = {"frame": count, "seconds": round(seconds, 4)}
            frame["faces"] = [face.to_dict() for face in faces]
            file.write(f"{',' if count else ''}\n{json.dumps(frame)}")
            count += 1

        yield write
        file.write("\n]}\n")


@contextlib.contextmanager
def csv_stream(path, header, markup):
    """A row for each face of each frame: `frame`, `seconds`, `id`, then as for photos."""
    del header  # a table of numbers
    with (
        atomic.replacing_file(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["frame", "seconds", "id", *landmark_columns(markup)])
        count = 0

        def write(seconds, faces):
            nonlocal count
            for face in faces:
                record = face.to_dict()
                rows.writerow([count, round(seconds, 4), record["id"], *landmark_values(record)])
            count += 1

        yield write


def read_header(path):
    """What a file of `json_stream` says of its video; an empty dict if it is none."""
    with path.open(encoding="utf-8") as file:
        first_line = file.readline().rstrip()
    return read_record(first_line.removesuffix(', "frames": [') + "}")


STREAMS = {"json": json_stream, "csv": csv_stream}
