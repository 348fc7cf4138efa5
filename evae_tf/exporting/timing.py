"""Run time and memory of a TFLite file."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from evae_tf.array_types import FloatArray

_WARM_UP = 20
_STATUS = Path("/proc/self/status")  # Linux only
_MEASURE_MEMORY = """
import re, sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
if len(sys.argv) > 1:
    run = Interpreter(sys.argv[1], num_threads=1).get_signature_runner()
    details = run.get_input_details()["images"]
    for _ in range(3):
        run(images=np.zeros(details["shape"], details["dtype"]))
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


def interleaved(contents: Sequence[bytes], rounds: int, num_threads: int = 1) -> FloatArray:
    """Times files in turn within each round, so that other load affects all of them alike.

    Args:
      contents: list of M TFLite files, as bytes.
      rounds: R, the number of timed runs of each, after warm-up runs.
      num_threads: threads of each file.

    Returns:
      float [R, M], seconds.
    """
    runs = [_runner(content, num_threads) for content in contents]
    for run in runs:
        for _ in range(_WARM_UP):
            run()
    return np.array([[run() for run in runs] for _ in range(rounds)])


def _runner(content: bytes, num_threads: int) -> Callable[[], float]:
    """A function that runs a file once and returns the seconds it took."""
    interpreter = Interpreter(model_content=content, num_threads=num_threads)
    interpreter.allocate_tensors()
    (details,) = interpreter.get_input_details()
    image = np.random.default_rng(0).random(details["shape"], np.float32)
    image = image if details["dtype"] is np.float32 else (255 * image).astype(details["dtype"])

    def run() -> float:
        interpreter.set_tensor(details["index"], image)
        started = time.perf_counter()
        interpreter.invoke()
        return time.perf_counter() - started

    return run


def peak_memory(paths: Sequence[Path]) -> list[int] | list[None]:
    """Peak memory of a process that runs a file, minus that of a process that runs none.

    Args:
      paths: list of TFLite files with the input `images`.

    Returns:
      List of int, bytes of physical memory; of None on systems that do not report it.
    """
    if not _STATUS.exists():
        return [None] * len(paths)
    alone = _peak_memory()
    return [_peak_memory(str(path)) - alone for path in paths]


def _peak_memory(*arguments: str) -> int:
    command = [sys.executable, "-c", _MEASURE_MEMORY, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return 1024 * int(done.stdout)
