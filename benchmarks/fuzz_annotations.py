"""Fuzzes annotation files: each must be read or refused with one sentence.

  python -m benchmarks.fuzz_annotations --files=10000

Faces are written in every layout that the package reads, one file is damaged (see `damage`), and
the faces are read and cropped as in a training. Files that are neither read nor refused with an
`InputError` of one sentence are listed; a warning counts as an exception. A file can be reproduced
from its kind, its number and `--seed`.
"""

import dataclasses
import multiprocessing
import re
import resource
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from absl import app, flags, logging
from tabulate import tabulate

from benchmarks import damage, layouts
from evae_tf.align.box_file import read_boxes
from evae_tf.data.crops import cut_crops
from evae_tf.data.datasets import read_faces
from evae_tf.data.face import Face, make_face
from evae_tf.errors import InputError
from evae_tf.markups import Markup

FLAGS = flags.FLAGS
flags.DEFINE_integer("files", 10000, "Number of damaged files, all kinds together.")
flags.DEFINE_integer("seed", 0, "Random seed of the damage.")
flags.DEFINE_string("only", None, "Only this kind of file.")

_HEIGHT, _WIDTH = 20, 24
_SLOWEST_S, _MOST_MB = 60, 4096  # limits of time and memory


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
      markup: name of the faces' markup.
      write: writes faces into a folder, see `layouts`.
      file: path of the file to damage, in that folder.
      read: reads the folder as users do.
      damage: a function of `damage`.
    """

    markup: str
    write: Callable[[Path, Sequence[Face]], object]
    file: str
    read: Callable[[Path], object]
    damage: Callable[[Path, np.random.Generator], None] = damage.damage_text


def _cut(dataset: str, subset: str = "train", part: str = "", markup: str | None = None):
    def read(folder: Path) -> None:
        faces = read_faces(dataset, folder / part, subset, markup)
        cut_crops(faces, size=8, margin=0.5, num_threads=1)

    return read


KINDS = {
    "csv": Kind(
        "mtfl_5", layouts.write_csv, "faces.csv", _cut("csv", "all", "faces.csv", "mtfl_5")
    ),
    "boxes": Kind(
        "mtfl_5", layouts.write_boxes, "boxes.csv", lambda folder: read_boxes(folder / "boxes.csv")
    ),
    "300w": Kind("ibug_68", layouts.write_300w, "lfpw/trainset/image_0001.pts", _cut("300w")),
    "val.txt": Kind("ibug_68", layouts.write_val_list, "val.txt", _cut("300w", "val")),
    "merl_rav": Kind(
        "ibug_68",
        layouts.write_merl_rav,
        "merl_rav_organized/frontal/trainset/image00001.pts",
        _cut("merl_rav"),
    ),
    "mtfl": Kind("mtfl_5", layouts.write_mtfl, "training.txt", _cut("mtfl")),
    "mtfl boxes": Kind("mtfl_5", layouts.write_mtfl_with_boxes, "boxes_training.txt", _cut("mtfl")),
    "wflw": Kind("wflw_98", layouts.write_wflw, "list_98pt_rect_attr_train.txt", _cut("wflw")),
    "cofw grey": Kind(
        "cofw_29", layouts.write_cofw, "COFW_train.mat", _cut("cofw"), damage.damage_mat
    ),
    "cofw colour": Kind(
        "cofw_29",
        layouts.write_cofw_colour,
        "COFW_train_color.mat",
        _cut("cofw"),
        damage.damage_mat,
    ),
    "aflw19": Kind(
        "aflw_19", layouts.write_aflw19, "AFLWinfo_release.mat", _cut("aflw19"), damage.damage_mat
    ),
    "markup": Kind(
        "ibug_68", layouts.write_markup, "markup.json", lambda at: Markup.load(at / "markup.json")
    ),
}


def drawn_faces(markup: str, count: int = 3) -> list[Face]:
    """Faces with images of noise, 20 x 24 pixels; only their annotations matter."""
    rng, points = np.random.default_rng(0), Markup.load(markup).num_points
    return [
        make_face(
            rng.integers(0, 256, (_HEIGHT, _WIDTH, 3), np.uint8),
            rng.uniform(2, (_WIDTH - 3, _HEIGHT - 3), (points, 2)).round(2),
            markup=markup,
            subset="train",
            name=str(index),
            box=(1, 2, 22, 17),
            visible=rng.random(points) < 0.8,
        )
        for index in range(count)
    ]


def outcome(name: str, seed: int, number: int, folder: Path, intact: bytes) -> tuple[str, str]:
    """Damages a file and reads it.

    Args:
      name: a key of `KINDS`.
      seed: random seed of all damage.
      number: number of the file.
      folder: folder with the faces of this kind.
      intact: content of the undamaged file.

    Returns:
      ("read", ""), ("refused", the sentence), or ("other", the traceback or message).
    """
    kind = KINDS[name]
    path = folder / kind.file
    path.write_bytes(intact)
    kind.damage(path, np.random.default_rng((seed, zlib.crc32(name.encode()), number)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            kind.read(folder)
    except InputError as error:
        is_right = is_sentence(str(error), folder, path)
        return "refused" if is_right else "other", str(error)
    except BaseException:
        return "other", traceback.format_exc()
    return "read", ""


def is_sentence(message: str, folder: Path, path: Path) -> bool:
    """Whether a message is one line that starts with the place and names the file once."""
    return (
        message.startswith(str(folder))
        and message.count(str(path)) <= 1
        and re.search(r"[\n\r]|\.\.$|: *\.$", message) is None
        and message.endswith(".")
        and len(message) < 1000
    )


def _fuzz(name: str, seed: int, numbers: range, connection: Connection) -> None:
    """Sends (outcome, detail, seconds, peak MB above that of the intact file) for each number."""
    logging.set_verbosity(logging.WARNING)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        KINDS[name].write(folder, drawn_faces(KINDS[name].markup))
        intact = (folder / KINDS[name].file).read_bytes()
        KINDS[name].read(folder)
        usual = _peak_mb()
        limit = _MOST_MB << 20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        for number in numbers:
            start = time.perf_counter()
            found = outcome(name, seed, number, folder, intact)
            connection.send((*found, time.perf_counter() - start, _peak_mb() - usual))


def _peak_mb() -> float:
    """Peak memory of this process or of its children, whichever is larger."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in whose) / 1024


