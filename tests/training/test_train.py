"""Training: the objective, averaged weights, resuming, refusing, starting from another model."""

import csv
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from evae_tf import config as configs
from evae_tf import markups
from evae_tf.artifacts import keras_file
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.errors import InputError
from evae_tf.models import response_maps
from evae_tf.models.build import build_model
from evae_tf.training import callbacks, losses, transfer
from evae_tf.training.averaging import AveragedAdamW
from evae_tf.training.objective import LandmarkTrainer
from evae_tf.training.train import compiled_trainer, train

MTFL = markups.MARKUPS["mtfl_5"]
SMALL = [
    *("input_size=48", "encoder_filters=6,8,10", "encoder_blocks=0,0,0", "latent_channels=4"),
    *("decoder_filters=8,8,6", "regressor_filters=8,8", "regressor_blocks=0,0"),
    *("regressor_units=16", "regressor_bottleneck=4", "batch_size=8", "epochs=12"),
]


def small(**fields):
    return dataclasses.replace(configs.override(configs.PRESETS["default"], SMALL), **fields)


EPOCHS = 12
_UNCERTAINTY = ("log_diagonal_x", "log_diagonal_y", "slope", "visibility")


@pytest.fixture(scope="module")
def faces():
    """36 faces to train on, 12 to validate on."""
    return synthetic.read("train", MTFL, count=36), synthetic.read("val", MTFL, count=12)


@pytest.fixture(scope="module")
def finished(faces, tmp_path_factory):
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    train(small(), MTFL, *faces, folder)
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished run, to be tampered with."""
    return Path(shutil.copytree(finished, tmp_path / "copied"))


def rows_of(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def results(rows):
    """What does not depend on how fast the machine was."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def batch(size=48, count=4):
    rng = np.random.default_rng(0)
    return {
        "images": rng.uniform(0, 1, (count, size, size, 3)).astype(np.float32),
        "landmarks": rng.uniform(0.3, 0.7, (count, 5, 2)).astype(np.float32),
        "visible": (rng.random((count, 5)) < 0.8).astype(np.float32),
    }


def trainer_of(config):
    model = build_model(config, MTFL)
    return LandmarkTrainer(model, config, 10, MTFL.flip_permutation)


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("architecture", configs.ARCHITECTURES)
def test_every_trainable_weight_gets_a_finite_gradient(architecture, preset):
    import tensorflow as tf

    config = dataclasses.replace(
        configs.PRESETS[preset], architecture=architecture, input_size=48, kl_warmup=0.0
    )
    trainer = trainer_of(config)
    with tf.GradientTape() as tape:
        loss = trainer.compute_loss(y_pred=trainer(batch(), training=True))
    # The map head's bias shifts a softmax's logits all alike: its gradient is 0 by design.
    weights = [w for w in trainer.trainable_variables if not _is_softmax_bias(w, config)]
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    for weight, gradient in zip(weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient.numpy()).all(), weight.path
        assert np.abs(gradient.numpy()).max() > 0, weight.path


def _is_softmax_bias(weight, config):
    return config.map_loss == "cross_entropy" and weight.path.endswith("decoder/head/bias")


def test_the_objective_is_the_weighted_sum_of_its_terms():
    config = small(kl_weight=0.3, kl_warmup=0.5, map_weight=2.0)
    trainer = trainer_of(config)
    for _ in range(2):
        outputs = trainer(batch(), training=True)
    true = batch()["landmarks"]
    height, width = outputs["response_maps"].shape[1:3]
    labels = response_maps.gaussian_maps(true, height, width, config.map_label_size_px)
    expected = (
        2.0 * losses.map_cross_entropy(outputs["map_logits"], labels)
        + 0.3 * (2 / 5) * ops.mean(outputs["kl"])  # step 2 of a warm-up of 5
        + config.landmark_weight * losses.wing_loss(outputs["landmarks"], true)
        + config.map_landmark_weight * losses.wing_loss(outputs["map_landmarks"], true)
        + losses.landmark_nll(outputs["landmarks"], outputs["scale_tril"], true)
        + losses.visibility_loss(outputs["visibility"], batch()["visible"])
    )
    loss = trainer.compute_loss(y_pred=outputs)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    assert float(trainer.terms["kl"].result()) == pytest.approx(float(ops.mean(outputs["kl"])))


