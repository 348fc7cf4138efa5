"""Training: its files, resuming, refusals, initialisation from another model."""

import csv
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from evae_tf import atomic, geometry, markups
from evae_tf import config as configs
from evae_tf.artifacts import keras_file
from evae_tf.config_text import override
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.errors import InputError
from evae_tf.models.build import build_model
from evae_tf.presets import PRESETS
from evae_tf.training import callbacks, transfer
from evae_tf.training.train import compiled_trainer, train

MTFL = markups.MARKUPS["mtfl_5"]
SMALL = [
    *("input_size=48", "encoder_filters=6,8,10", "encoder_blocks=0,0,0", "latent_channels=4"),
    *("decoder_filters=8,8,6", "regressor_filters=8,8", "regressor_blocks=0,0"),
    *("regressor_units=16", "regressor_bottleneck=4", "local_channels=4"),
    *("batch_size=8", "epochs=12"),
]


def small(**fields):
    return dataclasses.replace(override(PRESETS["default"], SMALL), **fields)


EPOCHS = 12
_UNCERTAINTY = ("log_diagonal_x", "log_diagonal_y", "slope", "hidden", "visibility")


@pytest.fixture(scope="module")
def faces():
    """36 faces to train on, 12 to validate on."""
    return synthetic.read("train", MTFL, count=36), synthetic.read("val", MTFL, count=12)


@pytest.fixture(scope="module")
def finished(faces, tmp_path_factory):
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    train(small(), *faces, folder)
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished run, to modify."""
    return Path(shutil.copytree(finished, tmp_path / "copied"))


def rows_of(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def results(rows):
    """The metrics that do not depend on the machine's speed."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.mark.parametrize("architecture", configs.ARCHITECTURES)
def test_muon_trains_all_kernels_but_those_of_the_last_layers(architecture):
    config = small(architecture=architecture)
    trainer = compiled_trainer(build_model(config, MTFL), config, steps_per_epoch=3)
    kernels = [w for w in trainer.trainable_variables if w.path.endswith("kernel")]
    left = {w.path for w in kernels if trainer.optimizer._should_use_adamw(w)}
    last = (
        *("/head/kernel", "/local_offsets/kernel"),
        *(f"/uncertainty/{name}/kernel" for name in _UNCERTAINTY),
    )
    assert left == {w.path for w in kernels if w.path.endswith(last)}
    assert left
    others = [w for w in trainer.trainable_variables if not w.path.endswith("kernel")]
    assert all(trainer.optimizer._should_use_adamw(w) for w in others)


def test_training_learns_and_leaves_what_the_contract_names(finished):
    rows = rows_of(finished)
    assert [int(row["epoch"]) for row in rows] == list(range(1, EPOCHS + 1))
    assert float(rows[-1]["loss"]) < 0.7 * float(rows[0]["loss"])
    assert min(float(row["val_nme"]) for row in rows) < 0.8 * float(rows[0]["val_nme"])
    for name in ("config.json", "model.keras", "training.png"):
        assert (finished / name).stat().st_size > 0
    for part in ("train", "validation"):  # curves and pictures
        assert list((finished / "tensorboard" / part).glob("events*"))
    assert [path.name for path in (finished / "checkpoints").iterdir()] == ["last.npz"]
    assert not list(finished.rglob(".*")), "temporary files were left behind"


def test_the_best_model_is_the_one_of_the_best_epoch(finished, faces):
    model = keras_file.load_model(finished / "model.keras")
    config = json.loads((finished / "config.json").read_text())["config"]
    crops = cut_crops(faces[1], size=config["input_size"], margin=config["crop_margin"])
    validation = callbacks.Validation(faces[1], crops)
    nme = validation.nme(validation.predict(model))
    best = min(float(row["val_nme"]) for row in rows_of(finished))
    assert nme == pytest.approx(best, rel=1e-5)


def test_no_epoch_draws_the_noise_of_another():
    """A generator adds 1 to its state at each step, and an epoch may have thousands."""

    class State(list):
        path = "sampling/seed_generator_state"

        def assign(self, values):
            self[:] = values

    network = SimpleNamespace(variables=[State(), State()])
    end = callbacks.EpochEnd(None, None, None, [], seed=0)
    end.set_model(SimpleNamespace(network=network))
    drawn = set()
    for epoch in range(20):
        end.on_epoch_begin(epoch)
        for first, second in network.variables:
            drawn |= {(int(first), int(second) + step) for step in range(2000)}
    assert len(drawn) == 20 * 2 * 2000


def test_a_run_of_another_seed_is_another(finished, faces, tmp_path):
    train(small(seed=1, epochs=1), *faces, tmp_path)
    assert rows_of(tmp_path)[0]["loss"] != rows_of(finished)[0]["loss"]


_RUN = """
import sys
from evae_tf.training.train import train
from evae_tf.data import synthetic
from tests.training.test_train import MTFL, small
faces = synthetic.read("train", MTFL, count=36), synthetic.read("val", MTFL, count=12)
train(small(), *faces, sys.argv[1])
"""


def test_a_killed_run_goes_on_where_it_was(finished, faces, tmp_path):
    """After kill -9 within an epoch, the same call gives the numbers of an undisturbed run.

    So do two runs of one seed, in two processes.
    """
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
    train(small(), *faces, tmp_path)
    assert results(rows_of(tmp_path)) == results(rows_of(finished))


