"""Follows a page as a reader does: in a clone, one block after the other."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, blocks, command_lines

_READ = (
    *("align.py", "evaluate.py", "export.py", "train.py", "assets", "recipes"),
    *("Makefile", "requirements.txt", "pyproject.toml"),
)
_SECONDS = 1200  # for a block, on a busy machine
# Trainings on the pages take minutes to hours. Here each has one epoch, and where a command would
# draw thousands of faces, it gets the few in DIR. The text of a page stays as it is.
_PYTHON = """#!/bin/sh
case "$1" in
  train.py) set -- "$@" --set=epochs=1 ;;
  export.py) shift; set -- export.py {faces} "$@" ;;
esac
exec {python} "$@"
"""
_FACES = "--dataset=300w --data_dir=DIR"


def clone(folder):
    """Makes a folder look like a clone: what commands read is linked, what they change is copied.

    Its `.venv` is set up: `python` is the one that runs this, but shortens what takes long.
    """
    for name in _READ:
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "serving", folder / "serving", ignore=shutil.ignore_patterns("models"))
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(_PYTHON.format(python=shlex.quote(sys.executable), faces=_FACES))
    python.chmod(0o755)
    (folder / ".venv" / "run").touch()


def follow(name, folder, instead=lambda code: None):
    """Runs the blocks of a page in order, and saves its landmark schemes under their names.

    Args:
      name: path of the page.
      folder: where the reader is; see `clone`.
      instead: called with the code of each block that is not run, in its place.
    """
    names = {"__name__": "__main__"}
    for block in blocks(name):
        if block.reason:
            instead(block.code)
        elif block.language == "json":
            scheme = json.loads(block.code)
            (folder / f"{scheme['name']}.json").write_text(block.code)
        elif block.language == "python":
            with contextlib.chdir(folder):
                exec(compile(block.code, name, "exec"), names)
        elif block.language == "shell":
            run_shell(block.code, folder)


def run_shell(code, folder):
    """Runs the lines of a block in one shell.

    Raises:
      AssertionError: a command fails, or writes nothing into the folder that it is given.
    """
    commands = (folder / ".venv" / "bin", Path(sys.executable).parent)
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env={
            **os.environ,
            "PATH": os.pathsep.join([*map(str, commands), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "MAKEFLAGS": "FACES=" + _FACES.replace(" ", r"\ "),  # of `make demo`
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            said, _ = shell.communicate(timeout=_SECONDS)
        except BaseException:
            os.killpg(shell.pid, signal.SIGKILL)  # the shell, and what it has started
            raise
    assert shell.returncode == 0, f"exit status {shell.returncode}:\n{code}\n{said}"
    for words in command_lines(code):
        for word in words:
            flag, _, output = word.partition("=")
            if flag in ("--output", "--workdir"):
                assert any((folder / output).iterdir()), f"nothing in {output}:\n{code}"
