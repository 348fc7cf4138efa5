"""The commands as the tests call them, and what they give to them."""

import csv
import functools
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.warm_commands import WarmCommands
from evae_tf import config, markups
from evae_tf.config_text import override
from evae_tf.data import synthetic
from evae_tf.models.build import build_model
from tests.portrait import PORTRAIT
from tests.training.test_train import SMALL

ROOT = Path(__file__).parents[1]
MTFL = markups.MARKUPS["mtfl_5"]
SET = [f"--set={assignment}" for assignment in (*SMALL, "epochs=3")]


def start(script, *arguments, **options):
    """Calls a command as a shell does. If it imports TensorFlow, that takes seconds."""
    command = [sys.executable, ROOT / f"{script}.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def call(script, *arguments, **surroundings):
    """The same in a process that is forked from one with the libraries, see `WarmCommands`."""
    with tempfile.TemporaryDirectory() as folder:
        printed, errors = (Path(folder, name) for name in ("printed", "errors"))
        status, _ = _warm()(script, arguments, printed, errors=errors, **surroundings)
        texts = printed.read_text(), errors.read_text()
    return subprocess.CompletedProcess([script, *arguments], status, *texts)


@functools.cache
def _warm():
    """Ends with the tests' process, which holds its standard input."""
    return WarmCommands()


def refused(result, status, *words):
    """One sentence on stderr that holds `words`, no traceback, and the exit status."""
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    for word in words:
        assert word in line, line


def own(data):
    """The flags that name the data of `write_faces`."""
    return ["--dataset=csv", f"--data_dir={data}", "--markup=mtfl_5"]


def write_faces(folder, count=24, splits=("train", "train", "val")):
    """A custom data set: synthetic faces as PNG files and a .csv with 5 points each."""
    folder.mkdir()
    columns = [f"{axis}{i}" for i in range(5) for axis in "xy"]
    with (folder / "faces.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *columns, "split"])
        for i, face in enumerate(synthetic.read("train", MTFL, count=count)):
            Image.fromarray(face.image).save(folder / f"{i}.png")
            points = [f"{value:.3f}" for value in face.landmarks.ravel()]
            writer.writerow([f"{i}.png", *points, splits[i % len(splits)]])
    return folder / "faces.csv"


def write_model(path):
    """Saves a small network for 5 points that was not trained."""
    sizes = ["input_size=32", "encoder_filters=4,4,4", "decoder_filters=4,4,4"]
    build_model(override(config.Config(), sizes), MTFL).save(path)


def files_in(folder):
    """Paths of all files below a folder."""
    return [path for path in Path(folder).rglob("*") if path.is_file()]


def words_of(script, folder, output, **replaced):
    """The arguments of a command that works, unless some are replaced.

    `folder` holds data/faces.csv and model.keras.
    """
    usual = {
        "train": {"workdir": output},
        "evaluate": {"model": folder / "model.keras", "output": output},
        "export": {"model": folder / "model.keras", "formats": "tflite", "output": output},
        "align": {"input": PORTRAIT, "model": folder / "model.keras", "output": output},
    }[script]
    data = [] if script == "align" else own(folder / "data" / "faces.csv")
    chosen = [f"--{name}={value}" for name, value in (usual | replaced).items()]
    return [*data, *chosen, *(SET if script == "train" else [])]
