"""The paper's comparison: its runs, its hard faces, its tables."""

import dataclasses
import json

import numpy as np
import pytest

from benchmarks.comparison import measure, runs, tables
from evae_tf import markups
from evae_tf.config_text import override
from evae_tf.data import synthetic
from evae_tf.data.readers import csv_file
from evae_tf.models.build import build_model
from evae_tf.presets import PRESETS
from tests.models.test_models import small

IBUG = markups.MARKUPS["ibug_68"]


def test_every_run_has_its_own_folder_and_a_valid_configuration():
    everything = runs.all_runs()
    assert len({run.name for run in everything}) == len(everything) > 30
    for run in everything:
        command = run.command({run.dataset: []}, runs.ROOT)
        fields = [word.removeprefix("--set=") for word in command if word.startswith("--set=")]
        config = override(PRESETS[run.preset], fields)
        config = dataclasses.replace(config, architecture=run.architecture, seed=run.seed)
        assert config.epochs == runs.EPOCHS[run.dataset]


def test_the_change_of_sizes_is_all_that_default_has_of_them():
    changed = override(PRESETS["paper"], runs.SIZES)
    default = PRESETS["default"]
    sizes = ("input_size", "encoder_", "latent_channels", "decoder_", "regressor_")
    for name, value in vars(changed).items():
        origin = default if name.startswith(sizes) else PRESETS["paper"]
        assert value == getattr(origin, name), name


def test_a_model_to_start_from_is_trained_before():
    everything = runs.all_runs()
    (wt,) = [run for run in everything if run.init_from]
    assert everything.index(wt.init_from) < everything.index(wt)


def test_models_of_one_data_set_are_trained_alike():
    """Equal steps and settings: only the architecture differs."""
    for dataset, models in runs.MODELS.items():
        commands = [
            [word for word in run.command({dataset: []}, runs.ROOT) if "--set" in word]
            for run in models
        ]
        assert all(command == commands[0] for command in commands)


def test_pairs_differ_in_the_variational_part_alone():
    for pair in runs.PAIRS:
        assert [plain.seed for plain, _ in pair] == [variational.seed for _, variational in pair]
        names = {(plain.architecture, variational.architecture) for plain, variational in pair}
        assert names <= {("fcn", "evae"), ("fcn_cnn", "evae_cnn")}


def test_helen29_is_split_by_a_fixed_rule(tmp_path):
    markup = markups.MARKUPS["cofw_29"]
    source = tmp_path / "data" / "helen29"
    source.mkdir(parents=True)
    header = ["image", *(f"{axis}{i}" for i in range(29) for axis in "xy")]
    rows = [[f"images/{i}.jpg", *np.arange(58) + i] for i in range(100)]
    lines = [",".join(map(str, row)) for row in (header, *rows)]
    (source / "landmarks.csv").write_text("\n".join(lines) + "\n")
    output = tmp_path / "output"
    output.mkdir()

    runs.write_helen29(tmp_path / "data", output)
    written = (output / "helen29.csv").read_bytes()
    held_out = {face.name for face in csv_file.read(output / "helen29.csv", "val", markup)}
    trained = {face.name for face in csv_file.read(output / "helen29.csv", "train", markup)}
    assert [len(held_out), len(trained)] == [60, 40]
    assert not held_out & trained
    (face, *_) = csv_file.read(output / "helen29.csv", "train", markup)
    assert face.image.resolve().parent == (source / "images").resolve()
    runs.write_helen29(tmp_path / "data", output)
    assert (output / "helen29.csv").read_bytes() == written


def test_a_pasted_patch_covers_its_share_and_comes_from_the_next_face():
    images = np.stack([np.full((50, 50, 3), 10 * (i + 1), np.uint8) for i in range(3)])
    before = images.copy()
    pasted = measure.paste_patches(images)
    np.testing.assert_array_equal(images, before)
    for index, image in enumerate(pasted):
        patch = image[..., 0] == 10 * ((index + 1) % 3 + 1)
        assert patch.sum() == 20 * 20
        rows, columns = np.argwhere(patch).T
        assert np.ptp(rows) == np.ptp(columns) == 19


def test_the_faces_turned_most_are_found():
    """Checked by another sign of the turn: one half of the face is narrower than the other."""
    faces = synthetic.read("train", IBUG, count=60)
    turned = measure.most_turned(faces)
    assert len(turned) == 6
    landmarks = np.stack([face.landmarks for face in faces])
    jaw, bridge = landmarks[:, [0, 16]], landmarks[:, 27]
    sides = np.linalg.norm(jaw - bridge[:, None], axis=-1)
    ratio = sides.max(axis=1) / sides.min(axis=1)
    assert np.median(ratio[turned]) > np.quantile(ratio, 0.85)


