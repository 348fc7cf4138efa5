"""The files that landmarks of videos are written to, frame by frame.

Each is a context that hands out `write(seconds, faces)`; the file is at its place only once the
context has ended without an error.
"""

import contextlib
import csv
import json

from evae_tf import atomic
from evae_tf.align.landmark_files import landmark_columns, landmark_values, read_record


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
