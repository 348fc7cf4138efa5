"""The same code and the same file under JAX. Runs where JAX is installed: `make test-jax`."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed; run `make test-jax`"
)

_SCRIPT = """
import json
import sys
from pathlib import Path

import keras
import numpy as np

from evae_tf import markups, runtime, training
from evae_tf.architectures import build_model
from evae_tf.data import synthetic
from evae_tf.data.augment import DRAWS, Augmentation, augment
from tests.test_training import small

task, folder = sys.argv[1], Path(sys.argv[2])
markup = markups.MARKUPS["mtfl_5"]
rng = np.random.default_rng(0)
images = rng.uniform(0, 1, (3, 48, 48, 3)).astype(np.float32)
if task == "write":
    keras.utils.set_random_seed(3)
    build_model(small(), markup).save(folder / "model.keras")
if task == "train":
    faces = synthetic.read("train", markup, count=16), synthetic.read("val", markup, count=4)
    config = small(epochs=2)
    training.train(config, markup, *faces, folder / "run")
    answer = {"rows": (folder / "run" / "metrics.csv").read_text()}
else:
    outputs = runtime.load_keras_model(folder / "model.keras")(images)
    outputs = {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}
    crops = rng.integers(0, 256, (4, 64, 64, 3)).astype(np.uint8)
    moved = augment(
        crops, rng.uniform(0, 1, (4, 5, 2)), rng.random((4, len(DRAWS))), size=48,
        flip_permutation=markup.flip_permutation, strength=Augmentation(),
    )
    outputs["crops"], outputs["moved"] = (keras.ops.convert_to_numpy(value) for value in moved)
    answer = {name: value.tolist() for name, value in outputs.items()}
print(json.dumps({"backend": keras.backend.backend(), **answer}))
"""


def _run(task, folder, backend):
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(
        [sys.executable, "-c", _SCRIPT, task, folder],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    answer = json.loads(result.stdout.splitlines()[-1])
    assert answer.pop("backend") == backend
    return answer


def _largest_difference(a, b):
    if isinstance(a, list):
        assert len(a) == len(b)
        return max(map(_largest_difference, a, b))
    return abs(a - b)


def test_one_file_gives_the_same_outputs_and_crops_under_both(tmp_path):
    under_tensorflow = _run("write", tmp_path, "tensorflow")
    under_jax = _run("read", tmp_path, "jax")
    assert set(under_tensorflow) == set(under_jax)
    for name, values in under_tensorflow.items():
        assert _largest_difference(values, under_jax[name]) < 1e-4, name


def test_a_training_runs_and_learns_under_jax(tmp_path):
    rows = _run("train", tmp_path, "jax")["rows"].splitlines()
    assert len(rows) == 3
    first, last = (dict(zip(rows[0].split(","), row.split(","), strict=True)) for row in rows[1:])
    assert float(last["loss"]) < float(first["loss"])
    # And TensorFlow reads what JAX trained.
    (tmp_path / "model.keras").write_bytes((tmp_path / "run" / "model.keras").read_bytes())
    under_tensorflow, under_jax = (_run("read", tmp_path, b) for b in ("tensorflow", "jax"))
    difference = _largest_difference(under_tensorflow["landmarks"], under_jax["landmarks"])
    assert difference < 1e-4
