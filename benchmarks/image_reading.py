"""Runs `read_image` on damaged files and measures the outcome; see `fuzz_images`."""

import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.odd_images import damaged
from benchmarks.process_memory import memory, reset_peak
from evae_tf.data.image_files import hold_limit_in_pillow
from evae_tf.data.images import read_image
from evae_tf.errors import InputError

MOST_MB, MOST_SECONDS = 1000, 2.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of one file."""

    number: int
    format: str
    result: str
    seconds: float
    megabytes: float
    said: str


def is_good(outcome: Outcome) -> bool:
    """Whether it meets the requirements of `fuzz_images`."""
    stated = outcome.result in ("read", "refused") and not outcome.said
    return stated and outcome.megabytes < MOST_MB and outcome.seconds < MOST_SECONDS


def read_batch(batch: tuple[list[tuple[str, bytes]], int, int, int]) -> list[Outcome]:
    """The outcomes of a batch of files, with standard error captured.

    Args:
      batch: (files to damage, seed, first number, number after the last).
    """
    originals, seed, first, end = batch
    hold_limit_in_pillow()  # as the commands do
    outcomes = []
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "said", "w+b") as said:
        os.dup2(said.fileno(), 2)
        for number in range(first, end):
            rng = np.random.default_rng((seed, number))
            name, content = originals[rng.integers(len(originals))]
            path = Path(folder) / f"file.{name.lower()}"
            path.write_bytes(damaged(content, rng))
            measured = _measured(path)
            sys.stderr.flush()
            said.seek(0)
            outcomes.append(Outcome(number, name, *measured, said.read().decode(errors="replace")))
            said.seek(0)
            said.truncate()
    return outcomes


def _measured(path: Path) -> tuple[str, float, float]:
    """(outcome of a file, CPU seconds, peak megabytes)."""
    reset_peak()
    before, started = memory("VmHWM"), time.process_time()
    try:
        read_image(path)
        result = "read"
    except InputError as error:
        sentence = str(error)
        is_one = sentence.endswith(".") and "\n" not in sentence and len(sentence) < 500
        result = "refused" if is_one else f"no sentence: {sentence}"
    except BaseException as error:
        result = repr(error)
    return result, time.process_time() - started, (memory("VmHWM") - before) / 1e6
