"""Runs commands in processes that are forked from one that has imported the libraries.

Importing TensorFlow takes longer than the work of a small command, and writes nothing.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What each command imports when its flags are right.
_IMPORTED = {
    "train": ("evae_tf.training.train", "evae_tf.training.pictures", "evae_tf.data.synthetic"),
    "evaluate": ("evae_tf.evaluation.evaluate", "evae_tf.data.synthetic", "evae_tf.models"),
    "export": ("evae_tf.exporting.export", "evae_tf.data.synthetic", "evae_tf.models"),
}


class WarmCommand:
    """A command whose libraries are imported once.

    Args:
      script: `train`, `evaluate` or `export`.
    """

    def __init__(self, script: str) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.warm_commands", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def __call__(
        self, words: Sequence[str], log: Path, seconds: float | None = None
    ) -> tuple[int, float]:
        """Runs the command and returns what `finished` does.

        Args:
          words: the arguments.
          log: file that receives what it prints.
          seconds: see `finished`.
        """
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps([[*words], str(log), seconds]) + "\n")
        self._server.stdin.flush()
        status, used = json.loads(self._server.stdout.readline())
        return status, used

    def close(self) -> None:
        """Ends the process that the commands are forked from."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()


def _serve(script: str) -> None:
    """Forks a process for each line of standard input, and prints what became of it."""
    command = importlib.import_module(f"evae_tf.cli.{script}")
    for name in _IMPORTED[script]:
        importlib.import_module(name)
    for line in sys.stdin:
        words, log, seconds = json.loads(line)
        process = os.fork()
        if not process:
            _take_streams(log)
            sys.argv = [f"{script}.py", *words]
            command.main()
            return
        print(json.dumps(finished(process, seconds)), flush=True)


def _take_streams(log: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    printed = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for ours, number in ((nothing, 0), (printed, 1), (printed, 2)):
        os.dup2(ours, number)


def finished(process: int, seconds: float | None) -> tuple[int, float]:
    """Waits for a child process and returns its exit status and the processor time it used.

    Args:
      process: its number.
      seconds: the processor time at which to kill it; None: never. The status is negative then.
        Other work on the machine does not shift such a moment.
    """
    # Until it is waited for, no other process can get its number.
    while (
        seconds is not None
        and os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    ):
        if _processor_time(process) >= seconds:
            os.kill(process, signal.SIGKILL)
            break
        time.sleep(0.002)
    _, status, used = os.wait4(process, 0)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def _processor_time(process: int) -> float:
    """Seconds in user and system mode, on Linux."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    _serve(sys.argv[1])
