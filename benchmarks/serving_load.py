"""Load test of the serving graph: many clients, some requests malformed.

A separate process serves a version on loopback, over gRPC and REST (`tests/serving`). Clients of
both protocols send requests concurrently. Each answer is compared with that of an idle server; a
malformed request must get an error, or `valid` false. The server's memory is printed once a minute.

  python -m benchmarks.serving_load --seconds=600
"""

import multiprocessing
import os
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags
from tabulate import tabulate

from benchmarks.process_memory import memory
from benchmarks.serving_requests import Load
from evae_tf.artifacts import sidecar
from evae_tf.cli.path_flags import define_path
from evae_tf.exporting.export import export_model

FLAGS = flags.FLAGS
define_path("version", None, "Version folder; by default, `--model` is exported.")
define_path("model", "mobile_68", "Model to export if no version is given.")
flags.DEFINE_integer("seconds", 600, "Duration of the load.", lower_bound=1)
flags.DEFINE_integer("clients", 8, "Number of clients, half of them over REST.", lower_bound=1)
flags.DEFINE_float("malformed", 0.2, "Share of requests that are malformed.", 0.0, 1.0)

_MINUTE = 60


def serve(version: Path, pipe: Connection) -> None:
    """Serves until a message arrives; sends the addresses and the time of the network alone."""
    import tensorflow as tf

    from tests.serving.loopback_server import GrpcServer, Model, RestServer

    model = Model(version)
    size = sidecar.read_description(version / sidecar.SAVED_MODEL_METADATA)["input_size"]
    crop, times = {"images": np.zeros((1, size, size, 3), np.float32)}, []
    for _ in range(30):
        started = time.perf_counter()
        model.answer("serving_default", crop)
        times.append(time.perf_counter() - started)
    tf.get_logger().setLevel("ERROR")
    with GrpcServer(model) as grpc, RestServer(model) as rest:
        pipe.send(({"grpc": grpc.address, "rest": rest.address}, size, float(np.median(times))))
        pipe.recv()


def follow(load: Load, server: Any, seconds: int) -> list[float]:
    """Prints a line per minute; returns the server's memory at the end of each, in MB."""

    def megabytes() -> float:
        return memory("VmRSS", server.pid) / 2**20

    used: list[float] = []
    print(f"the server uses {megabytes():.0f} MB", flush=True)
    for start in range(0, seconds, _MINUTE):
        length = min(_MINUTE, seconds - start)
        server.join(length)
        if not server.is_alive():
            break
        took, load.latencies = load.latencies, []
        used.append(megabytes())
        photos = sum(rows for _, rows in took) / length
        half, most = 1e3 * np.quantile([latency for latency, _ in took] or [0], [0.5, 0.99])
        print(
            f"minute {len(used)}: {used[-1]:.0f} MB, {len(took)} valid requests, "
            f"{photos:.1f} photos per second, latency {half:.0f} ms, 99 % within {most:.0f} ms, "
            f"{len(load.wrong)} answers wrong, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    return used


def main(_: list[str]) -> None:
    """Runs server and clients; exits with status 1 if an answer was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        version = Path(FLAGS.version or f"{folder}/1")
        if not FLAGS.version:
            export_model(FLAGS.model, folder, ["serving"])
        pipe, other = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=serve, args=(version, other))
        server.start()
        other.close()  # so that `recv` fails if the server does
        addresses, size, network = pipe.recv()
        load, end = Load(addresses, size, FLAGS.malformed), time.monotonic() + FLAGS.seconds
        asking = [
            threading.Thread(target=load.ask, args=(("grpc", "rest")[i % 2], i, end))
            for i in range(FLAGS.clients)
        ]
        for thread in asking:
            thread.start()
        used = follow(load, server, FLAGS.seconds)
        for thread in asking:
            thread.join()
        went_away = not server.is_alive()
        pipe.send("enough")
        server.join()
    print(tabulate(sorted(load.counts.items()), tablefmt="plain"))
    print(f"the network alone takes {1e3 * network:.1f} ms for a crop, on the idle server")
    if used:
        print(f"memory after the first minute: {used[0]:.0f} MB, at the end {used[-1]:.0f}")
    print(*load.wrong[:20], sep="\n")
    if load.wrong or went_away:
        raise SystemExit("the server ended" if went_away else "answers were wrong")


if __name__ == "__main__":
    app.run(main)
