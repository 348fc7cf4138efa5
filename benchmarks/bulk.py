"""Compares evae-bulk with align.py, and estimates what 100 million photos take.

  make test-bulk    # sets up .venv-bulk
  .venv-bulk/bin/python -m benchmarks.bulk --photos=DIR

Each command is timed on a quarter of the photos and on all of them. The rate is that of the
difference, so that starting Ray and loading the model do not count. All commands run one after
another in every round. The ratios to align.py with one thread are taken round by round.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from absl import app, flags
from PIL import Image

from evae_tf.cli.path_flags import define_path

FLAGS = flags.FLAGS
define_path("photos", None, "Folder of photos; by default synthetic faces of 640 pixels.")
flags.DEFINE_integer("count", 400, "Number of photos of a run.", lower_bound=8)
flags.DEFINE_integer("rounds", 3, "Number of rounds; the medians are printed.", lower_bound=1)
flags.DEFINE_list("addresses", ["200", "2000", "20000"], "Lengths of the tables, rising.")

_COMMANDS = Path(sys.executable).parent
_ALL = 1e8  # photos of the estimate
_PHOTOS_A_FILE = 512  # see evae_tf/bulk/chunks.py


def main(_: list[str]) -> None:
    """Prints what was measured."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sources = _sources(folder)
        rates, output = _rates(sources, folder)
        _print_growth(sources, folder)
        _print_estimate(sources, rates["evae-bulk, 1 worker"], output)


def _sources(folder: Path) -> list[Path]:
    """The photos; links to them make up a run."""
    if FLAGS.photos is not None:
        return sorted(path for path in Path(FLAGS.photos).iterdir() if path.is_file())
    from evae_tf.align.inputs import rgb_image
    from evae_tf.data import synthetic
    from evae_tf.markups import MARKUPS

    drawn = folder / "drawn"
    drawn.mkdir()
    for person in range(40):
        face, _ = synthetic.draw_face(MARKUPS["ibug_68"], (7, person), occluded=False)
        image = Image.fromarray(rgb_image(face.image)).resize((640, 640))
        image.save(drawn / f"{person}.jpg", quality=92)
    return sorted(drawn.iterdir())


def _linked(sources: Sequence[Path], count: int, folder: Path) -> Path:
    """A new folder with `count` links to the photos."""
    folder.mkdir()
    for index in range(count):
        source = sources[index % len(sources)]
        os.symlink(source.resolve(), folder / f"{index:06}{source.suffix}")
    return folder


def _seconds(name: str, *words: object) -> float:
    """Seconds of a call, which may leave out single photos."""
    started = time.perf_counter()
    done = subprocess.run([_COMMANDS / name, *map(str, words)], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)
    return time.perf_counter() - started


def _rates(sources: Sequence[Path], folder: Path) -> tuple[dict[str, float], Path]:
    """Prints the rate of each command. Returns photos a second, and evae-bulk's output folder."""
    few, many = max(2, FLAGS.count // 4), FLAGS.count
    inputs = {count: _linked(sources, count, folder / f"photos_{count}") for count in (few, many)}
    outputs = itertools.count()

    def align(threads: int) -> Callable[[int], float]:
        return lambda count: _seconds(
            "evae-align",
            f"--input={inputs[count]}",
            f"--output={folder / str(next(outputs))}",
            f"--num_threads={threads}",
            "--draw=",
        )

    def bulk(workers: int) -> Callable[[int], float]:
        return lambda count: _seconds(
            "evae-bulk",
            f"--input={inputs[count]}",
            f"--output={folder / 'bulk'}",
            f"--workers={workers}",
            "--overwrite",
        )

    runs = {
        "align.py, 1 thread": align(1),
        "align.py, 2 threads": align(2),
        "evae-bulk, 1 worker": bulk(1),
        "evae-bulk, 2 workers": bulk(2),
    }
    rounds: list[dict[str, float]] = []
    for _ in range(FLAGS.rounds):
        rounds.append({})
        for name, run in runs.items():
            seconds = run(few)
            rounds[-1][name] = (many - few) / (run(many) - seconds)  # `many` last: it is measured
    base = "align.py, 1 thread"
    for name in runs:
        rate = np.median([found[name] for found in rounds])
        ratio = np.median([found[name] / found[base] for found in rounds])
        print(f"{name:22} {rate:7.1f} photos a second, {ratio:5.2f} times {base}")
    return {name: float(np.median([found[name] for found in rounds])) for name in runs}, (
        folder / "bulk"
    )


def _print_growth(sources: Sequence[Path], folder: Path) -> None:
    """Prints the time of a photo by the length of the table, for tiny photos and no detector."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    small = folder / "small.png"
    with Image.open(sources[0]) as image:
        image.convert("RGB").resize((24, 24)).save(small)
    lengths = [int(length) for length in FLAGS.addresses]
    links = _linked([small], max(lengths), folder / "links")
    names = sorted(map(str, links.iterdir()))
    before: tuple[int, float] | None = None
    for length in lengths:
        table, output = folder / f"{length}.parquet", folder / f"table_{length}"
        pq.write_table(pa.table({"image": names[:length]}), table)
        words = f"--input={table}", f"--output={output}", "--detector=none", "--passes=1"
        first, repeated = _seconds("evae-bulk", *words), _seconds("evae-bulk", *words)
        line = f"{length:7} addresses: {first:6.1f} s, {repeated:5.1f} s if all are finished"
        if before is not None:
            further = 1000 * (first - before[1]) / (length - before[0])
            line += f"; {further:.2f} ms for each photo more than in the row above"
        print(line)
        before = length, first


def _print_estimate(sources: Sequence[Path], rate: float, output: Path) -> None:
    """Prints what 100 million such photos take, step by step."""
    read = np.mean([path.stat().st_size for path in sources])
    written = sum(path.stat().st_size for path in output.glob("part-*")) / FLAGS.count
    cores = _ALL / rate / 86400
    print(
        f"100 million photos at {rate:.1f} a second and worker: {_ALL / rate / 3600:,.0f} hours of "
        f"a core, a day of {cores:,.0f} cores\n"
        f"read: {read / 1e3:.0f} kB a photo, {_ALL * read / 1e12:.1f} TB, "
        f"{_ALL * read / 86400 / 1e6:,.0f} MB a second in that day\n"
        f"written: {written / 1e3:.2f} kB a photo, {_ALL * written / 1e9:,.0f} GB in "
        f"{_ALL / _PHOTOS_A_FILE:,.0f} files, {_ALL / _PHOTOS_A_FILE / 86400:.1f} a second\n"
        f"selecting: {_ALL * 8 / 1e6:,.0f} MB of fingerprints on the command's machine, and as "
        "much again while they are sorted"
    )


if __name__ == "__main__":
    app.run(main)