@pytest.mark.parametrize("architecture", ["cnn", "fcn", "evae_cnn"])
def test_a_model_is_measured_in_each_reading_that_it_has(architecture, tmp_path):
    build_model(small("paper", architecture=architecture), IBUG).save(tmp_path / "model.keras")
    faces = synthetic.read("val", IBUG, count=3)
    measured = measure.measure(tmp_path / "model.keras", faces, ["inter_pupil"])
    readings = {"cnn": {"regressor"}, "fcn": {"maps"}, "evae_cnn": {"regressor", "maps"}}
    assert {reading for reading, _ in measured.errors} == readings[architecture]
    assert set(measured.occluded) == set(measured.errors)
    assert all(error.shape == (3,) for error in measured.errors.values())
    assert bool(measured.shapes) == (architecture != "cnn")
    assert all(values.shape == (3, 68) for values in measured.shapes.values())


@pytest.mark.parametrize(("dataset", "has_corners"), [("300w", True), ("mtfl", False)])
def test_errors_over_the_eye_corners_stand_where_a_set_has_them(tmp_path, dataset, has_corners):
    measured = {}
    for run in runs.all_runs():  # as measured: MTFL, without corners, comes first
        readings = {"cnn": ["regressor"], "fcn": ["maps"], "evae": ["maps"]}
        names = ("inter_pupil", "inter_ocular")[: 1 + (run.dataset != "mtfl")]
        errors = {
            (reading, name): np.full(4, 0.06 if name == "inter_pupil" else 0.04)
            for reading in readings.get(run.architecture, ["regressor", "maps"])
            for name in names
        }
        measured[run] = measure.Measured(errors, errors, {})
        (tmp_path / run.name).mkdir(parents=True, exist_ok=True)
        (tmp_path / run.name / "metrics.csv").write_text("epoch,seconds\n1,90\n")
    header, _, first, *_ = tables.models_table(dataset, measured, tmp_path).splitlines()
    assert ("eye corners" in header) == has_corners
    assert first.startswith("| `cnn` | regressor | 6.00 | 6.00 |")
    assert first.endswith(" 4.00 | 1.5 |" if has_corners else " 76.0 | 1.5 |")


def test_a_claim_is_judged_by_the_difference_on_the_same_faces():
    faces = np.linspace(0.02, 0.2, 10)
    better = {"cnn": 0.03, "fcn_cnn": 0.02, "evae_cnn": 0.0, "fcn": 0.01, "evae": 0.01}
    measured = {
        run: measure.Measured({("maps", "inter_pupil"): faces + better[run.architecture]}, {}, {})
        for run in runs.all_runs()
        if run.architecture in better
    }
    rows = tables.claims_table(measured).splitlines()[2:]
    assert len(rows) == 9
    # 0.02 to 0.10 are five faces, 0.04 to 0.12 four.
    assert rows[0] == ("| 300w | `evae_cnn` | `fcn_cnn` | -2.00 (-2.00 to -2.00) | -2.00 | +10.0 |")
    assert "+0.00 (+0.00 to +0.00) | +0.00 | +0.0 |" in rows[2]


def test_each_training_stands_with_its_call_and_steps(tmp_path):
    run = runs.PAIRS[0][1][1]
    folder = tmp_path / run.name
    folder.mkdir(parents=True)
    made = {"config": {"epochs": 40, "batch_size": 16}, "data": {"train_faces": 100}}
    (folder / "config.json").write_text(json.dumps(made))
    (folder / "metrics.csv").write_text("epoch,seconds\n1,30\n2,60\n")
    (*_, row) = tables.trainings_table([run], tmp_path).splitlines()
    assert row.startswith("| `python train.py --dataset=300w --data_dir=DATA/300w --preset=paper")
    assert "--architecture=evae --seed=1 --workdir=runs/comparison/300w/paper_evae_seed1" in row
    assert row.endswith("| 1 | 280 | 1.5 |")


def test_a_table_is_markdown():
    table = tables.markdown(["model", "mean %"], [["`cnn`", tables.percent(0.0512)]])
    assert table == "| model | mean % |\n| --- | --- |\n| `cnn` | 5.12 |\n"
    assert tables.spread([0.04, 0.05, 0.06]) == "5.00 (4.00 to 6.00)"
