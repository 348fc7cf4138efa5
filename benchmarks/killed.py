"""Kills commands at random moments, runs them again and checks the result.

  python -m benchmarks.killed --moments=50

The commands are `align.py` on photos (JSON with images, and one table) and on a video, `train.py`,
`export.py` and `evaluate.py`. Each runs once undisturbed. Then it is killed (SIGKILL) in a new
folder at a moment of its processor time, between its start and its end, and called again. The
second call must end with status 0 and leave the files of the undisturbed run with the same
contents, no hidden files may be left, and finished photos must be skipped. Images count as equal if
they are readable and of one size, models and checkpoints if their arrays are equal. Logs, reports
with times and the parts of a SavedModel need only exist. `train.py`, `export.py` and `evaluate.py`
are forked from a process that has imported TensorFlow, so that all kills meet their work and none
the imports, which write nothing.
"""

import contextlib
import csv
import functools
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import matplotlib.cbook
import numpy as np
from absl import app, flags
from PIL import Image
from tabulate import tabulate
from tqdm import tqdm

from benchmarks.warm_commands import ROOT, WarmCommands, finished
from evae_tf.align.inputs import rgb_image
from evae_tf.align.video_writing import video_file
from evae_tf.config import Config
from evae_tf.config_text import override
from evae_tf.data import synthetic
from evae_tf.data.images import read_image
from evae_tf.markups import MARKUPS

FLAGS = flags.FLAGS
flags.DEFINE_integer("moments", 50, "Number of kills of each command.", lower_bound=1)
flags.DEFINE_list("commands", [], "Only these commands.")
flags.DEFINE_integer("seed", 0, "Random seed of the moments.")

_PHOTOS, _FRAMES, _FACES = 40, 60, 36
_SMALL = (
    *("input_size=48", "encoder_filters=6,8,10", "encoder_blocks=0,0,0", "latent_channels=4"),
    *("decoder_filters=8,8,6", "regressor_filters=8,8", "regressor_blocks=0,0"),
    *("regressor_units=16", "regressor_bottleneck=4", "batch_size=8", "epochs=8"),
)
# Logs, and files with times or of no fixed order; they need only exist.
_ONLY_THERE = re.compile(r"events\.out|export\.json|done\.jsonl|saved_model/")

_Contents: TypeAlias = dict[str, object]
# As `WarmCommands` run one of them.
_Run: TypeAlias = Callable[[Sequence[str], Path, float | None], tuple[int, float]]