def test_averaged_weights_follow_the_stated_recursion():
    variable = keras.Variable(np.float32([1.0, -2.0]))
    optimizer = AveragedAdamW(averaging_momentum=0.5, learning_rate=0.1, weight_decay=0.0)
    optimizer.build([variable])
    average, path = np.float64([1.0, -2.0]), []
    for step in range(1, 13):
        optimizer.apply([ops.convert_to_tensor(np.float32([1.0, 0.5]))], [variable])
        path.append(ops.convert_to_numpy(variable.value).copy())
        momentum = min(0.5, (1 + step) / (10 + step))
        average += (1 - momentum) * (path[-1] - average)
    target = keras.Variable(np.zeros(2, np.float32))
    optimizer.copy_averages([target])
    np.testing.assert_allclose(ops.convert_to_numpy(target.value), average, rtol=1e-5)
    np.testing.assert_array_equal(ops.convert_to_numpy(variable.value), path[-1])


@pytest.mark.parametrize("architecture", configs.ARCHITECTURES)
def test_muon_trains_all_kernels_but_those_of_the_last_layers(architecture):
    config = small(architecture=architecture)
    steps = types.SimpleNamespace(steps_per_epoch=3)
    trainer = compiled_trainer(build_model(config, MTFL), config, MTFL, steps)
    kernels = [w for w in trainer.trainable_variables if w.path.endswith("kernel")]
    left = {w.path for w in kernels if not trainer.optimizer.orthogonalizes(w)}
    last = ("/head/kernel", *(f"/uncertainty/{name}/kernel" for name in _UNCERTAINTY))
    assert left == {w.path for w in kernels if w.path.endswith(last)}
    assert left
    others = {w.path for w in trainer.trainable_variables} - {w.path for w in kernels}
    assert all(len(w.shape) == 1 for w in trainer.trainable_variables if w.path in others)


def test_training_learns_and_leaves_what_the_contract_names(finished):
    rows = rows_of(finished)
    assert [int(row["epoch"]) for row in rows] == list(range(1, EPOCHS + 1))
    assert float(rows[-1]["loss"]) < 0.7 * float(rows[0]["loss"])
    assert min(float(row["val_nme"]) for row in rows) < 0.8 * float(rows[0]["val_nme"])
    for name in ("config.json", "model.keras", "training.png"):
        assert (finished / name).stat().st_size > 0
    assert list((finished / "tensorboard").rglob("events*"))
    assert {path.name for path in (finished / "checkpoints").iterdir()} == {
        "best.npz",
        "last.npz",
    }
    assert not list(finished.rglob(".*")), "temporary files were left behind"


def test_the_best_model_is_the_one_of_the_best_epoch(finished, faces):
    model = keras_file.load_model(finished / "model.keras")
    config = json.loads((finished / "config.json").read_text())["config"]
    crops = cut_crops(faces[1], size=config["input_size"], margin=config["crop_margin"])
    validation = callbacks.Validation(faces[1], MTFL, crops)
    nme = validation.nme(validation.predict(model))
    best = min(float(row["val_nme"]) for row in rows_of(finished))
    assert nme == pytest.approx(best, rel=1e-5)


def test_two_runs_of_one_seed_are_the_same_and_of_another_are_not(finished, faces, tmp_path):
    train(small(), MTFL, *faces, tmp_path / "again")
    assert results(rows_of(tmp_path / "again")) == results(rows_of(finished))
    train(small(seed=1), MTFL, *faces, tmp_path / "other")
    assert rows_of(tmp_path / "other")[0]["loss"] != rows_of(finished)[0]["loss"]


_RUN = """
import sys
from evae_tf.training.train import train
from evae_tf.data import synthetic
from tests.training.test_train import MTFL, small
faces = synthetic.read("train", MTFL, count=36), synthetic.read("val", MTFL, count=12)
train(small(), MTFL, *faces, sys.argv[1])
"""


