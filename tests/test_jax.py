"""The same code and the same file under JAX. Runs where JAX is installed: `make test-jax`."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.snippets import files, reader

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed; run `make test-jax`"
)

_SCRIPT = """
import json
import sys
from pathlib import Path

import keras
import numpy as np

from evae_tf.artifacts import keras_file
from evae_tf import markups
from evae_tf.training.train import train
from evae_tf.models.build import build_model
from evae_tf.data import synthetic
from evae_tf.config import Augmentation
from evae_tf.data.augment import DRAWS, augment
from tests.models.test_models import small

task, folder, preset, architecture = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
markup = markups.MARKUPS["mtfl_5"]
rng = np.random.default_rng(0)
images = rng.uniform(0, 1, (3, 64, 64, 3)).astype(np.float32)
config = small(preset, architecture=architecture, local_channels=4, batch_size=8, epochs=3)
if task == "write":
    keras.utils.set_random_seed(3)
    build_model(config, markup).save(folder / "model.keras")
if task == "train":
    faces = synthetic.read("train", markup, count=16), synthetic.read("val", markup, count=4)
    faces[0][0].landmarks[1] = np.nan  # not annotated: no loss, no gradient
    train(config, *faces, folder)
    answer = {"rows": (folder / "metrics.csv").read_text()}
else:
    outputs = keras_file.load_model(folder / "model.keras")(images)
    outputs = {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}
    crops = rng.integers(0, 256, (4, 64, 64, 3)).astype(np.uint8)
    moved = augment(
        crops, rng.uniform(0, 1, (4, 5, 2)), np.ones((4, 5)), rng.random((4, len(DRAWS))), size=48,
        flip_permutation=markup.flip_permutation, strength=Augmentation(),
    )
    moved = [keras.ops.convert_to_numpy(value) for value in moved]
    outputs |= dict(zip(("crops", "moved", "seen"), moved))
    answer = {name: value.tolist() for name, value in outputs.items()}
print(json.dumps({"backend": keras.backend.backend(), **answer}))
"""


def _command(task, folder, backend, preset="default", architecture="evae_cnn"):
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", _SCRIPT, task, folder, preset, architecture]
    return {"args": command, "env": environment, "stdout": subprocess.PIPE, "text": True}


def _run(task, folder, backend, *network):
    result = subprocess.run(check=True, **_command(task, folder, backend, *network))
    answer = json.loads(result.stdout.splitlines()[-1])
    assert answer.pop("backend") == backend
    return answer


def _largest_difference(a, b):
    if isinstance(a, list):
        assert len(a) == len(b)
        return max(map(_largest_difference, a, b))
    return abs(a - b)


@pytest.mark.parametrize(
    "network", [("default", "evae_cnn"), ("paper", "evae_cnn"), ("default", "cnn")]
)
def test_one_file_gives_the_same_outputs_and_crops_under_both(network, tmp_path):
    under_tensorflow = _run("write", tmp_path, "tensorflow", *network)
    under_jax = _run("read", tmp_path, "jax", *network)
    assert set(under_tensorflow) == set(under_jax)
    for name, values in under_tensorflow.items():
        assert _largest_difference(values, under_jax[name]) < 1e-4, name


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(the folder of a training under JAX, its rows of numbers)."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, _numbers(_run("train", folder, "jax")["rows"])


def _numbers(rows):
    """Of metrics.csv, all but the time."""
    return [line.split(",")[:-1] for line in rows.splitlines()]


def test_a_training_runs_and_learns_under_jax(trained):
    folder, (names, *rows) = trained
    assert len(rows) == 3
    first, last = (dict(zip(names, row, strict=True)) for row in (rows[0], rows[-1]))
    assert all(float(value) < float("inf") for row in rows for value in row)
    # In six steps the sum of all terms is mostly that of a covariance which has not settled.
    for name in ("response_map_loss", "val_nme"):
        assert float(last[name]) < float(first[name])
    # And TensorFlow reads what JAX trained.
    under_tensorflow, under_jax = (_run("read", folder, b) for b in ("tensorflow", "jax"))
    difference = _largest_difference(under_tensorflow["landmarks"], under_jax["landmarks"])
    assert difference < 1e-4


def test_a_killed_training_goes_on_under_jax(trained, tmp_path):
    metrics = tmp_path / "metrics.csv"
    checkpoint = tmp_path / "checkpoints" / "last.npz"
    with subprocess.Popen(**_command("train", tmp_path, "jax")) as process:
        try:
            deadline = time.monotonic() + 300
            while not (checkpoint.exists() and metrics.exists()):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGKILL)
    assert len(_numbers(metrics.read_text())) < 4
    assert _numbers(_run("train", tmp_path, "jax")["rows"]) == trained[1]


def test_the_page_on_devices_can_be_followed(tmp_path):
    reader.clone(tmp_path)
    files.write_data_sets(tmp_path / "DIR")
    reader.follow("docs/devices.md", tmp_path)