def main(_: list[str]) -> None:
    """Prints a row for each command."""
    rng = np.random.default_rng(FLAGS.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        commands = _commands(folder)
        unknown = sorted(set(FLAGS.commands) - set(commands))
        if unknown:
            raise app.UsageError(f"--commands={','.join(unknown)}: expected some of {[*commands]}.")
        _prepare(folder)
        rows = [
            _row(name, words, folder, rng)
            for name, words in commands.items()
            if not FLAGS.commands or name in FLAGS.commands
        ]
    print(tabulate(rows, headers="keys", tablefmt="github"))


def _prepare(folder: Path) -> None:
    """Writes photos, a video, a table of annotated faces and a model."""
    portrait = read_image(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    photos, markup = folder / "photos", MARKUPS["mtfl_5"]
    photos.mkdir()
    for index in range(_PHOTOS):
        image = Image.fromarray(portrait).resize((300 + 2 * index, 352 + 2 * index))
        image.save(photos / f"{index:02}.jpg")
    with video_file(folder / "clip.mp4", 25.0) as write:
        for index in range(_FRAMES):
            write(np.roll(portrait, index % 20, axis=1))
    with (folder / "faces.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *(f"{axis}{i}" for i in range(5) for axis in "xy"), "split"])
        for index, face in enumerate(synthetic.read("train", markup, count=_FACES)):
            Image.fromarray(rgb_image(face.image)).save(folder / f"{index}.png")
            writer.writerow([f"{index}.png", *face.landmarks.ravel(), ("train", "val")[index % 2]])
    from evae_tf.models.build import build_model  # only here: it imports TensorFlow

    build_model(override(Config(), _SMALL), markup).save(folder / "model.keras")


def _commands(folder: Path) -> dict[str, Callable[[Path], list[str]]]:
    """The arguments of each command, as functions of the output folder."""
    photos, model = f"--input={folder / 'photos'}", f"--model={folder / 'model.keras'}"
    faces = ["--dataset=csv", f"--data_dir={folder / 'faces.csv'}", "--markup=mtfl_5"]
    small = [f"--set={each}" for each in _SMALL]
    formats = "--formats=saved_model,tflite,tflite_int8"
    return {
        "align photos": lambda out: [photos, f"--output={out}"],
        "align table": lambda out: [photos, "--format=csv", "--draw=", f"--output={out}"],
        "align video": lambda out: [f"--input={folder / 'clip.mp4'}", f"--output={out}"],
        "train": lambda out: [*faces, *small, f"--workdir={out}"],
        "evaluate": lambda out: [*faces, model, f"--output={out}"],
        "export": lambda out: [*faces, model, formats, f"--output={out}"],
    }


def _align(words: Sequence[str], log: Path, seconds: float | None) -> tuple[int, float]:
    command = [sys.executable, "align.py", *words]
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)
        process.returncode, used = finished(process.pid, seconds)
    return process.returncode, used


@contextlib.contextmanager
def _runner(name: str) -> Iterator[_Run]:
    if name.startswith("align"):
        yield _align
        return
    with contextlib.closing(WarmCommands()) as run:
        yield functools.partial(run, name)


def _row(
    name: str, words: Callable[[Path], list[str]], folder: Path, rng: np.random.Generator
) -> dict[str, object]:
    wrong: list[str] = []
    unfinished = 0
    log, peace = folder / "log.txt", folder / name / "peace"
    peace.parent.mkdir()
    with _runner(name) as run:
        run(words(peace.with_name("first")), log, None)  # reads the files of the libraries
        status, whole = run(words(peace), log, None)
        if status:
            raise RuntimeError(f"{name}: {log.read_text()}")
        expected = _contents(peace)
        for moment in tqdm(range(FLAGS.moments), desc=name, disable=None):
            out = folder / name / f"killed_{moment}"
            status, _ = run(words(out), log, rng.uniform(0, whole))
            unfinished += status != 0
            problem = _problem(run, words(out), out, log, expected)
            if problem:
                wrong.append(problem)
    return {
        "command": name,
        "killed": FLAGS.moments,
        "before its end": unfinished,
        "wrong": len(wrong),
        "processor seconds": f"{whole:.1f}",
        "first problem": wrong[0] if wrong else "-",
    }


def _problem(
    run: _Run, words: Sequence[str], out: Path, log: Path, expected: _Contents
) -> str | None:
    """The problem after a command was called again; None if there is none."""
    done = out / "done.jsonl"
    skipped = done.read_bytes().count(b"\n") if done.exists() else 0
    status, _ = run(words, log, None)
    printed = log.read_text()
    if status:
        return printed.strip().splitlines()[-1]
    photos = re.search(r"^(\d+) photos", printed, re.MULTILINE)
    if photos and int(photos[1]) != _PHOTOS - skipped:
        return f"{photos[1]} photos repeated, {skipped} were finished"
    found = _contents(out)
    differing = sorted(key for key in {*expected, *found} if expected.get(key) != found.get(key))
    return f"differs: {', '.join(differing)}" if differing else None


def _contents(folder: Path) -> _Contents:
    """The contents of a folder's files, by name."""
    contents: _Contents = {}
    for path in sorted(folder.rglob("*")):
        name = re.sub(r"events\.out.*", "events.out", str(path.relative_to(folder)))
        if path.is_dir() or _ONLY_THERE.search(name):
            contents[name] = "there"
        elif path.suffix in (".png", ".jpg"):
            contents[name] = read_image(path).shape
        elif path.suffix in (".keras", ".npz"):
            contents[name] = _arrays(path)
        elif name == "metrics.csv":
            with path.open(newline="") as file:
                contents[name] = [{**row, "seconds": ""} for row in csv.DictReader(file)]
        elif path.suffix == ".json":
            contents[name] = json.loads(path.read_text())
        else:
            contents[name] = path.read_bytes()
    return contents


def _arrays(path: Path) -> list[bytes]:
    """The arrays of a model or of an `.npz` file."""
    if path.suffix == ".keras":
        from evae_tf.artifacts import keras_file  # only here: it imports TensorFlow

        return [weight.tobytes() for weight in keras_file.load_model(path).get_weights()]
    with np.load(path) as file:
        return [file[name].tobytes() for name in sorted(file)]


if __name__ == "__main__":
    app.run(main)
