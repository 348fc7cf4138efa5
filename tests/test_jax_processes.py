"""Several processes that train together under JAX. Runs where JAX is: `make test-jax`."""

import contextlib
import csv
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from evae_tf import markups
from evae_tf.artifacts.keras_file import load_model
from evae_tf.data import synthetic
from tests.portrait import PORTRAIT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed; run `make test-jax`"
)

ROOT = Path(__file__).parents[1]
MTFL = markups.MARKUPS["mtfl_5"]
SMALL = (
    *("input_size=48", "encoder_filters=6,8,10", "encoder_blocks=0,0,0", "latent_channels=4"),
    *("decoder_filters=8,8,6", "regressor_filters=8,8", "regressor_blocks=0,0"),
    *("regressor_units=16", "regressor_bottleneck=4", "batch_size=8", "cache=file"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """20 faces to train on, which 8 does not divide, and 4 to validate on, as a .csv file."""
    folder = tmp_path_factory.mktemp("faces")
    columns = [f"{axis}{i}" for i in range(5) for axis in "xy"]
    with (folder / "faces.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *columns, "split"])
        for i, face in enumerate(synthetic.read("train", MTFL, count=24)):
            Image.fromarray(face.image).save(folder / f"{i}.png")
            writer.writerow([f"{i}.png", *face.landmarks.ravel(), "val" if i < 4 else "train"])
    return folder / "faces.csv"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(data, workdir, count=1, epochs=2, *flags, devices=1, last=(), script="train.py"):
    """The processes of one training; `last` are further flags of the last process, as is `script`.

    `data` is one data set, or a list of one for each process.
    """
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    environment["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"
    command = [
        *("--dataset=csv", "--markup=mtfl_5", f"--workdir={workdir}", f"--set=epochs={epochs}"),
        *(f"--set={each}" for each in SMALL),
        *flags,
    ]
    data = data if isinstance(data, list) else [data] * count
    scripts = [*[ROOT / "train.py"] * (count - 1), ROOT / script]
    more = [*[()] * (count - 1), last]
    together = [f"--coordinator=127.0.0.1:{free_port()}", f"--num_processes={count}"]
    ranks = [[*together, f"--process_id={i}"] for i in range(count)] if count > 1 else [[]]
    return [
        subprocess.Popen(
            [sys.executable, str(scripts[i]), f"--data_dir={data[i]}", *command, *rank, *more[i]],
            cwd=scripts[i].parent,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i, rank in enumerate(ranks)
    ]


def ended(processes, timeout=300):
    """(status, standard error) of each process."""
    found = []
    for process in processes:
        errors = process.communicate(timeout=timeout)[1]
        found.append((process.returncode, errors))
    return found


def damaged_copy(data, folder, rows):
    """A copy of the data set in which the photos of some rows are not readable."""
    shutil.copytree(data.parent, folder)
    with data.open(newline="") as file:
        images = [row["image"] for row in csv.DictReader(file)]
    for row in rows:
        (folder / images[row]).write_text("not a photo")
    return folder / data.name


def other_version(folder):
    """A copy of the package with another version, and its train.py."""
    ignore = shutil.ignore_patterns("__pycache__")
    package = shutil.copytree(ROOT / "evae_tf", folder / "evae_tf", ignore=ignore)
    shutil.copy(ROOT / "train.py", folder)
    text = (package / "version.py").read_text()
    (package / "version.py").write_text(text.replace("VERSION = ", "VERSION = 'other' or "))
    return folder / "train.py"


def trained(*arguments, **options):
    for status, errors in ended(start(*arguments, **options)):
        assert status == 0, errors


def numbers(workdir):
    """Of metrics.csv, all but the time."""
    with (workdir / "metrics.csv").open(newline="") as file:
        rows = [{**row, "seconds": 0} for row in csv.DictReader(file)]
    return np.array([[float(value) for value in row.values()] for row in rows])


def weights(workdir):
    """By their paths, without the bias that the softmax over a map cancels.

    Its gradient is zero but for rounding, and the optimiser scales that up to its usual steps.
    """
    model = load_model(workdir / "model.keras")
    found = {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights}
    del found["decoder/head/bias"]
    return found


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """The folder of a training by one process on one device."""
    workdir = tmp_path_factory.mktemp("alone") / "run"
    trained(data, workdir)
    return workdir


def assert_same_training(workdir, alone):
    np.testing.assert_allclose(numbers(workdir), numbers(alone), rtol=1e-5, atol=1e-6)
    expected = weights(alone)
    for path, weight in weights(workdir).items():
        np.testing.assert_allclose(weight, expected[path], rtol=1e-5, atol=1e-5, err_msg=path)


def test_two_processes_train_as_one_does(data, alone, tmp_path):
    trained(data, tmp_path / "run", 2)
    assert_same_training(tmp_path / "run", alone)


def test_two_processes_cut_each_face_once(data, alone, tmp_path):
    """Each process has the photos of its own part only: the others are not readable there."""
    # Rows 0 to 3 are the validation faces, 4 to 23 the training faces.
    parts = [[0, 1, *range(4, 14)], [2, 3, *range(14, 24)]]
    copies = [damaged_copy(data, tmp_path / str(i), rows) for i, rows in enumerate(reversed(parts))]
    workdir = tmp_path / "run"
    trained(copies, workdir, 2)
    assert_same_training(workdir, alone)
    lengths = {path.name.partition("_")[2]: len(np.load(path)) for path in workdir.glob("crops_*")}
    assert sorted(lengths.values()) == [2, 2, 10, 10]
    assert all(name.endswith(("_1of2.npy", "_2of2.npy")) for name in lengths)


def test_each_process_finds_the_boxes_of_its_part(tmp_path):
    """The photos are one portrait in two sizes; the boxes are those that one process finds."""
    portrait = Image.open(PORTRAIT)
    five = np.array([[222, 190], [305, 186], [267, 240], [232, 279], [302, 276]])
    sizes = [1.0, 0.6] * 6
    data = tmp_path / "portraits" / "faces.csv"
    data.parent.mkdir()
    with data.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *(f"{axis}{i}" for i in range(5) for axis in "xy"), "split"])
        for i, size in enumerate(sizes):
            portrait.resize([round(size * side) for side in portrait.size]).save(
                data.with_name(f"{i}.png")
            )
            writer.writerow([f"{i}.png", *(five * size).ravel(), "val" if i < 4 else "train"])
    trained(data, tmp_path / "alone", 1, 1, "--find_boxes")
    copies = [
        damaged_copy(data, tmp_path / "first", [2, 3, *range(8, 12)]),
        damaged_copy(data, tmp_path / "second", [0, 1, *range(4, 8)]),
    ]
    trained(copies, tmp_path / "two", 2, 1, "--find_boxes")
    assert_same_training(tmp_path / "two", tmp_path / "alone")


def test_all_devices_of_a_machine_train_as_one_does(data, alone, tmp_path):
    trained(data, tmp_path / "run", devices=4)
    assert_same_training(tmp_path / "run", alone)


def test_another_number_of_processes_goes_on_with_the_same_batches(data, alone, tmp_path):
    """The folder of one finished epoch, as a kill leaves it, is resumed by two processes."""
    workdir = tmp_path / "run"
    processes = start(data, workdir)
    wait_for(workdir / "checkpoints" / "last.npz", processes)
    for process in processes:
        process.kill()
    ended(processes)
    trained(data, workdir, 2)
    assert_same_training(workdir, alone)


def wait_for(path, processes):
    deadline = time.monotonic() + 200
    while not path.exists():
        assert all(process.poll() is None for process in processes)
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill(process):
    """The process that trains; where several do, it is the child of the one that was started."""
    with contextlib.suppress(FileNotFoundError):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), 9)


@pytest.mark.parametrize("victim", [0, 1])
def test_when_one_process_dies_the_other_ends_in_a_sentence(data, tmp_path, victim):
    workdir = tmp_path / "run"
    processes = start(data, workdir, 2, 100_000)
    try:
        wait_for(workdir / "checkpoints" / "last.npz", processes)
        kill(processes[victim])
        started = time.monotonic()
        found = ended(processes, timeout=60)
        assert time.monotonic() - started < 60
    finally:
        for process in processes:
            process.kill()
    status, errors = found[1 - victim]
    assert status == 1, errors
    (sentence,) = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert "another process of this training has ended" in sentence
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        (["--num_processes=2"], 2, ["--coordinator", "--process_id"]),
        (["--coordinator=here", "--num_processes=2", "--process_id=0"], 2, ["HOST:PORT"]),
        (["--coordinator=a:1", "--num_processes=2", "--process_id=2"], 2, ["0 to 1"]),
    ],
)
def test_a_wrong_call_is_one_sentence(data, tmp_path, flags, status, words):
    ((found, errors),) = ended(start(data, tmp_path / "run", 1, 2, *flags))
    assert found == status, errors
    for word in words:
        assert word in errors


