"""Commands that start with their libraries imported, and are killed at a given moment."""

import contextlib
import signal

import pytest

from benchmarks.warm_commands import WarmCommand


@pytest.fixture(scope="module")
def evaluate():
    with contextlib.closing(WarmCommand("evaluate")) as command:
        yield command


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
