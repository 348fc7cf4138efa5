"""Compares training by one process and by two under JAX, each process on one core.

  make test-jax    # sets up .venv-jax
  .venv-jax/bin/python -m benchmarks.scaling

Two processes train with the batch size of one, and exchange gradients over the loopback interface.
One process with half the batch does the work of one of the two, without the exchange. The
difference is the time of communication, and of waiting for each other.
"""

import csv
import functools
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from absl import app, flags
from tqdm import tqdm

FLAGS = flags.FLAGS
flags.DEFINE_string("preset", "demo", "Preset of the training.")
flags.DEFINE_integer("batch", 64, "Batch size of all processes together.", lower_bound=2)
flags.DEFINE_integer("epochs", 5, "Number of epochs; the first one, which compiles, is left out.")

ROOT = Path(__file__).parents[1]
_FACES = "--dataset=synthetic"


def main(_: list[str]) -> None:
    """Prints the seconds of a step and their ratios."""
    runs = {"one": (1, FLAGS.batch), "half": (1, FLAGS.batch // 2), "two": (2, FLAGS.batch)}
    seconds = {name: step_seconds(*run) for name, run in tqdm(runs.items(), disable=None)}
    print(f"one process, batch {FLAGS.batch}: {seconds['one']:.3f} s a step")
    print(f"one process, batch {FLAGS.batch // 2}: {seconds['half']:.3f} s a step")
    print(f"two processes, batch {FLAGS.batch}: {seconds['two']:.3f} s a step")
    print(f"two processes make {seconds['one'] / seconds['two']:.2f} times as many steps as one")
    print(f"communication: {100 * (1 - seconds['half'] / seconds['two']):.0f} % of a step of two")


def step_seconds(count: int, batch: int) -> float:
    """Median seconds of a step over the epochs after the first, of `count` processes."""
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder) / "run"
        processes = [
            subprocess.Popen(
                [*_command(workdir, batch), *flags_of_process],
                cwd=ROOT,
                env={**os.environ, "KERAS_BACKEND": "jax"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                preexec_fn=lambda core=core: os.sched_setaffinity(0, {core}),
            )
            for core, flags_of_process in enumerate(_together(count))
        ]
        printed = [process.communicate()[0] for process in processes]
        if any(process.returncode for process in processes):
            sys.exit("\n".join(printed))
        with (workdir / "metrics.csv").open(newline="") as file:
            epochs = [float(row["seconds"]) for row in csv.DictReader(file)][1:]
    steps = -(-_faces() // batch)
    return float(np.median(epochs)) / steps


def _command(workdir: Path, batch: int) -> list[str]:
    settings = {"epochs": FLAGS.epochs, "batch_size": batch}
    changes = [f"--set={name}={value}" for name, value in settings.items()]
    preset = f"--preset={FLAGS.preset}"
    return [sys.executable, "train.py", _FACES, preset, f"--workdir={workdir}", *changes]


def _together(count: int) -> list[list[str]]:
    if count == 1:
        return [[]]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    flags_of_all = [f"--coordinator={address}", f"--num_processes={count}"]
    return [[*flags_of_all, f"--process_id={index}"] for index in range(count)]


@functools.cache
def _faces() -> int:
    from evae_tf.data.splits import read_training_faces

    return len(read_training_faces("synthetic", None, None)[0])


if __name__ == "__main__":
    app.run(main)
