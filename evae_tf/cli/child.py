"""Runs a command in a child process, so that an abort ends in one sentence."""

import faulthandler
import os
import signal
import sys
from types import FrameType

from evae_tf.errors import InputError


def go_on_in_child(after_abort: str) -> None:
    """Returns in a child process; the parent waits for it and exits with its status.

    JAX aborts a process, without an exception, when process 0 of several processes has ended.

    Args:
      after_abort: error message of the parent in that case.
    """
    if not hasattr(os, "fork"):  # Windows, where JAX does not train on several machines
        return
    child = os.fork()
    if not child:
        os.setpgid(0, 0)  # Ctrl-C reaches the parent, which passes it on, once
        faulthandler.disable()  # the parent says what an abort means
        return

    def pass_on(number: int, _: FrameType | None) -> None:
        os.kill(child, number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), pass_on)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == -signal.SIGABRT:
        raise InputError(after_abort)
    if status < 0:
        raise InputError(f"the training was ended by signal {-status}.")
    sys.exit(status)
