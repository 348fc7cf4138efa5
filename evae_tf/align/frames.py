"""Reads frames of videos and cameras with OpenCV, in a background thread."""

import contextlib
import time
from collections.abc import Generator
from concurrent import futures
from os import PathLike
from pathlib import Path
from typing import Any

import cv2

from evae_tf.align.container_parts import is_fragmented
from evae_tf.align.container_size import missing_bytes
from evae_tf.align.plain_path import plain_path
from evae_tf.align.sources import CAMERA
from evae_tf.array_types import ByteArray
from evae_tf.errors import InputError, UsageError

_USUAL_RATE = 25.0  # if the camera or file reports none
_MOST_RATE = 1000.0
# Containers with a frame index, unless the file is in fragments. For others OpenCV estimates the
# number of frames from a duration, which may be that of the audio.
_COUNTED = (".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".avi")


class Video:
    """The frames of a video file or of a camera.

    Args:
      source: path of a file, or `camera:N` for camera number N.

    Attributes:
      stem: base name of the output files.
      rate: frames per second, on average.
      announced: number of frames according to the file's index; None if unknown.
      expected: like `announced`, but possibly an estimate.
      missing_bytes: least number of bytes that the file lacks at its end; 0 if that is unknown.

    Raises:
      InputError: it cannot be opened.
    """

    def __init__(self, source: str | PathLike[str]) -> None:
        self.source = str(source)
        self.is_camera = self.source.startswith(CAMERA)
        self._capture = self._opened()
        if not self._capture.isOpened():
            what = (
                "there is no such camera, or it is in use"
                if self.is_camera
                else ("the video is damaged or has a format that OpenCV cannot read")
            )
            raise InputError(f"{self.source}: {what}.")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate <= _MOST_RATE else _USUAL_RATE
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.expected = count if count > 0 and not self.is_camera else None
        is_counted = Path(self.source).suffix.lower() in _COUNTED
        is_counted = is_counted and not is_fragmented(self.source)
        self.announced = self.expected if is_counted else None
        self.missing_bytes = 0 if self.is_camera else missing_bytes(self.source)

    def _opened(self) -> cv2.VideoCapture:
        if self.is_camera:
            number = self.source.removeprefix(CAMERA)
            if not number.isdecimal():
                raise UsageError(
                    f"{self.source}: expected {CAMERA} and a number, such as camera:0."
                )
            return cv2.VideoCapture(int(number))
        if not Path(self.source).is_file():
            found = "found a folder, a pipe or a device, expected a video file"
            there = found if Path(self.source).exists() else "there is no such video"
            raise InputError(f"{self.source}: {there}.")
        with plain_path(Path(self.source)) as path:
            return cv2.VideoCapture(str(path))

    @property
    def stem(self) -> str:
        return self.source.replace(":", "_") if self.is_camera else Path(self.source).stem

    def __iter__(self) -> Generator[tuple[float, ByteArray]]:
        """Yields (seconds since the first frame, uint8 [H, W, 3] in RGB).

        Seconds come from the frame's time stamp. If that is missing or not later than the previous
        one, the previous one plus a period of `rate` is used. The next frame is decoded in the
        background. Iteration ends when no more frames can be read.
        """
        with contextlib.closing(self), futures.ThreadPoolExecutor(1) as pool:
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
        """The presentation time in seconds and the pixels of the next frame."""
        good, frame = self._capture.read()
        if not good:
            return None
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        rgb: Any = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        return time.monotonic() if self.is_camera else stamp, rgb

    def close(self) -> None:
        """Releases the file or the camera."""
        self._capture.release()
