"""What the pages say: blocks have a language, lines wrap, commands have flags that exist.

tests/snippets runs the blocks. `<!-- not run: REASON -->` above a block marks one that cannot run
there.
"""

import json
import re
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT, TEXTS, blocks, command_lines, inline_commands

WIDTH = 100
LANGUAGES = {"python", "shell", "json", "yaml", "text", "kotlin", "swift"}


@pytest.mark.parametrize("name", TEXTS)
def test_every_block_has_a_language(name):
    assert {block.language for block in blocks(name)} <= LANGUAGES


@pytest.mark.parametrize("name", TEXTS)
def test_lines_wrap(name):
    """Rows of tables cannot."""
    long = [line for line in TEXTS[name].splitlines() if len(line) > WIDTH and line[0] != "|"]
    assert not long


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_not_run_is_a_block_of_code(name):
    """Each mark stands right above a block. Python code that is not run is compiled, at least."""
    marked = [block for block in blocks(name) if block.reason]
    assert len(marked) == len(re.findall("^ *<!-- not run", TEXTS[name], re.MULTILINE))
    for block in marked:
        assert block.language in ("python", "shell")
        if block.language == "python":
            compile(block.code, name, "exec")


# Commands, in blocks and within the text

COMMANDS = ("bulk", "align", "evaluate", "export", "train")
# Parses each of the command lines that come in, and prints what is wrong with them.
PARSE = """
import importlib, json, sys
from absl import flags
importlib.import_module("evae_tf.cli." + sys.argv[1])
for line in json.load(sys.stdin):
    flags.FLAGS.unparse_flags()
    try:
        rest = flags.FLAGS(["command", *line])[1:]
        assert not rest, f"unexpected {rest}"
    except (flags.Error, AssertionError) as error:
        print(line, error)
"""


def calls():
    """(page, what is called, its arguments), of all pages."""
    for name in TEXTS:
        code = (block.code for block in blocks(name) if block.language == "shell")
        lines = (words for each in code for words in command_lines(each))
        for words in (*lines, *inline_commands(name)):
            if words[0] == "python" and words[1] == "-m":
                yield name, words[2], words[3:]
            elif words[0] == "python":
                yield name, words[1], words[2:]
            else:
                yield name, words[0], words[1:]


CALLS = list(calls())


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_take_their_flags(command):
    """Names, and values where a flag knows them."""
    called = (f"{command}.py", f"evae-{command}")
    lines = [arguments for _, what, arguments in CALLS if what in called]
    assert lines
    done = subprocess.run(
        [sys.executable, "-c", PARSE, command],
        input=json.dumps(lines),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stdout


def test_further_commands_exist_with_their_flags():
    """Of benchmarks, recipes and the serving client: their sources define the flags."""
    known = {f"{command}.py" for command in COMMANDS} | {f"evae-{command}" for command in COMMANDS}
    checked = 0
    for name, what, arguments in CALLS:
        if what in known or not what.endswith(".py") and not re.match(r"benchmarks|recipes", what):
            continue
        path = ROOT / (what if what.endswith(".py") else what.replace(".", "/"))
        path = next(p for p in (path, path.with_suffix(".py"), path / "__main__.py") if p.is_file())
        defined = _flags_of(path)
        given = {word[2:].partition("=")[0] for word in arguments if word.startswith("--")}
        assert given <= defined, (name, what, given - defined)
        checked += 1
    assert checked > 20


def _flags_of(path):
    """Names of the flags that a file defines, the benchmarks it imports, and all commands share."""
    text = path.read_text(encoding="utf-8")
    imported = re.findall(r"^from benchmarks(?:\.| import )(\w+)", text, re.MULTILINE)
    others = [*(f"benchmarks/{name}" for name in imported), "evae_tf/cli/data_flags"]
    files = [ROOT / f"{name}.py" for name in [*others, "evae_tf/cli/run"]]
    text += "".join(file.read_text(encoding="utf-8") for file in files if file.is_file())
    return set(re.findall(r'(?:DEFINE_\w+|define_paths?)\(\s*"(\w+)"', text))


def test_make_has_the_targets():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {words[0] for _, what, words in CALLS if what == "make"}
    assert named
    assert named <= targets
