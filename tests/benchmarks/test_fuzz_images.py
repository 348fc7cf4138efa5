"""A sample of the files of `benchmarks.fuzz_images`, and its criteria."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.image_reading import Outcome, is_good

ROOT = Path(__file__).parents[2]


def test_damaged_files_end_in_pixels_or_in_a_sentence():
    command = [sys.executable, "-m", "benchmarks.fuzz_images", "--files=400", "--seed=1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    everything, files, read, refused, *_ = done.stdout.splitlines()[-1].split()
    assert (everything, int(files)) == ("all", 400)
    assert int(read) + int(refused) == 400
    assert min(int(read), int(refused)) > 100


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"result": "refused"}, True),
        ({"result": "ZeroDivisionError()"}, False),
        ({"seconds": 3.0}, False),
        ({"megabytes": 1100.0}, False),
        ({"said": "a warning"}, False),
    ],
)
def test_what_is_good(change, expected):
    usual = {"number": 3, "format": "PNG", "result": "read", "seconds": 0.1, "megabytes": 2.0}
    assert is_good(Outcome(**{**usual, "said": "", **change})) == expected