def test_a_killed_run_goes_on_where_it_was(finished, faces, tmp_path):
    """Kill -9 in mid-epoch, the same training again: the same numbers as never interrupted."""
    process = subprocess.Popen([sys.executable, "-c", _RUN, tmp_path])
    deadline = time.monotonic() + 120
    metrics = tmp_path / "metrics.csv"
    while not (metrics.exists() and len(rows_of(tmp_path)) >= 2):
        assert process.poll() is None, "the run ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(rows_of(tmp_path)) < EPOCHS
    train(small(), MTFL, *faces, tmp_path)
    assert results(rows_of(tmp_path)) == results(rows_of(finished))


def test_a_run_of_another_configuration_is_refused(copied, faces):
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"kl_weight was 0.1, now 0.5"):
        train(small(kl_weight=0.5), MTFL, *faces, copied)
    with pytest.raises(InputError, match=r"train_faces was 36, now 35"):
        train(small(), MTFL, faces[0][1:], faces[1], copied)
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


def test_a_finished_run_is_not_trained_again(copied, faces):
    rows, written = rows_of(copied), (copied / "model.keras").stat().st_mtime_ns
    best = train(small(), MTFL, *faces, copied)
    assert best == min(float(row["val_nme"]) for row in rows)
    assert rows_of(copied) == rows
    assert (copied / "model.keras").stat().st_mtime_ns == written


def test_a_damaged_checkpoint_is_refused_by_name(copied, faces):
    (copied / "checkpoints" / "last.npz").write_bytes(b"half a check")
    with pytest.raises(InputError, match=r"last\.npz"):
        train(small(), MTFL, *faces, copied)


def test_an_unwritable_folder_is_refused_before_any_work(faces, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file"):
        train(small(), MTFL, *faces, tmp_path / "file")


def test_weights_are_copied_where_shapes_agree(faces):
    source = build_model(small(), markups.MARKUPS["ibug_68"])
    target = build_model(small(seed=1), MTFL)
    anew = transfer.copy_weights(source, target)
    assert anew == [
        "evae/decoder/head",
        "regressor/head",
        "regressor/stage_0/convolution/convolution",
        "uncertainty/log_diagonal_x",
        "uncertainty/log_diagonal_y",
        "uncertainty/normalize_spread",
        "uncertainty/slope",
        "uncertainty/visibility",
    ]
    np.testing.assert_array_equal(
        source.evae.encoder.get_weights()[0], target.evae.encoder.get_weights()[0]
    )


def test_weights_of_a_file_are_copied_whole(finished):
    """Keras names the weights of a file's layers otherwise than those of a fresh model."""
    source = keras_file.load_model(finished / "model.keras")
    twin = build_model(small(seed=2), MTFL)
    assert transfer.copy_weights(source, twin) == []
    for a, b in zip(source.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_that_shares_no_layer_is_no_start(finished):
    source = keras_file.load_model(finished / "model.keras")
    with pytest.raises(InputError, match="shares no layer"):
        transfer.copy_weights(source, build_model(small(architecture="fcn"), MTFL))


def test_a_run_without_its_metrics_is_refused_by_name(copied, faces):
    metrics = copied / "metrics.csv"
    metrics.write_text(metrics.read_text()[:-60])
    with pytest.raises(InputError, match=r"metrics\.csv"):
        train(small(), MTFL, *faces, copied)


@pytest.mark.parametrize("architecture", ["evae_cnn", "fcn"])
def test_mixed_precision_trains_and_saves_a_float32_model(architecture, faces, tmp_path):
    config = small(epochs=1, mixed_precision=True, architecture=architecture)
    train(config, MTFL, *faces, tmp_path)
    model = keras_file.load_model(tmp_path / "model.keras")
    policies = {layer.dtype_policy.name for layer in model._flatten_layers()}
    assert policies == {"float32"}
    outputs = model(np.zeros((1, 48, 48, 3), np.float32))
    assert np.isfinite(ops.convert_to_numpy(outputs["landmarks"])).all()
