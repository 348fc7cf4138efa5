"""Times of frames come from the file, at any frame rate."""

import os
import struct
import threading
from time import sleep

import cv2
import numpy as np
import pytest

from evae_tf.align.frames import Video
from evae_tf.align.video_writing import SteadyWriter, steady_rate, video_file

STEPS_MS = [40] * 9 + [200] * 8  # all in one cluster of the file


def frame(index):
    return np.full((48, 64, 3), 10 * index, np.uint8)


@pytest.fixture
def variable(tmp_path):
    """A .mkv of 18 frames; the last eight are five times slower.

    OpenCV writes it at a constant rate, then the time of each block is changed: two bytes after
    its track number.
    """
    path = tmp_path / "variable.mkv"
    size = frame(0).shape[1::-1]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, size)
    for index in range(len(STEPS_MS) + 1):
        writer.write(frame(index))
    writer.release()
    content, times = path.read_bytes(), np.cumsum([0, *STEPS_MS])
    start = 0
    for index, time in enumerate(times):
        before = b"\x81" + struct.pack(">h", 40 * index) + b"\x80"
        start = content.index(before, start)
        content = content[: start + 1] + struct.pack(">h", int(time)) + content[start + 3 :]
    path.write_bytes(content)
    return path


def test_frames_have_their_own_times(variable):
    video = Video(variable)
    seconds = [time for time, _ in video]
    np.testing.assert_allclose(seconds, np.cumsum([0, *STEPS_MS]) / 1000, atol=1e-6)
    assert video.announced is None, "the number of frames of this container is an estimate"


def test_one_frame_in_two_seconds_is_that(tmp_path):
    path = tmp_path / "lapse.mp4"
    with video_file(path, 0.5) as write:
        for index in range(4):
            write(frame(index))
    video = Video(path)
    assert video.rate == 0.5
    assert video.announced == 4
    np.testing.assert_allclose([seconds for seconds, _ in video], [0, 2, 4, 6])


@pytest.mark.parametrize(
    "rate",
    [0.001, 1 / 60, 0.0714, 0.5, 7.3, 24000 / 1001, 29.97, 65.5351, 69.8186, 119.88, 239.8713]
    + [299.7257, 655.3512, 999.94, 1000],
)
def test_a_video_of_any_rate_can_be_written(rate, tmp_path):
    """Phones record at rates that vary about 60, 120 or 240."""
    with video_file(tmp_path / "a.mp4", rate) as write:
        for index in range(7):
            write(frame(index))
    video = Video(tmp_path / "a.mp4")
    assert video.announced == 7
    assert video.rate == pytest.approx(steady_rate(rate), rel=1e-9)
    assert steady_rate(rate) == pytest.approx(rate, rel=1e-4, abs=2e-3)


def test_names_that_are_no_text_are_read_and_written(tmp_path):
    """A Latin-1 name, as old disks have: OpenCV crashes on it."""
    folder = tmp_path / os.fsdecode(b"b\xe9b\xe9")
    folder.mkdir()
    path = folder / os.fsdecode(b"caf\xe9.mp4")
    with video_file(path, 25) as write:
        for index in range(3):
            write(frame(index))
    assert [entry.name for entry in folder.iterdir()] == [path.name]
    video = Video(path)
    assert video.announced == len(list(video)) == 3


class _Capture:
    """Frames with the given time stamps."""

    def __init__(self, stamps):
        self._stamps = iter(stamps)
        self._stamp = 0.0

    def isOpened(self):  # noqa: N802
        return True

    def read(self):
        self._stamp = next(self._stamps, None)
        return (False, None) if self._stamp is None else (True, frame(0))

    def get(self, what):
        return {cv2.CAP_PROP_FPS: 10.0, cv2.CAP_PROP_POS_MSEC: self._stamp}.get(what, 0.0)

    def release(self):
        pass


@pytest.mark.parametrize(
    ("stamps", "seconds"),
    [
        ([0.0, 0.0, 0.0], [0, 0.1, 0.2]),  # none at all
        ([700.0, 800.0, 1000.0], [0, 0.1, 0.3]),  # of a stream that began before
        ([0.0, 100.0, 50.0, 400.0], [0, 0.1, 0.2, 0.4]),  # back in time
        ([float("nan"), 100.0, float("nan")], [0, 0.1, 0.2]),
        ([0.0, float("nan"), 500.0], [0, 0.1, 0.5]),
    ],
)
def test_times_always_rise(tmp_path, monkeypatch, stamps, seconds):
    (tmp_path / "a.ts").touch()
    monkeypatch.setattr("evae_tf.align.frames.cv2.VideoCapture", lambda path: _Capture(stamps))
    found = [time for time, _ in Video(tmp_path / "a.ts")]
    np.testing.assert_allclose(found, seconds, atol=1e-9)


def test_a_capture_is_released_after_its_last_read(tmp_path, monkeypatch):
    """The next frame is read in the background when iteration stops."""
    events, begun = [], threading.Event()

    class Slow(_Capture):
        def read(self):
            if events:
                begun.set()
                sleep(0.2)
            events.append("read")
            return super().read()

        def release(self):
            events.append("release")

    (tmp_path / "a.ts").touch()
    monkeypatch.setattr("evae_tf.align.frames.cv2.VideoCapture", lambda path: Slow([0.0, 100.0]))
    frames = iter(Video(tmp_path / "a.ts"))
    next(frames)
    assert begun.wait(10)
    frames.close()
    assert events == ["read", "read", "release"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        ([0, 0.1, 0.2, 0.3], [0, 1, 2, 3]),
        ([0, 0.1, 0.5], [0, 1, 1, 1, 1, 2]),
        ([0, 0.04, 0.1, 0.14, 0.2], [0, 2, 4]),  # twice as fast
        ([0, 0.104, 0.197, 0.302], [0, 1, 2, 3]),  # a phone's clock
        ([0, 4000, 4000.1], [0, 1, 2]),  # a jump of the time stamps
    ],
)
def test_a_drawn_video_runs_as_fast_as_its_source(seconds, shown):
    written = []
    write = SteadyWriter(written.append, rate=10)
    for index, time in enumerate(seconds):
        write(time, index)
    assert written == shown
