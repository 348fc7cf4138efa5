"""Calls that cannot be done: one sentence, and nothing written."""

import socket

import pytest

from tests.bulk.conftest import bulk


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ((), 2, "--input is missing"),
        (("--input={photos}", "--address=nowhere"), 2, "expected HOST:PORT"),
        (("--input={photos}", "--address=ray://a:1"), 2, "expected HOST:PORT"),
        (("--input={photos}", "--address=127.0.0.1:{port}"), 1, "no Ray cluster answers there"),
        (("--input={photos}", "--address=auto"), 1, "--address=auto: "),
        (("--input={photos}", "--model=none"), 1, "known: "),
        (("--input={photos}/none.csv",), 1, "there is no such file"),
        (("--input={photos}", "--detector=yunet"), 2, "yunet"),
        (("--input={photos}", "--model={photos}/00_0.png"), 1, "unknown kind of file"),
        (("--input={photos}", "--output={photos}/00_0.png/out"), 1, "cannot write to this folder"),
        (("--input={photos}", "--workers=0"), 2, "workers"),
        (("--input={photos}", "--workers=10000"), 2, "CPUs, enough for"),
        (("--report",), 1, "holds no landmarks"),
    ],
)
def test_a_wrong_call(photos, tmp_path, words, status, sentence):
    words = [word.format(photos=photos, port=closed_port()) for word in words]
    call = bulk(f"--output={tmp_path / 'output'}", *words)
    assert call.returncode == status, call.stderr
    (line,) = call.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert sentence in line
    assert not list((tmp_path / "output").glob("*"))


def test_output_is_needed():
    call = bulk("--input=.")
    assert (call.returncode, call.stderr.count("\n")) == (2, 1)
    assert "--output is missing" in call.stderr


def test_nothing_heavy_is_imported():
    import subprocess
    import sys

    code = (
        "import sys, evae_tf.cli.bulk, evae_tf.bulk.run, evae_tf.bulk.report\n"
        "print({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout == "set()\n"
