"""Ray, started on this machine or joined, without its log lines."""

import contextlib
import logging
import os
import signal
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path

from evae_tf.bulk.workers import CPUS
from evae_tf.errors import InputError, UsageError, first_line

_SECONDS = 5  # timeout of a cluster; Ray itself would try for two minutes
_STORE_BYTES = 2**28  # of the local cluster: it holds addresses and counts, no photos


@contextlib.contextmanager
def joined(address: str | None) -> Iterator[None]:
    """Context in which Ray runs.

    Args:
      address: `HOST:PORT` of a cluster, or `auto` on one of its machines; None starts Ray here.

    Raises:
      InputError: no cluster answers, or it has another version of Ray or Python.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if address is not None:
        _check_that_it_answers(address)
        _take_token()
    import ray  # reads the environment

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        _start(address)
    except (Exception, SystemExit) as error:  # of any type; a busy machine may take over 30 s
        if address is None:
            raise InputError(f"Ray cannot start on this machine ({_reason(error)}).") from error
        raise InputError(
            f"--address={address}: cannot be used ({_reason(error)}). If the cluster asks for a "
            "token, put it into RAY_AUTH_TOKEN or ~/.ray/auth_token."
        ) from error
    for number, handler in handlers.items():  # Ray replaces them
        signal.signal(number, handler)
    try:
        yield
    finally:
        ray.shutdown()


def workers_that_fit(workers: int | None) -> int:
    """Number of workers; None: one for each CPU of the cluster.

    Raises:
      InputError: the cluster has no CPU for a worker.
      UsageError: the cluster has too few CPUs for this number.
    """
    import ray

    cpus = ray.cluster_resources().get("CPU", 0)
    most = int(cpus / CPUS)
    if not most:
        raise InputError(f"the Ray cluster has {cpus:g} CPUs; a worker needs {CPUS}.")
    if workers is not None and workers > most:
        raise UsageError(
            f"--workers={workers}: the Ray cluster has {cpus:g} CPUs, enough for {most} workers."
        )
    return workers or max(1, int(cpus))


def _start(address: str | None) -> None:
    import ray

    local = {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
    ray.init(
        address or "local",
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        **({} if address else local),
    )
    import ray.data

    # Private, but the only way: Ray prints pages of the logs of nodes when one is lost.
    ray._private.worker._worker_logs_enabled = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"ray\.")
    ray.data.DataContext.get_current().enable_progress_bars = False


def _check_that_it_answers(address: str) -> None:
    if address == "auto":
        noted = Path("/tmp/ray/ray_current_cluster")  # from Ray; the cluster may have ended
        found = os.environ.get("RAY_ADDRESS") or (noted.read_text() if noted.exists() else "")
        if not found:
            return
        host, _, port = found.strip().rpartition(":")
    else:
        host, _, port = address.rpartition(":")
    if "/" in address or not host or not port.isdecimal():
        raise UsageError(
            f"--address={address}: expected HOST:PORT of a cluster's head, such as "
            "10.0.0.1:6379, or auto on one of its machines."
        )
    try:
        socket.create_connection((host, int(port)), _SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--address={address}: no Ray cluster answers there ({first_line(error)})."
        ) from error


def _take_token() -> None:
    """Makes Ray send the token of this machine; given an address, it would not."""
    names = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    exists = os.path.exists(os.path.expanduser("~/.ray/auth_token"))
    if exists or any(name in os.environ for name in names):
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _reason(error: BaseException) -> str:
    """Ray's message in one line. Ray may also exit instead of raising an error."""
    if isinstance(error, SystemExit):
        return "Ray timed out"
    return " ".join(str(error).split())[:300].rstrip(".")
