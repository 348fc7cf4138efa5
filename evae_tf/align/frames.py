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
from evae_tf.array_types import ByteArray
from evae_tf.errors import InputError

SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
_CAMERA = "camera:"
_USUAL_RATE = 25.0  # where a camera does not tell its own
_CODEC = "mp4v"


def is_video(source: str | PathLike[str]) -> bool:
    """Whether `--input` names a video file or a camera, by its spelling."""
    return str(source).startswith(_CAMERA) or Path(source).suffix.lower() in SUFFIXES


class Video:
    """The frames of a video file or of a camera.

    Args:
      source: path of a file, or `camera:N` for the camera of that number.

    Attributes:
      stem: what files made from it are called.
      rate: frames a second.
      announced: number of frames that the file says it has; None where that is not known.

    Raises:
      InputError: it cannot be opened.
    """

    def __init__(self, source: str | PathLike[str]) -> None:
        self.source = str(source)
        self.is_camera = self.source.startswith(_CAMERA)
        self._capture = cv2.VideoCapture(self._checked_source())
        if not self._capture.isOpened():
            what = (
                "there is no such camera, or it is in use"
                if self.is_camera
                else ("not a video that OpenCV can read, or damaged")
            )
            raise InputError(f"{self.source}: {what}.")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 1 <= rate <= 1000 else _USUAL_RATE
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.announced = count if count > 0 and not self.is_camera else None

    def _checked_source(self) -> str | int:
        if self.is_camera:
            number = self.source.removeprefix(_CAMERA)
            if not number.isdecimal():
                raise InputError(f"{self.source}: expected {_CAMERA} and a number, as camera:0.")
            return int(number)
        if not Path(self.source).is_file():
            raise InputError(f"{self.source}: there is no such video.")
        return self.source

    @property
    def stem(self) -> str:
        return self.source.replace(":", "_") if self.is_camera else Path(self.source).stem

    def __iter__(self) -> Iterator[tuple[float, ByteArray]]:
        """Yields (seconds since the first frame, uint8 [H, W, 3] in RGB).

        The next frame is decoded meanwhile. It ends where no more can be read.
        """
        with futures.ThreadPoolExecutor(1) as pool, contextlib.closing(self):
            started = time.monotonic()
            ahead, index = pool.submit(self._read), 0
            while (frame := ahead.result()) is not None:
                seconds = time.monotonic() - started if self.is_camera else index / self.rate
                ahead = pool.submit(self._read)
                yield seconds, frame
                index += 1

    def _read(self) -> Any:
        good, frame = self._capture.read()
        return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) if good else None

    def close(self) -> None:
        """Gives the file or the camera back."""
        self._capture.release()


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
