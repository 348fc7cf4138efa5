"""Training on all devices of one or several machines, under JAX.

All processes run the same command. A training step is one computation over the devices of all
processes. Each process reads its own rows of the batch, and JAX sums the gradients. So losses and
weights are those of one process with the same batch size, up to rounding.
"""

# Keras and JAX come without types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingImports=false

import atexit
import contextlib
import itertools
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Generator
from typing import Any

import keras
import numpy as np

from evae_tf.errors import InputError, UsageError, first_line

_ENDED = "another process of this training has ended; run the same command for every one to resume"
_START_S, _HEARTBEAT_S, _SHUTDOWN_S = 120, 30, 30  # timeouts of the other processes


def join(coordinator: str | None, num_processes: int | None, process_id: int | None) -> None:
    """Connects this process to the others that train with it, before JAX computes anything.

    Args:
      coordinator: HOST:PORT of the first process, reachable from all others.
      num_processes: number of processes.
      process_id: number of this process, from 0. All three may be None: JAX fills them in on a
        cluster that it detects (Slurm, Open MPI); otherwise the process trains alone.

    Raises:
      UsageError: only some of the three are given, a value is wrong, or the backend is not JAX.
      InputError: the coordinator is not reachable within two minutes.
    """
    given = {"coordinator": coordinator, "num_processes": num_processes, "process_id": process_id}
    missing = [name for name, value in given.items() if value is None]
    if keras.config.backend() != "jax":
        if len(missing) < len(given):
            raise UsageError(
                f"KERAS_BACKEND={keras.config.backend()}: several processes need the backend jax."
            )
        return
    if missing and len(missing) < len(given):
        names = ", ".join(f"--{name}" for name in missing)
        raise UsageError(f"{names} missing, expected all three flags of a process or none.")
    if coordinator is not None:
        assert num_processes is not None and process_id is not None
        _check(coordinator, num_processes, process_id)
    import jax

    logging.getLogger("jax").setLevel(logging.WARNING)
    late = threading.Timer(_START_S, _end_late)
    late.daemon = True
    late.start()
    try:
        jax.distributed.initialize(
            *(coordinator, num_processes, process_id),
            initialization_timeout=2 * _START_S,
            heartbeat_timeout_seconds=_HEARTBEAT_S,
            shutdown_timeout_seconds=_SHUTDOWN_S,
        )
    except ValueError:  # no cluster was detected
        if coordinator is not None:
            raise
    finally:
        late.cancel()


def _check(coordinator: str, num_processes: int, process_id: int) -> None:
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"--coordinator={coordinator}: expected HOST:PORT.")
    if not 0 <= process_id < num_processes:
        raise UsageError(
            f"--process_id={process_id} of --num_processes={num_processes}: expected 0 to "
            f"{num_processes - 1}."
        )
    # JAX aborts the process if the coordinator does not answer, so this tries first.
    deadline = time.monotonic() + _START_S
    while process_id:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise InputError(
                    f"--coordinator={coordinator}: not reachable within {_START_S} s ({error}); "
                    "is the process with --process_id=0 running?"
                ) from error
            time.sleep(0.5)


def _end_late() -> None:
    """Ends the process with one sentence; JAX would abort it without one."""
    sentence = f"error: not all processes of the training connected within {_START_S} s."
    print(sentence, file=sys.stderr, flush=True)
    os._exit(1)


def count() -> int:
    """Number of processes that train together."""
    if not _is_jax():
        return 1
    import jax

    return jax.process_count()


def index() -> int:
    """Number of this process; process 0 writes the training folder."""
    if not _is_jax():
        return 0
    import jax

    return jax.process_index()


def devices() -> int:
    """Number of devices that a batch is split over, of all processes."""
    return len(keras.distribution.list_devices()) if _is_jax() else 1


def share(batch_size: int) -> slice:
    """The rows of each batch that this process reads.

    Raises:
      UsageError: the batch cannot be split equally over the devices of all processes.
    """
    parts = devices()
    if batch_size % parts:
        raise UsageError(
            f"batch_size={batch_size} cannot be split over {parts} devices; expected a multiple "
            f"of {parts}."
        )
    rows = batch_size // count()
    return slice(index() * rows, (index() + 1) * rows)


@contextlib.contextmanager
def together() -> Generator[None]:
    """Context in which the processes depend on each other.

    Raises:
      InputError: another process ended.
    """
    try:
        yield
    except Exception as error:
        if count() > 1:
            # Runs before the exit handler of JAX, which would wait for processes that have ended.
            atexit.register(os._exit, 1)
            if any(word in str(error).lower() for word in ("gloo", "coordination", "nccl")):
                raise InputError(f"{_ENDED} ({first_line(error)[:200]}).") from error
        raise


@contextlib.contextmanager
def all_devices(model: Any) -> Generator[None]:
    """Context in which `fit` uses all devices of all processes; each has a copy of the variables.

    Args:
      model: a compiled Keras model, built on one device. Built on all devices, every small
        computation of its construction would run on all of them.
    """
    if not _is_jax() or len(keras.distribution.list_devices()) == 1:
        yield
        return
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    state = (model.variables, model.optimizer.variables, model.metrics_variables)
    for variable in itertools.chain(*state):
        variable._layout = distribution.get_variable_layout(variable)
        variable.assign(variable.value)
    with distribution.scope():
        yield


@contextlib.contextmanager
def one_device() -> Generator[None]:
    """Context inside `all_devices` for computations of this process alone."""
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def gather(content: bytes) -> list[bytes]:
    """The contents that all processes give, by number of the process."""
    if count() == 1:
        return [content]
    from jax.experimental import multihost_utils

    lengths: Any = multihost_utils.process_allgather(np.array([len(content)]))
    padded = np.zeros(lengths.max(), np.uint8)  # all processes have to give arrays of one shape
    padded[: len(content)] = np.frombuffer(content, np.uint8)
    contents: Any = multihost_utils.process_allgather(padded)
    pairs = zip(contents, lengths.ravel(), strict=True)
    return [np.asarray(row)[:length].tobytes() for row, length in pairs]


def wait_for_all(name: str) -> None:
    """Waits until every process has reached the point with this name."""
    if count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(name)


def _is_jax() -> bool:
    return keras.config.backend() == "jax"
