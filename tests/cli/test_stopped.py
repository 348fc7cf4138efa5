"""Commands that a full disk or Ctrl-C stops: one sentence, and nothing half written.

A limit of the operating system on the size of files is put in place of a full disk.
"""

import json
import signal
import subprocess
import sys
import time

import pytest

from evae_tf.align.video_writing import video_file
from evae_tf.data.images import read_image
from tests.commands import ROOT, call, files_in, refused, words_of
from tests.portrait import PORTRAIT


def test_a_full_disk_leaves_the_old_report(good, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "ced.png").write_text("old")
    words = words_of("evaluate", good, out)
    refused(call("evaluate", *words, file_limit=9000), 1, ".png: cannot be written (File")
    assert (out / "ced.png").read_text() == "old"
    assert not list(out.glob(".*"))
    assert call("evaluate", *words).returncode == 0
    assert (out / "ced.png").stat().st_size > 9000


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A video of 60 frames whose drawn copy is larger than 100 kB."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    portrait = read_image(PORTRAIT)[:480, :480]
    with video_file(path, 25.0) as write:
        for shift in range(60):
            write(portrait[shift % 20 :][:448].copy())
    return path


@pytest.mark.parametrize("kind", ["photo", "video"])
def test_a_full_disk_leaves_no_picture_or_video(kind, clip, tmp_path):
    source = PORTRAIT if kind == "photo" else clip
    words = [f"--input={source}", f"--output={tmp_path / 'out'}", "--model=mobile_5"]
    done = call("align", *words, file_limit=30_000)
    refused(done, 1, f"_landmarks{'.jpg' if kind == 'photo' else '.mp4'}: cannot be written (")
    (done_list,) = files_in(tmp_path / "out")
    assert done_list.read_text() == ""
    assert call("align", *words).returncode == 0
    found = {path.suffix for path in files_in(tmp_path / "out")}
    assert found == {".json", ".jsonl", ".jpg" if kind == "photo" else ".mp4"}


def interrupted(script, words, started):
    """Starts a command, presses Ctrl-C as soon as `started()`; returns (status, stderr)."""
    command = [sys.executable, ROOT / f"{script}.py", *map(str, words)]

    def heed_ctrl_c():  # background jobs of a script ignore it
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c
    ) as process:
        try:
            deadline = time.monotonic() + 120
            while not started():
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()  # a failing test must not leave it running
    return process.returncode, errors


@pytest.mark.parametrize("script", ["evaluate", "export", "align"])
def test_ctrl_c_ends_with_a_sentence_and_nothing_half_written(script, clip, good, tmp_path):
    out = tmp_path / "out"
    replaced = {"input": clip, "model": "mobile_5"} if script == "align" else {}
    words = words_of(script, good, out, **replaced)
    status, errors = interrupted(script, words, lambda: out.exists() and any(out.iterdir()))
    assert status == 1, errors
    assert "error: stopped" in errors
    assert "Traceback" not in errors
    assert not list(out.glob(".*"))
    for path in out.glob("*.json"):
        json.loads(path.read_text())
    assert not list(out.glob("*.mp4"))
