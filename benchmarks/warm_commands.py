"""Runs commands in processes that are forked from one that has imported the libraries.

Importing TensorFlow takes longer than the work of a small command, and writes nothing.
"""

import gc
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What the commands import when their flags are right.
_IMPORTED = (
    *("evae_tf.data.synthetic", "evae_tf.models", "evae_tf.align.files"),
    *("evae_tf.training.train", "evae_tf.training.pictures"),
    *("evae_tf.evaluation.evaluate", "evae_tf.exporting.export"),
)


class WarmCommands:
    """The commands `align`, `train`, `evaluate` and `export`, whose libraries are imported once."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.warm_commands"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def __call__(
        self,
        script: str,
        words: Sequence[str],
        log: Path,
        seconds: float | None = None,
        *,
        errors: Path | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        file_limit: int | None = None,
    ) -> tuple[int, float]:
        """Runs a command and returns what `finished` does.

        Args:
          script: its name.
          words: the arguments.
          log: file that receives what it prints.
          seconds: see `finished`.
          errors: file that receives what it prints to standard error, if not `log`.
          folder: where it runs, if not here.
          environment: variables that differ for it.
          file_limit: the largest size of a file, in bytes, that the system lets it write.
        """
        assert self._server.stdin is not None and self._server.stdout is not None
        given = {
            "words": [*map(str, words)],
            "log": str(Path(log).absolute()),
            "errors": str(Path(errors or log).absolute()),
            "folder": str(folder or Path.cwd()),
            "environment": dict(environment or {}),
            "file_limit": file_limit,
        }
        self._server.stdin.write(json.dumps([script, seconds, given]) + "\n")
        self._server.stdin.flush()
        status, used = json.loads(self._server.stdout.readline())
        return status, used

    def close(self) -> None:
        """Ends the process that the commands are forked from."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()


def _serve() -> None:
    """Forks a process for each line of standard input, and prints what became of it."""
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # a command would take a second to look through the libraries' objects as it ends
    for line in sys.stdin:
        script, seconds, given = json.loads(line)
        process = os.fork()
        if not process:
            _become(script, **given)
            # Only here: the commands have flags of the same names.
            importlib.import_module(f"evae_tf.cli.{script}").main()
            return
        print(json.dumps(finished(process, seconds)), flush=True)


def _become(
    script: str,
    words: list[str],
    log: str,
    errors: str,
    folder: str,
    environment: dict[str, str],
    file_limit: int | None,
) -> None:
    """Makes this process what a shell would start."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    printed = os.open(log, written)
    complained = printed if errors == log else os.open(errors, written)
    for ours, number in ((nothing, 0), (printed, 1), (complained, 2)):
        os.dup2(ours, number)
    os.chdir(folder)
    os.environ.update(environment)
    if file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    sys.argv = [f"{script}.py", *words]


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
    _serve()
