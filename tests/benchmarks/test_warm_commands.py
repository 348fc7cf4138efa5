"""Commands that start with their libraries imported, and are killed at a given moment."""

import contextlib
import functools
import os
import signal

import pytest

from benchmarks.warm_commands import WarmCommands


@pytest.fixture(scope="module")
def commands():
    with contextlib.closing(WarmCommands()) as commands:
        yield commands


@pytest.fixture
def evaluate(commands):
    return functools.partial(commands, "evaluate")


def test_a_command_is_as_if_called_alone(evaluate, tmp_path):
    """Its arguments, its status and what it prints; the calls know nothing of one another."""
    log = tmp_path / "log.txt"
    for _ in range(2):
        assert evaluate(["--help"], log)[0] == 0
        assert "--group_by" in log.read_text()
        assert evaluate(["--model="], log)[0] == 2
        assert log.read_text().startswith("error: flag --model=: expected a path")


def test_it_is_killed_at_its_moment_and_not_when_it_ended_before(evaluate, tmp_path):
    words = ["--model=mobile_5", "--dataset=synthetic", "--markup=mtfl_5"]
    words.append(f"--output={tmp_path / 'out'}")
    status, used = evaluate(words, tmp_path / "log.txt", 0.05)
    assert status == -signal.SIGKILL
    assert 0.05 <= used < 0.5
    assert not (tmp_path / "out").exists()
    status, used = evaluate(["--help"], tmp_path / "log.txt", 60.0)
    assert (status, used < 60) == (0, True)


def test_a_command_runs_where_it_is_told_to(commands, tmp_path):
    """Its folder, its home, its streams and the largest file that it may write are its own."""
    log, errors, home = (tmp_path / name for name in ("log.txt", "errors.txt", "home"))
    status, _ = commands("export", ["--model=mine.keras"], log, errors=errors, folder=tmp_path)
    assert (status, log.read_text()) == (1, "")
    assert errors.read_text().splitlines()[-1].startswith("error: mine.keras: ")
    commands("export", ["--model=~/mine.keras"], log, environment={"HOME": str(home)})
    assert log.read_text().splitlines()[-1].startswith(f"error: {home / 'mine.keras'}: ")
    assert os.environ["HOME"] != str(home)
    assert commands("train", ["--help"], log, errors=errors, file_limit=100)[0] == 1
    assert log.stat().st_size == 100
    assert commands("train", ["--help"], log)[0] == 0
    assert log.stat().st_size > 1000