def test_a_batch_that_the_devices_do_not_divide_is_refused(data, tmp_path):
    ((status, errors),) = ended(
        start(data, tmp_path / "run", 1, 1, "--set=batch_size=7", devices=2)
    )
    assert status == 2
    assert "batch_size=7 cannot be split over 2 devices" in errors


def refusals(processes):
    """The error of each process, one sentence each."""
    for status, errors in ended(processes):
        assert status == 1, errors
        (sentence,) = [line for line in errors.splitlines() if line.startswith("error: ")]
        assert "Traceback" not in errors
        yield sentence


def test_a_folder_of_other_settings_is_refused(data, alone, tmp_path):
    workdir = shutil.copytree(alone, tmp_path / "run")
    assert len(list(refusals(start(data, workdir, 2, 3)))) == 2
    assert len(numbers(workdir)) == 2


def test_processes_with_other_settings_are_refused(data, tmp_path):
    workdir = tmp_path / "run"
    for sentence in refusals(start(data, workdir, 2, last=("--set=learning_rate=0.5",))):
        assert "the processes differ: config.learning_rate is " in sentence
        assert "0.5 in process 1. Start all of them with the same settings" in sentence
    assert not workdir.exists()


def test_processes_with_other_versions_are_refused(data, tmp_path):
    workdir, script = tmp_path / "run", other_version(tmp_path / "copy")
    for sentence in refusals(start(data, workdir, 2, script=script)):
        assert "the processes differ: evae_tf is '" in sentence
        assert "in process 0, 'other' in process 1" in sentence
    assert not workdir.exists()
