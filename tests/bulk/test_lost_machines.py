"""A node that dies, and a command that is killed: every photo is there exactly once."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.bulk.conftest import COMMANDS, begun, bulk, images_of, wait_for_parts

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

NODE = {"num_cpus": 1, "object_store_memory": 2**27, "include_dashboard": False}


@contextlib.contextmanager
def cluster(**head):
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={**NODE, **head})
    try:
        yield made
    finally:
        made.shutdown()


@contextlib.contextmanager
def started_by_command(port):
    """A cluster as `ray start` leaves it, which asks for a token."""
    words = f"--port={port}", "--num-cpus=1", f"--object-store-memory={2**27}", "--block"
    head = subprocess.Popen(
        [COMMANDS / "ray", "start", "--head", "--disable-usage-stats", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        head.terminate()
        head.wait(60)


def test_a_cluster_of_ray_start_is_joined(photos, tmp_path, monkeypatch):
    table, port = tmp_path / "photos.csv", free_port()
    table.write_text("image\n" + "\n".join(f"{photos}/0{i}_1.png" for i in range(5)))
    words = f"--input={table}", f"--output={tmp_path / 'output'}"
    with started_by_command(port):
        wait_for_port(port)
        monkeypatch.delenv("RAY_AUTH_MODE")  # a user has the token, and no more
        # Two workers book the whole CPU: what reads the table has to run all the same.
        call = bulk(*words, f"--address=127.0.0.1:{port}", "--workers=2")
    assert call.returncode == 0, call.stderr
    assert call.stdout.startswith("5 photos, 5 faces")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for_port(port):
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return time.sleep(3)  # until the node has joined its head
        time.sleep(0.1)
    raise TimeoutError


def test_a_node_is_lost_and_another_joins(photos, names, tmp_path):
    with cluster() as nodes:
        node = nodes.add_node(**NODE)
        words = f"--input={photos}", f"--output={tmp_path}", f"--address={nodes.address}"
        call = begun(*words, "--workers=2")
        wait_for_parts(tmp_path, 4, call)
        nodes.remove_node(node, allow_graceful=False)
        nodes.add_node(**NODE)
        printed, errors = call.communicate(timeout=200)
    assert call.returncode == 0, errors
    assert errors == ""
    assert printed.startswith("300 photos, ")
    assert len(printed.splitlines()) == 1
    assert images_of(tmp_path) == names


def test_a_command_is_killed_and_called_again(photos, names, tmp_path):
    words = f"--input={photos}", f"--output={tmp_path}", "--workers=2"
    call = begun(*words)
    wait_for_parts(tmp_path, 4, call)
    call.send_signal(signal.SIGKILL)
    call.communicate()
    again = bulk(*words)
    assert again.returncode == 0, again.stderr
    assert not again.stdout.startswith("300 photos")
    assert images_of(tmp_path) == names


def test_a_command_that_is_stopped_says_so(photos, tmp_path):
    call = begun(f"--input={photos}", f"--output={tmp_path}", "--workers=1")
    wait_for_parts(tmp_path, 1, call)
    call.send_signal(signal.SIGTERM)
    _, errors = call.communicate(timeout=60)
    assert call.returncode == 1
    (line,) = errors.strip().splitlines()
    assert line.startswith("error: stopped; finished work is kept")


def test_a_node_of_other_versions_is_named(photos, tmp_path):
    record = tmp_path / "packages" / "pillow-1.0.dist-info" / "METADATA"
    record.parent.mkdir(parents=True)
    record.write_text("Metadata-Version: 2.1\nName: pillow\nVersion: 1.0\n")
    output = tmp_path / "output"
    with cluster(num_cpus=0) as nodes:
        nodes.add_node(**NODE, env_vars={"PYTHONPATH": str(record.parents[1])})
        words = f"--input={photos}", f"--output={output}", f"--address={nodes.address}"
        call = bulk(*words, "--workers=1")
    assert call.returncode == 1
    assert call.stderr.count("\n") == 1, call.stderr
    line = call.stderr
    assert "has pillow 1.0, but the machine of the command has" in line
    assert not list(output.glob("part-*"))


def test_a_worker_that_dies_again_and_again_ends_the_run(photos, tmp_path):
    call = begun(f"--input={photos}", f"--output={tmp_path}", "--workers=1")
    end = time.monotonic() + 120
    while call.poll() is None and time.monotonic() < end:
        for worker in workers_below(call.pid):
            os.kill(worker, signal.SIGKILL)  # as the system does when memory runs out
        time.sleep(0.05)
    _, errors = call.communicate(timeout=60)
    assert call.returncode == 1
    (line,) = errors.strip().splitlines()
    assert line.startswith(
        "error: workers were killed repeatedly, probably because memory ran out. Use fewer"
    )
    assert not list(tmp_path.glob("part-*"))


def workers_below(pid):
    """The processes of actors that a command started, which hold an aligner each."""
    parents, actors = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
            if "MapWorker" in (folder / "cmdline").read_text():
                actors.append(int(folder.name))

    def is_below(process):
        return process == pid or (process in parents and is_below(parents[process]))

    return [actor for actor in actors if is_below(actor)]