def test_a_run_of_another_configuration_is_refused(copied, faces):
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"kl_weight was 0.1, now 0.5"):
        train(small(kl_weight=0.5), *faces, copied)
    with pytest.raises(InputError, match=r"train_faces was 36, now 35"):
        train(small(), faces[0][1:], faces[1], copied)
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


def test_a_finished_run_is_not_trained_again(copied, faces):
    rows, written = rows_of(copied), (copied / "model.keras").stat().st_mtime_ns
    training = train(small(), *faces, copied)
    assert training.best_nme == min(float(row["val_nme"]) for row in rows)
    assert [row["loss"] for row in training.history] == [float(row["loss"]) for row in rows]
    assert rows_of(copied) == rows
    assert (copied / "model.keras").stat().st_mtime_ns == written


def test_a_damaged_checkpoint_is_refused_by_name(copied, faces):
    (copied / "checkpoints" / "last.npz").write_bytes(b"half a check")
    with pytest.raises(InputError, match=r"last\.npz"):
        train(small(), *faces, copied)


def test_a_folder_in_which_another_run_trains_is_refused(faces, tmp_path):
    with atomic.exclusive_folder(tmp_path), pytest.raises(InputError, match="another run"):
        train(small(), *faces, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unwritable_folder_is_refused_before_any_work(faces, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file"):
        train(small(), *faces, tmp_path / "file")


def test_weights_are_copied_where_shapes_agree(faces):
    source = build_model(small(), markups.MARKUPS["ibug_68"])
    target = build_model(small(seed=1), MTFL)
    anew = transfer.copy_weights(source, target)
    assert anew == [
        "evae/decoder/head",
        "local_offsets",
        "regressor/head",
        "regressor/stage_0/convolution/convolution",
        "uncertainty/hidden",
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
    """Keras names the weights of a file's layers differently from those of a new model."""
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
        train(small(), *faces, copied)


def test_a_training_runs_in_a_worker_thread_and_returns_what_it_leaves(faces, tmp_path):
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(train, small(epochs=2), *faces, tmp_path).result()
    rows = rows_of(tmp_path)
    assert training.folder == tmp_path
    assert training.history == [{name: float(row[name]) for name in row} for row in rows]
    assert training.best_nme == min(float(row["val_nme"]) for row in rows)
    images = np.random.default_rng(0).random((2, 48, 48, 3), np.float32)
    saved = keras_file.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        *(model(images)["landmarks"] for model in (training.model, saved))
    )


def test_faces_have_to_be_there_and_of_one_markup(faces, tmp_path):
    others = synthetic.read("val", markups.MARKUPS["cofw_29"], count=1)
    with pytest.raises(InputError, match=r"annotated in cofw_29, .* in mtfl_5"):
        train(small(), faces[0], others, tmp_path)
    with pytest.raises(InputError, match="val_faces is empty"):
        train(small(), faces[0], [], tmp_path)


def test_points_that_are_not_annotated_do_not_disturb_a_training(faces, tmp_path):
    """One of five points is missing in a third of the faces, another in all faces."""
    train_faces, val_faces = (
        [dataclasses.replace(face, landmarks=face.landmarks.copy()) for face in part]
        for part in faces
    )
    for face in train_faces[::3]:
        face.landmarks[2] = np.nan
    for face in (*train_faces, *val_faces):
        face.landmarks[3] = np.nan
    config = small(epochs=4, augmentation=configs.Augmentation(mirror_rate=0))
    training = train(config, train_faces, val_faces, tmp_path)
    assert np.isfinite([list(row.values()) for row in training.history]).all()
    assert training.history[-1]["landmark_loss"] < training.history[0]["landmark_loss"]


def test_a_run_notices_that_a_photo_was_replaced(copied, faces):
    darker = [dataclasses.replace(faces[0][0], image=faces[0][0].image // 2), *faces[0][1:]]
    with pytest.raises(InputError, match=r"data\.sha256 was"):
        train(small(), darker, faces[1], copied)


def test_faces_without_the_usual_normalizer_are_measured_by_their_boxes(faces, tmp_path):
    """MTFL's normaliser is the eye distance; one validation face has an eye not annotated."""
    first = dataclasses.replace(faces[1][0], landmarks=faces[1][0].landmarks.copy())
    first.landmarks[0] = np.nan
    val_faces = [first, *faces[1][1:]]
    training = train(small(epochs=1), faces[0], val_faces, tmp_path)
    assert training.normalizer == "box_size"
    crops = cut_crops(val_faces, size=48, margin=small().crop_margin)
    found = training.model.predict(crops.model_input(), verbose=0)["landmarks"]
    predicted = geometry.crop_to_image(found, crops.squares)
    errors = [
        np.nanmean(np.linalg.norm(points - face.landmarks, axis=1)) / geometry.box_size(face.box)
        for points, face in zip(predicted, val_faces, strict=True)
    ]
    assert training.best_nme == pytest.approx(np.mean(errors), rel=1e-4)


@pytest.mark.parametrize("architecture", ["evae_cnn", "fcn"])
def test_mixed_precision_trains_and_saves_a_float32_model(architecture, faces, tmp_path):
    config = small(epochs=1, mixed_precision=True, architecture=architecture)
    train(config, *faces, tmp_path)
    model = keras_file.load_model(tmp_path / "model.keras")
    policies = {layer.dtype_policy.name for layer in model._flatten_layers()}
    assert policies == {"float32"}
    outputs = model(np.zeros((1, 48, 48, 3), np.float32))
    assert np.isfinite(ops.convert_to_numpy(outputs["landmarks"])).all()
