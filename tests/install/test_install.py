"""The package in environments of its own, as pip installs it: `make test-install`.

These tests take minutes and gigabytes, so the ordinary test run leaves this folder out.
"""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import cv2
import pytest

from tests.portrait import PORTRAIT

ROOT = Path(__file__).parents[2]
MOST_MB = 450  # of the base install
HEAVY = ("tensorflow", "keras", "tensorflow_probability", "matplotlib", "scipy", "h5py", "grpc")


def run(*command, **options):
    # Neither this environment's packages nor this clone's modules.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(part) for part in command]
    return subprocess.run(command, env=kept, capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """{ending: the file} of the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    left_out = shutil.ignore_patterns(".*", "runs", "build", "*.egg-info", "node_modules")
    source = shutil.copytree(ROOT, folder / "source", ignore=left_out)
    done = run(sys.executable, "-m", "build", f"--outdir={folder}", source)
    assert done.returncode == 0, done.stderr
    return {path.suffix: path for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def base(distributions, tmp_path_factory):
    """An environment with the package and nothing else."""
    folder = tmp_path_factory.mktemp("base")
    venv.create(folder / "environment", with_pip=False)
    install(folder / "environment", distributions[".whl"])
    return folder / "environment" / "bin"


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    """Matplotlib's photo of Grace Hopper; the base install has no Matplotlib."""
    path = tmp_path_factory.mktemp("photos") / "portrait.jpg"
    path.write_bytes(PORTRAIT.read_bytes())
    return path


def install(environment, what):
    pip = [sys.executable, "-m", "pip", f"--python={environment / 'bin' / 'python'}"]
    done = run(*pip, "--disable-pip-version-check", "install", "--quiet", what)
    assert done.returncode == 0, done.stderr


def test_the_distributions_are_what_an_index_takes(distributions):
    assert set(distributions) == {".whl", ".gz"}
    done = run(sys.executable, "-m", "twine", "check", "--strict", *distributions.values())
    assert done.returncode == 0, done.stdout


def test_the_base_install_is_small(base):
    files = [path for path in base.parent.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) / 1e6 < MOST_MB


def test_the_base_install_aligns_a_photo(base, portrait, tmp_path):
    done = run(base / "evae-align", f"--input={portrait}", f"--output={tmp_path}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (face,) = json.loads((tmp_path / "portrait.json").read_text())["faces"]
    assert len(face["landmarks"]) == 68
    x_min, y_min, x_max, y_max = face["box"]
    assert 150 < x_min < x_max < 380
    assert 100 < y_min < y_max < 370


def test_the_base_install_aligns_a_video(base, portrait, tmp_path):
    picture = cv2.imread(str(portrait))
    height, width = picture.shape[:2]
    code = cv2.VideoWriter_fourcc(*"mp4v")
    film = cv2.VideoWriter(str(tmp_path / "clip.mp4"), code, 10, (width, height))
    for _ in range(5):
        film.write(picture)
    film.release()
    output = tmp_path / "out"
    done = run(base / "evae-align", f"--input={tmp_path / 'clip.mp4'}", f"--output={output}")
    assert done.returncode == 0, done.stderr
    frames = json.loads((output / "clip.json").read_text())["frames"]
    assert [len(frame["faces"]) for frame in frames] == [1] * 5


def test_aligning_in_python_imports_no_large_package(base, portrait):
    code = (
        "import sys, evae_tf\n"
        "(face,) = evae_tf.Aligner.load('mobile_68')(sys.argv[1])\n"
        f"print(len(face.landmarks), set({HEAVY}) & set(sys.modules))"
    )
    done = run(base / "python", "-c", code, portrait, cwd=portrait.parent)
    assert done.stdout == "68 set()\n", done.stderr


@pytest.mark.parametrize("command", ["evae-train", "evae-evaluate", "evae-export"])
def test_a_command_says_which_extra_it_needs(command, base, tmp_path):
    done = run(base / command, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "error: keras is not installed; run: pip install 'evae-tf[train]'.\n"
    assert not list(tmp_path.iterdir())


def test_a_name_says_which_extra_it_needs(base):
    done = run(base / "python", "-c", "import evae_tf; evae_tf.train")
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: evae_tf.train: keras is not installed; "
        "run: pip install 'evae-tf[train]'."
    )


def test_the_train_extra_trains_measures_and_exports(base, distributions, tmp_path):
    """Last in this file: it adds the extra to the base install."""
    install(base.parent, f"{distributions['.whl']}[train]")
    faces = ["--dataset=synthetic", "--markup=mtfl_5"]
    commands = (
        ("evae-train", "--preset=demo", "--set=epochs=1", "--workdir=run"),
        ("evae-evaluate", "--model=run/model.keras", "--output=report"),
        ("evae-export", "--model=run/model.keras", "--formats=tflite", "--output=export"),
    )
    for command, *flags in commands:
        done = run(base / command, *faces, *flags, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    for name in ("run/model.keras", "report/report.json", "export/model.tflite"):
        assert (tmp_path / name).is_file()
    serving = ("--model=run/model.keras", "--formats=serving", "--output=serving")
    done = run(base / "evae-export", *serving, cwd=tmp_path)
    assert done.returncode == 1
    assert "pip install 'evae-tf[serving]'" in done.stderr
    assert not (tmp_path / "serving").exists()
