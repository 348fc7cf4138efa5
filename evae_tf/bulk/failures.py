"""Errors of Ray, in one sentence each."""

import contextlib
from collections.abc import Iterator

from ray.data import DataContext
from ray.data.exceptions import ExecutionTimeoutError
from ray.exceptions import OutOfMemoryError, RayActorError, RayError

from evae_tf.errors import InputError, first_line

RAISED = (RayError, ExecutionTimeoutError)

_KEPT = "Finished work is kept. Run the same command without --overwrite to resume."


@contextlib.contextmanager
def stated() -> Iterator[None]:
    """Turns errors of Ray into stated ones."""
    try:
        yield
    except RAISED as error:
        raise InputError(sentence(error)) from error


def sentence(error: BaseException) -> str:
    """The cause of an error, and what to do about it.

    Args:
      error: one of `RAISED`.
    """
    if (ours := _stated(error)) is not None:
        return first_line(ours)  # Ray adds its own advice
    if isinstance(error, ExecutionTimeoutError):
        minutes = DataContext.get_current().execution_no_progress_timeout_s / 60
        return (
            f"the Ray cluster made no progress for {minutes:g} minutes. Workers cannot start, or "
            f"are killed because memory runs out. {_KEPT}"
        )
    reason = _last_line(error)
    if isinstance(error, RayActorError) and getattr(error, "actor_init_failed", False):
        return f"a worker cannot start on its node ({reason})."
    if isinstance(error, RayActorError | OutOfMemoryError):
        return (
            "workers were killed repeatedly, probably because memory ran out. Use fewer --workers "
            f"or machines with more memory ({reason}). {_KEPT}"
        )
    return f"the workers failed ({reason}). {_KEPT}"


def _stated(error: BaseException | None) -> InputError | None:
    """The stated error of a task. Ray wraps it in errors that are instances of the same class."""
    while error is not None and (isinstance(error, RayError) or not isinstance(error, InputError)):
        error = getattr(error, "cause", None) or error.__cause__
    return error


def _last_line(error: BaseException) -> str:
    """The last line of a traceback, which gives the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200].rstrip(".") if lines else type(error).__name__
