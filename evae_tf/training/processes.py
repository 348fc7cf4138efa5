"""Training on every device of a machine, or of several machines, under JAX.

All processes run the same command. A training step is one computation over the devices of all of
them: each process reads its own rows of the batch, and JAX sums the gradients. So the losses and
weights are those of one process with the same batch size, up to rounding.
"""

# Keras and JAX come without types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingImports=false

import atexit
import contextlib
import hashlib
import importlib.metadata
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
_START_S, _SILENCE_S, _SHUTDOWN_S = 120, 30, 30  # what other processes may take
_PACKAGES = ("evae-tf", "jax", "keras", "numpy")


def join(coordinator: str | None, num_processes: int | None, process_id: int | None) -> None:
    """Makes this process one of several that train together; called before JAX computes anything.

    Args:
      coordinator: HOST:PORT of the first process, free there and reachable for all others.
      num_processes: how many there are.
      process_id: which one this is, from 0. All three may be None: on a cluster that JAX detects
        (Slurm, Open MPI, Kubernetes) it fills them in, elsewhere the process trains alone.

    Raises:
      UsageError: only some of the three are given, they contradict each other, or the backend is
        not JAX.
      InputError: not all processes came within two minutes.
    """
    given = {"coordinator": coordinator, "num_processes": num_processes, "process_id": process_id}
    missing = [name for name, value in given.items() if value is None]
    if keras.config.backend() != "jax":
        if len(missing) < len(given):
            raise UsageError(
                f"several processes need KERAS_BACKEND=jax; it is {keras.config.backend()}."
            )
        return
    if missing and len(missing) < len(given):
        raise UsageError(f"{', '.join(f'--{name}' for name in missing)} missing beside the others.")
    if coordinator is not None:
        assert num_processes is not None and process_id is not None
        _check(coordinator, num_processes, process_id)
    import jax

    logging.getLogger("jax").setLevel(logging.WARNING)
    late = threading.Timer(_START_S, _say_who_is_late, [coordinator])
    late.daemon = True
    late.start()
    try:
        jax.distributed.initialize(
            *(coordinator, num_processes, process_id),
            initialization_timeout=2 * _START_S,
            heartbeat_timeout_seconds=_SILENCE_S,
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
    # JAX aborts the process where nobody answers, so that is tried first.
    deadline = time.monotonic() + _START_S
    while process_id:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise InputError(
                    f"--coordinator={coordinator}: not reached within {_START_S} s ({error}); is "
                    "the process with --process_id=0 running?"
                ) from error
            time.sleep(0.5)


def _say_who_is_late(coordinator: str | None) -> None:
    """Ends the process with a sentence; JAX would abort it without one."""
    sentence = f"not all processes came within {_START_S} s."
    print(f"error: --coordinator={coordinator}: {sentence}", file=sys.stderr, flush=True)
    os._exit(1)


def count() -> int:
    """How many processes train together."""
    if not _is_jax():
        return 1
    import jax

    return jax.process_count()


def index() -> int:
    """Which of them this is; the first, 0, writes the training folder."""
    if not _is_jax():
        return 0
    import jax

    return jax.process_index()


def share(batch_size: int) -> slice:
    """The rows of each batch that this process reads.

    Raises:
      UsageError: the devices of all processes cannot have equally many rows.
    """
    devices = len(keras.distribution.list_devices()) if _is_jax() else 1
    if batch_size % devices:
        raise UsageError(
            f"batch_size={batch_size} cannot be split over {devices} devices; expected a multiple "
            f"of {devices}."
        )
    rows = batch_size // count()
    return slice(index() * rows, (index() + 1) * rows)


@contextlib.contextmanager
def together() -> Generator[None]:
    """What is done within needs the other processes.

    Raises:
      InputError: another process ended, or runs other versions of the packages.
    """
    try:
        _compare_versions()
        yield
    except Exception as error:
        if count() > 1:
            # Before JAX, which registered earlier, waits for the processes that have ended.
            atexit.register(os._exit, 1)
            if any(word in str(error).lower() for word in ("gloo", "coordination", "nccl")):
                raise InputError(f"{_ENDED} ({first_line(error)[:200]}).") from error
        raise


@contextlib.contextmanager
def all_devices(model: Any) -> Generator[None]:
    """Within it `fit` uses every device of all processes; each holds a copy of the variables.

    Args:
      model: a compiled Keras model, built on one device: spread out from the start, every small
        computation of building would be one of all devices.
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
    """Within `all_devices`: what is built and computed here concerns this process alone."""
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def wait_for_all(name: str) -> None:
    """Returns once every process has come to the place of this name."""
    if count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(name)


def _compare_versions() -> None:
    if count() == 1:
        return
    from jax.experimental import multihost_utils

    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    digest = np.frombuffer(hashlib.sha256(versions.encode()).digest()[:4], np.uint32)
    digests: Any = multihost_utils.process_allgather(digest)
    if len(np.unique(digests)) > 1:
        raise InputError(
            f"the processes run different versions of their packages; this one has {versions}."
        )


def _is_jax() -> bool:
    return keras.config.backend() == "jax"
