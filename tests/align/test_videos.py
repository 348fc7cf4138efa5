"""Video files and cameras: read, refused, aligned, and written again."""

import csv
import json
import os
import shutil

import cv2
import numpy as np
import pytest

from evae_tf import Aligner
from evae_tf.align.files import align_files
from evae_tf.align.frames import Video
from evae_tf.align.output import Output
from evae_tf.align.sources import Sources
from evae_tf.align.video_writing import video_file
from evae_tf.errors import InputError
from tests.align.two_heads import COUNT, HEIGHT, RATE, WIDTH, crossing
from tests.commands import start


@pytest.fixture(scope="module")
def aligner():
    return Aligner.load("mobile_68")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "two_heads.mp4"
    with video_file(path, RATE) as write:
        for frame in crossing():
            write(frame)
    return path


def test_frames_survive_a_file(video):
    read = list(Video(video))
    assert len(read) == COUNT
    assert Video(video).announced == COUNT
    np.testing.assert_allclose([seconds for seconds, _ in read], np.arange(COUNT) / RATE)
    for (_, frame), written in zip(read, crossing(), strict=True):
        assert np.abs(frame.astype(int) - written).mean() < 6  # a lossy codec; colours in order


@pytest.mark.parametrize("source", ["clip.mp4", "camera:x", "camera:97"])
def test_what_is_no_video_is_refused(source, tmp_path):
    with pytest.raises(InputError, match=source):
        Video(source if source.startswith("camera") else tmp_path / source)


def test_a_file_that_only_looks_like_a_video_is_refused(tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    with pytest.raises(InputError, match=r"notes\.mp4"):
        Video(tmp_path / "notes.mp4")


def test_what_is_no_file_is_not_called_missing(tmp_path):
    """Opening a pipe would wait for its writer, without end."""
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    for name in ("pipe.mp4", "folder.mp4"):
        with pytest.raises(InputError, match=f"{name}: found a folder, a pipe or a device, "):
            Video(tmp_path / name)


def test_a_video_becomes_landmarks_and_a_video(video, tmp_path):
    done = start("align", f"--input={video}", f"--output={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert f"{COUNT} frames" in done.stdout
    assert "different faces: 2, in all frames: " in done.stdout
    record = json.loads((tmp_path / "two_heads.json").read_text())
    assert (record["width"], record["height"], record["fps"]) == (WIDTH, HEIGHT, RATE)
    assert [frame["frame"] for frame in record["frames"]] == list(range(COUNT))
    for frame in record["frames"]:
        assert {face["id"] for face in frame["faces"]} == {0, 1}
    assert len(list(Video(tmp_path / "two_heads_landmarks.mp4"))) == COUNT
    again = start("align", f"--input={video}", f"--output={tmp_path}")
    assert "skipped" in again.stdout
    copy = tmp_path / "copy" / video.name
    copy.parent.mkdir()
    shutil.copy(video, copy)
    other = start("align", f"--input={copy}", f"--output={tmp_path}")
    assert other.returncode == 1
    assert "two_heads.json: the file exists" in other.stderr


@pytest.mark.parametrize(("ending", "unit"), [("avi", "frames"), ("mkv", "bytes"), ("ts", "bytes")])
def test_a_video_cut_short_keeps_what_came_before(ending, unit, video, tmp_path):
    """These play up to where they were cut; an .mp4 has its table of frames at its end."""
    whole = tmp_path / f"whole.{ending}"
    with video_file(whole, RATE) as write:
        for _, frame in Video(video):
            write(frame)
    cut = tmp_path / f"cut.{ending}"
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    done = start(
        "align", f"--input={cut}", f"--output={tmp_path / 'out'}", "--format=csv", "--draw="
    )
    assert done.returncode == 1
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.startswith(f"error: {cut}: ends ")
    assert f" {unit} " in sentence
    with (tmp_path / "out" / "cut.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert 4 < len({row["frame"] for row in rows}) < COUNT
    assert not list((tmp_path / "out").glob("*.mp4"))


class _Camera:
    """A fake camera: yields the video's frames, then calls `end`."""

    def __init__(self, video, end):
        self._capture, self._end = cv2.VideoCapture(str(video)), end
        self.isOpened, self.release = self._capture.isOpened, self._capture.release

    def get(self, _):
        return 0.0  # many cameras report no frame rate, and none reports a number of frames

    def read(self):
        good, frame = self._capture.read()
        return (good, frame) if good else self._end()


def _unplugged():
    return False, None


def _ctrl_c():
    raise KeyboardInterrupt


@pytest.mark.parametrize(("end", "unplugged"), [(_unplugged, True), (_ctrl_c, False)])
def test_what_a_camera_saw_is_written(aligner, video, tmp_path, monkeypatch, end, unplugged):
    opened = cv2.VideoCapture

    def open_source(source, *settings):  # the drawn video is opened, too, to count its frames
        return _Camera(video, end) if source == 0 else opened(source, *settings)

    monkeypatch.setattr("evae_tf.align.frames.cv2.VideoCapture", open_source)
    output = Output(tmp_path, "mobile_68", drawings=("points",))
    done = align_files(Sources(videos=["camera:0"]), aligner, output, create_filter=None)
    (summary,) = done.videos
    assert (summary.frames, summary.problem is not None) == (COUNT, unplugged)
    assert len(done.errors) == unplugged
    frames = json.loads((tmp_path / "camera_0.json").read_text())["frames"]
    assert [len(frame["faces"]) for frame in frames] == [2] * COUNT
    seconds = [frame["seconds"] for frame in frames]
    assert seconds == sorted(seconds)
    again = align_files(Sources(videos=["camera:0"]), aligner, output, create_filter=None)
    assert "camera_0.json: the file exists" in again.errors[0][1]
    assert len(json.loads((tmp_path / "camera_0.json").read_text())["frames"]) == COUNT
    monkeypatch.undo()
    assert (tmp_path / "camera_0_landmarks.mp4").stat().st_size > 1000


def test_a_table_of_something_else_is_left_alone(video, tmp_path):
    table = tmp_path / f"{video.stem}.csv"
    table.write_text("frame,note\n")
    done = start("align", f"--input={video}", f"--output={tmp_path}", "--format=csv", "--draw=")
    assert done.returncode == 1
    assert f"{table.name}: the file exists, and is not a table of ibug_68" in done.stderr
    assert table.read_text() == "frame,note\n"


@pytest.mark.parametrize(
    ("flags", "status", "sentence"),
    [
        (["--format=pts"], 2, "for photos"),
        (["--detector=boxes"], 2, "for photos"),
        (["--output=/proc/nowhere"], 1, "cannot write"),
    ],
)
def test_what_a_video_cannot_have_is_said_before_any_work(video, tmp_path, flags, status, sentence):
    done = start("align", f"--input={video}", f"--output={tmp_path}", *flags)
    assert done.returncode == status
    assert sentence in done.stderr.strip().splitlines()[-1]
    assert not list(tmp_path.iterdir())
