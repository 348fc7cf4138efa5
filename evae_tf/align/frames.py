"""Frames of video files and cameras, read and written by OpenCV beside the work on them."""

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from os import PathLike
from pathlib import Path
from typing import Any

import cv2

from evae_tf import atomic
from evae_tf.align.sources import CAMERA
from evae_tf.array_types import ByteArray
from evae_tf.errors import InputError, UsageError

_USUAL_RATE = 25.0  # where a camera or a file does not tell its own
_MOST_RATE = 1000.0
_CODEC = "mp4v"
# Containers that hold a table of their frames. Of others OpenCV makes a number up, from a length
# that may be that of the sound.
_COUNTED = (".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".avi")
_LONGEST_REPEAT_S = 60.0


class Video:
    """The frames of a video file or of a camera.

    Args:
      source: path of a file, or `camera:N` for the camera of that number.

    Attributes:
      stem: what files made from it are called.
      rate: frames a second, on average.
      announced: number of frames that the file says it has; None where that is not known.
      expected: as `announced`, but perhaps an estimate.

    Raises:
      InputError: it cannot be opened.
    """

    def __init__(self, source: str | PathLike[str]) -> None:
        self.source = str(source)
        self.is_camera = self.source.startswith(CAMERA)
        self._capture = cv2.VideoCapture(self._checked_source())
        if not self._capture.isOpened():
            what = (
                "there is no such camera, or it is in use"
                if self.is_camera
                else ("not a video that OpenCV can read, or damaged")
            )
            raise InputError(f"{self.source}: {what}.")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate <= _MOST_RATE else _USUAL_RATE
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.expected = count if count > 0 and not self.is_camera else None
        is_counted = Path(self.source).suffix.lower() in _COUNTED
        self.announced = self.expected if is_counted else None

    def _checked_source(self) -> str | int:
        if self.is_camera:
            number = self.source.removeprefix(CAMERA)
            if not number.isdecimal():
                raise UsageError(f"{self.source}: expected {CAMERA} and a number, as camera:0.")
            return int(number)
        if not Path(self.source).is_file():
            raise InputError(f"{self.source}: there is no such video.")
        return self.source

    @property
    def stem(self) -> str:
        return self.source.replace(":", "_") if self.is_camera else Path(self.source).stem

    def __iter__(self) -> Iterator[tuple[float, ByteArray]]:
        """Yields (seconds since the first frame, uint8 [H, W, 3] in RGB).

        Seconds are the frame's own time stamp; where it has none, or one that is not later than the
        last, a period of `rate` is added to that. The next frame is decoded meanwhile. It ends
        where no more can be read.
        """
        with futures.ThreadPoolExecutor(1) as pool, contextlib.closing(self):
            ahead = pool.submit(self._read)
            first, last = None, -1 / self.rate
            while (read := ahead.result()) is not None:
                stamp, frame = read
                first = stamp if first is None else first
                seconds = stamp - first
                if not seconds > last:  # NaN is not
                    seconds = last + 1 / self.rate
                last = seconds
                ahead = pool.submit(self._read)
                yield seconds, frame

    def _read(self) -> tuple[float, ByteArray] | None:
        """The next frame, and the time at which it is shown in seconds."""
        good, frame = self._capture.read()
        if not good:
            return None
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        rgb: Any = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        return time.monotonic() if self.is_camera else stamp, rgb

    def close(self) -> None:
        """Gives the file or the camera back."""
        self._capture.release()


class SteadyWriter:
    """Gives frames that have times of their own to a video of constant rate.

    They are repeated, or left out, so that the video runs as fast as they do.

    Args:
      write: of `video_file`.
      rate: frames a second of that video.
    """

    def __init__(self, write: Callable[[ByteArray], None], rate: float) -> None:
        self._write = write
        self._rate = rate
        self._written = 0
        self._last: ByteArray | None = None
        self._left_out_s = 0.0

    def __call__(self, seconds: float, frame: ByteArray) -> None:
        """Takes the next frame, uint8 [H, W, 3] in RGB, and its time."""
        gap = seconds - self._left_out_s - self._written / self._rate
        if gap > _LONGEST_REPEAT_S:  # rather a jump of the time stamps than a still picture
            self._left_out_s += gap
        due = round((seconds - self._left_out_s) * self._rate)
        while self._last is not None and self._written < due:
            self._write(self._last)
            self._written += 1
        if self._written == due:
            self._write(frame)
            self._written += 1
        self._last = frame


@contextlib.contextmanager
def video_file(path: Path, rate: float) -> Iterator[Callable[[ByteArray], None]]:
    """A context that hands out `write(frame)`, uint8 [H, W, 3] in RGB, into an .mp4 file.

    Frames are encoded in a thread. The file is at `path` only once the context has ended without
    an error.

    Args:
      path: Path of the file.
      rate: frames a second.

    Raises:
      InputError: OpenCV cannot write there.
    """
    encoder, pending = None, None

    with atomic.replacing_file(path) as temporary, futures.ThreadPoolExecutor(1) as pool:

        def write(frame: ByteArray) -> None:
            nonlocal encoder, pending
            if encoder is None:
                size = (frame.shape[1], frame.shape[0])
                codec = cv2.VideoWriter.fourcc(*_CODEC)
                encoder = cv2.VideoWriter(str(temporary), codec, rate, size)
                if not encoder.isOpened():
                    raise InputError(f"{path}: OpenCV cannot write a video here.")
            if pending is not None:
                pending.result()
            pending = pool.submit(encoder.write, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))

        try:
            yield write
        finally:
            if pending is not None:
                pending.result()
            if encoder is not None:
                encoder.release()
