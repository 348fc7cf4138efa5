"""Kills commands at random moments, runs them again and checks the result.

  python -m benchmarks.killed --moments=50

The commands are `align.py` on photos (JSON with images, and one table) and on a video, `train.py`,
`export.py` and `evaluate.py`. Each runs once undisturbed. Then it is killed (SIGKILL) in a new
folder at a moment between its start and its end, and called again. The second call must end with
status 0 and leave the files of the undisturbed run with the same contents (for images, logs and
reports with times: the same names), no hidden files may be left, and finished photos must be
skipped.
"""

import csv
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import matplotlib.cbook
import numpy as np
from absl import app, flags
from PIL import Image
from tabulate import tabulate
from tqdm import tqdm

from evae_tf.align.frames import video_file
from evae_tf.data.images import read_image

FLAGS = flags.FLAGS
flags.DEFINE_integer("moments", 50, "Number of kills of each command.", lower_bound=1)
flags.DEFINE_list("commands", [], "Only these commands.")
flags.DEFINE_integer("seed", 0, "Random seed of the moments.")

ROOT = Path(__file__).parents[1]
_PHOTOS, _FRAMES = 40, 60
_SMALL = (
    *("input_size=48", "encoder_filters=6,8,10", "encoder_blocks=0,0,0", "latent_channels=4"),
    *("decoder_filters=8,8,6", "regressor_filters=8,8", "regressor_blocks=0,0"),
    *("regressor_units=16", "regressor_bottleneck=4", "batch_size=64", "epochs=8"),
)
# All of a row of metrics.csv except the seconds; other files of these names need only exist.
_ONLY_THERE = re.compile(
    r"events\.out|\.png$|\.jpg$|export\.json|done\.jsonl|\.npz$|\.keras$|\.pb$"
)

_Contents: TypeAlias = dict[str, object]


def main(_: list[str]) -> None:
    """Prints a row for each command."""
    rng = np.random.default_rng(FLAGS.seed)
    with tempfile.TemporaryDirectory() as temporary:
        inputs = _prepared(Path(temporary))
        rows = []
        for name, words in _commands(inputs).items():
            if FLAGS.commands and name not in FLAGS.commands:
                continue
            rows.append(_row(name, words, Path(temporary), rng))
    print(tabulate(rows, headers="keys", tablefmt="github"))


def _prepared(folder: Path) -> Path:
    """Photos, a video and a trained model."""
    portrait = read_image(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    photos = folder / "photos"
    photos.mkdir()
    for index in range(_PHOTOS):
        image = Image.fromarray(portrait).resize((300 + 2 * index, 352 + 2 * index))
        image.save(photos / f"{index:02}.jpg")
    with video_file(folder / "clip.mp4", 25.0) as write:
        for index in range(_FRAMES):
            write(np.roll(portrait, index % 20, axis=1))
    command = [*_train(folder), f"--workdir={folder / 'trained'}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def _train(folder: Path) -> list[str]:
    data = ["--dataset=synthetic", "--markup=mtfl_5"]
    return [sys.executable, "train.py", *data, *(f"--set={each}" for each in _SMALL)]


def _commands(folder: Path) -> dict[str, Callable[[Path], list[str]]]:
    """The arguments of each command, as functions of the output folder."""
    python, model = sys.executable, folder / "trained" / "model.keras"
    align = [python, "align.py", f"--input={folder / 'photos'}"]
    data = ["--dataset=synthetic", "--markup=mtfl_5"]
    return {
        "align photos": lambda out: [*align, f"--output={out}"],
        "align table": lambda out: [*align, "--format=csv", "--draw=", f"--output={out}"],
        "align video": lambda out: [
            *align[:2],
            f"--input={folder / 'clip.mp4'}",
            f"--output={out}",
        ],
        "train": lambda out: [*_train(folder), f"--workdir={out}"],
        "evaluate": lambda out: [
            *(python, "evaluate.py", *data, f"--model={model}", f"--output={out}")
        ],
        "export": lambda out: [
            *(python, "export.py", f"--model={model}", "--formats=saved_model,tflite,tflite_int8"),
            f"--output={out}",
        ],
    }


def _row(
    name: str, words: Callable[[Path], list[str]], folder: Path, rng: np.random.Generator
) -> dict[str, object]:
    started = time.monotonic()
    peace = folder / name / "peace"
    peace.parent.mkdir()
    subprocess.run(words(peace), cwd=ROOT, check=True, capture_output=True)
    whole, expected = time.monotonic() - started, _contents(peace)
    wrong: list[str] = []
    unfinished = 0
    for moment in tqdm(range(FLAGS.moments), desc=name, disable=None):
        out = folder / name / f"killed_{moment}"
        with subprocess.Popen(words(out), cwd=ROOT, stderr=-3, stdout=-3) as process:
            time.sleep(rng.uniform(0, whole))
            process.kill()
        unfinished += process.returncode != 0
        problem = _problem(words(out), out, expected)
        if problem:
            wrong.append(problem)
    return {
        "command": name,
        "killed": FLAGS.moments,
        "before its end": unfinished,
        "wrong": len(wrong),
        "seconds undisturbed": f"{whole:.1f}",
        "first problem": wrong[0] if wrong else "-",
    }


def _problem(command: list[str], out: Path, expected: _Contents) -> str | None:
    """The problem after a command was called again; None if there is none."""
    done = out / "done.jsonl"
    finished = done.read_bytes().count(b"\n") if done.exists() else 0
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if again.returncode:
        return again.stderr.strip().splitlines()[-1]
    photos = re.search(r"^(\d+) photos", again.stdout, re.MULTILINE)
    if photos and int(photos[1]) != _PHOTOS - finished:
        return f"{photos[1]} photos repeated, {finished} were finished"
    found = _contents(out)
    differing = sorted(key for key in {*expected, *found} if expected.get(key) != found.get(key))
    return f"differs: {', '.join(differing)}" if differing else None


def _contents(folder: Path) -> _Contents:
    """The contents of a folder's files, by name."""
    contents: _Contents = {}
    for path in sorted(folder.rglob("*")):
        name = re.sub(r"events\.out.*", "events.out", str(path.relative_to(folder)))
        if path.is_dir() or _ONLY_THERE.search(name) or "saved_model/" in name:
            contents[name] = "there"
        elif name == "metrics.csv":
            with path.open(newline="") as file:
                contents[name] = [{**row, "seconds": ""} for row in csv.DictReader(file)]
        elif path.suffix == ".json":
            contents[name] = json.loads(path.read_text())
        else:
            contents[name] = path.read_bytes()
    return contents


if __name__ == "__main__":
    app.run(main)
