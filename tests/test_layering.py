"""Imports flow downwards only: DESIGN's levels, checked on the source of every module."""

import ast
import graphlib
import re
from pathlib import Path

import pytest

import evae_tf

ROOT = Path(evae_tf.__file__).parent

# Modules of evae_tf and, by their folder's name, everything within a folder. A module may import
# from lower levels, from its own folder, and its equals among the single modules of its level.
LEVELS = {
    0: {"errors", "atomic", "markups", "geometry", "probability", "pretrained", "head_pose"},
    1: {
        "response_maps",
        "metrics",
        "losses",
        "figures",
        "metadata",
        "averaging",
        "muon",
        "run_folder",
        "map_shape",
        "checkpoint",
        "calibration",
        "figure_style",
        "uncertainty_figures",
    },
    2: {"data", "models", "align"},
    3: {
        "config",
        "runtime",
        "keras_file",
        "architectures",
        "objective",
        "transfer",
        "callbacks",
        "predict_request",
    },
    4: {"readings", "evaluation_figures", "evaluation", "aligner", "face_tracker"},
    5: {"training", "exporting", "photos", "videos", "serving_client"},
    6: {"cli"},
}
LEVEL_OF = {part: level for level, parts in LEVELS.items() for part in parts}
FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def _imported(source):
    """Dotted names below evae_tf that a source imports, functions' own imports among them."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError(f"line {node.lineno}: a relative import hides its level")
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        names |= {name.partition(".")[2] for name in found if name.split(".")[0] == "evae_tf"}
    return names


def _part(path):
    """The module or folder of evae_tf that a file belongs to."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


def _forbidden(part, source):
    """What a file of `part` imports and must not."""
    wrong = set()
    for name in _imported(source):
        target = name.split(".")[0]
        if target in (part, "__version__"):
            continue
        level = LEVEL_OF.get(target, 99)  # what only __init__ knows, such as the public API
        folder = (ROOT / target).is_dir() or (ROOT / part).is_dir()
        if level > LEVEL_OF[part] or (level == LEVEL_OF[part] and folder):
            wrong.add(name)
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_a_level_and_imports_only_from_below(path):
    part = _part(path)
    assert part in LEVEL_OF, f"{part} is new: give it a level here and in CONTRIBUTING.md"
    assert not _forbidden(part, path.read_text(encoding="utf-8"))


def test_the_tree_in_contributing_names_every_part_at_its_level():
    text = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, *sections = re.split(r"^  L(\d)  ", text.split("```")[1], flags=re.MULTILINE)
    drawn = {
        int(level): set(re.findall(r"\w+(?:\.py|/)", section))
        for level, section in zip(sections[::2], sections[1::2], strict=True)
    }
    for level, parts in LEVELS.items():
        files = {f"{part}/" if (ROOT / part).is_dir() else f"{part}.py" for part in parts}
        assert not files - drawn[level], f"CONTRIBUTING.md lacks some of level {level}"


def test_no_two_parts_import_each_other():
    graph = {}
    for path in FILES:
        targets = {name.split(".")[0] for name in _imported(path.read_text(encoding="utf-8"))}
        graph.setdefault(_part(path), set()).update(targets - {_part(path)})
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("geometry", "from evae_tf import metrics"),
        ("metrics", "import evae_tf.data.face"),
        ("data", "from evae_tf.models.encoder import FaceEncoder"),
        ("models", "def build():\n    from evae_tf.data import augment"),
        ("evaluation", "from evae_tf.cli.run import run"),
        ("training", "from evae_tf import Aligner"),
    ],
)
def test_the_check_itself_finds_upward_and_sideways_imports(part, source):
    assert _forbidden(part, source)


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("metrics", "from evae_tf import geometry\nfrom evae_tf.errors import InputError"),
        ("losses", "from evae_tf.response_maps import soft_argmax"),
        ("data", "from evae_tf.data.face import Face"),
        ("cli", "from evae_tf import training\nimport numpy"),
    ],
)
def test_the_check_itself_lets_the_others_pass(part, source):
    assert not _forbidden(part, source)