def _outcomes(name: str, seed: int, count: int) -> Iterator[tuple[str, str, float, float]]:
    """The results of `_fuzz` from a subprocess, restarted when a file kills or stalls it."""
    spawn = multiprocessing.get_context("spawn")
    done = 0
    while done < count:
        receiver, sender = spawn.Pipe(duplex=False)
        process = spawn.Process(target=_fuzz, args=(name, seed, range(done, count), sender))
        process.start()
        sender.close()
        try:
            while done < count:
                if not receiver.poll(_SLOWEST_S):
                    process.kill()
                yield receiver.recv()
                done += 1
        except EOFError:
            done += 1
            process.join()
            what = f"the process ended with {process.exitcode}, or was ended after {_SLOWEST_S} s"
            yield "other", what, float(_SLOWEST_S), 0.0
        process.join()


def main(_: list[str]) -> None:
    """Prints a row for each kind."""
    names = [FLAGS.only] if FLAGS.only else list(KINDS)
    rows = []
    for name in names:
        found = list(_outcomes(name, FLAGS.seed, -(-FLAGS.files // len(names))))
        counts = [sum(each[0] == word for each in found) for word in ("read", "refused", "other")]
        slowest, most = (max(each[column] for each in found) for column in (2, 3))
        rows.append([name, len(found), *counts, f"{slowest:.2f}", f"{most:.0f}"])
        for number, (word, detail, *_) in enumerate(found):
            if word == "other":
                print(f"{name} {number}: {detail.strip().splitlines()[-1]}", file=sys.stderr)
    totals = [sum(row[column] for row in rows) for column in range(1, 5)]
    most = [max((row[column] for row in rows), key=float) for column in (5, 6)]
    rows.append(["all", *totals, *most])
    header = ["kind", "files", "read", "refused", "other", "slowest s", "further MB"]
    print(tabulate(rows, header, "github"))


if __name__ == "__main__":
    app.run(main)
