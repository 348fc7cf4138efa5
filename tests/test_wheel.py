"""The wheel, installed into an empty environment, holds all code and the shipped models."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from evae_tf.artifacts import pretrained

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    # A copy: setuptools leaves a `build` folder, and puts what an old one holds into the wheel.
    built = ("runs", "build", "*.egg-info", "__pycache__", "node_modules", "vendor")
    ignored = shutil.ignore_patterns(".*", *built)
    source = shutil.copytree(ROOT, folder / "source", ignore=ignored)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    subprocess.run([*pip, "--no-deps", f"--wheel-dir={folder}", str(source)], check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_every_module_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if name.endswith(".py")}
    assert inside == {str(path.relative_to(ROOT)) for path in (ROOT / "evae_tf").rglob("*.py")}


def test_an_installed_wheel_finds_the_shipped_models(wheel, tmp_path):
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", f"--python={python}", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", str(wheel)], check=True)
    # The dependencies come from this environment: a path in PYTHONPATH brings no editable installs.
    variables = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    code = (
        "import evae_tf\n"
        "from evae_tf.artifacts import pretrained\n"
        "print(evae_tf.__file__, *pretrained.pretrained_names(), sep='\\n')\n"
        "for name in pretrained.pretrained_names(): evae_tf.load_pretrained(name)"
    )
    printed = subprocess.run(
        [python, "-c", code],
        cwd=tmp_path,
        env=variables,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\n")
    assert Path(printed[0]).is_relative_to(environment)
    assert printed[1:-1] == pretrained.pretrained_names()
