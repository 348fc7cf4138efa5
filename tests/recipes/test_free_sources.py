"""No code of `recipes.free` can open a research-only set or a model that saw one."""

import ast
import functools
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "recipes" / "free").glob("*.py"))

FORBIDDEN = (
    "evae_tf.data.synthetic.shape",  # its mean face is that of 300-W's annotations
    "evae_tf.data.datasets",  # the table of all readers
    "evae_tf.data.readers.",
    "evae_tf.artifacts.pretrained",
    "evae_tf.align.detectors",
)
READS_OWN_LISTS = "evae_tf.data.readers.csv_file"
OPENS_A_GIVEN_MODEL = {"relabel"}
# Folders of research-only sets, shipped models and their folder.
NAMES = (
    "300w",
    "aflw",
    "mtfl",
    "cfp",
    "helen",
    "lfpw",
    "cofw",
    "wflw",
    "assets",
    "detector.tflite",
    "mobile_68",
    "mobile_5",
    "server_68",
)


def imported(module):
    """What a module of this repository imports, directly or not, with the packages around it."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += direct_imports(name)
    return found - {module}


@functools.cache
def direct_imports(module):
    place = ROOT / module.replace(".", "/")
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if path.exists() else ():
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    parts = [name.split(".") for name in names if name.startswith(("evae_tf", "recipes"))]
    return [".".join(each[:count]) for each in parts for count in range(1, len(each) + 1)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_module_imports_what_opens_other_sources(path):
    found = imported(f"recipes.free.{path.stem}") - {READS_OWN_LISTS}
    wrong = {name for name in found if name.startswith(FORBIDDEN)}
    if path.stem in OPENS_A_GIVEN_MODEL:
        wrong -= {"evae_tf.artifacts.pretrained"}
    assert not wrong


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_module_names_another_source(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    texts = {
        ast.get_docstring(node, clean=False)
        for node in ast.walk(tree)
        if isinstance(node, documented)
    }
    constants = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    wrong = [text for text in constants - texts if any(name in text.lower() for name in NAMES)]
    assert not wrong


def test_the_recipe_reads_and_writes_nothing_else():
    command = [
        "make",
        "-n",
        "--no-print-directory",
        "free-model",
        "DATA=/data",
        "TEACHER=/peers/teacher.tflite",
    ]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    recipe = lines[lines.index("-m recipes.free.label") :].replace("\\\n", " ")
    words = [word for line in recipe.splitlines() for word in shlex.split(line)]
    paths = {
        part
        for word in words
        for part in word.split("=", 1)[-1].split(",")
        if "/" in part and not part.endswith("/python")
    }
    allowed = ("/peers/teacher.tflite", "runs/free/")
    shipped = {f"assets/free_68.{kind}" for kind in ("keras", "tflite", "json")}
    elsewhere = {path for path in paths if path != "/data/clean" and not path.startswith(allowed)}
    assert elsewhere == shipped
    for line in recipe.splitlines():
        if "assets/" in line:  # written, not read
            command, source, target = shlex.split(line)
            assert (command, target in shipped) == ("cp", True) and source.startswith("runs/free/")
    assert {word for word in words if word.startswith("--dataset=")} == {"--dataset=csv"}
    commands = [line for line in recipe.splitlines() if "train.py" in line or "evidence" in line]
    assert ["train.py" in line for line in commands] == [False, True, False, True]
    assert [word for word in words if word.startswith("--init_from=")] == [
        "--init_from=runs/free/1/model.keras"
    ]
    # A model is opened by path: a name would be that of a shipped model.
    assert all("/" in word for word in words if word.startswith("--model="))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_public_names_that_open_models_and_sets_are_not_imported(path):
    """They are found at run time, so the walk above does not see where they come from."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert "evae_tf" not in [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom) and node.module == "evae_tf":
            for alias in node.names:
                place = ROOT / "evae_tf" / alias.name
                assert place.is_dir() or place.with_suffix(".py").exists(), alias.name


def test_the_walk_sees_what_it_must_find():
    assert "evae_tf.data.synthetic.shape" in imported("recipes.hidden_points")
    assert "evae_tf.data.datasets" in imported("recipes.gather")
    assert "evae_tf.artifacts.pretrained" in imported("recipes.free.relabel")
