"""Writes frames to a video with OpenCV, in a background thread."""

import contextlib
import errno
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path

import cv2

from evae_tf import atomic
from evae_tf.align.frames import Video
from evae_tf.align.plain_path import plain_path
from evae_tf.array_types import ByteArray
from evae_tf.errors import InputError

_CODEC = "mp4v"
_LOWEST_RATE, _LARGEST_NUMERATOR = 0.002, 2**16 - 1
_LONGEST_REPEAT_S = 60.0


class SteadyWriter:
    """Writes frames with arbitrary time stamps to a video of constant frame rate.

    Frames are repeated or dropped to keep the original speed.

    Args:
      write: the function that `video_file` yields.
      rate: frames per second of the output.
    """

    def __init__(self, write: Callable[[ByteArray], None], rate: float) -> None:
        self._write = write
        self._rate = rate
        self._written = 0
        self._last: ByteArray | None = None
        self._left_out_s = 0.0

    def __call__(self, seconds: float, frame: ByteArray) -> None:
        """Adds the next frame, uint8 [H, W, 3] in RGB, and its time."""
        gap = seconds - self._left_out_s - self._written / self._rate
        if gap > _LONGEST_REPEAT_S:  # a jump of the time stamps, not a still image
            self._left_out_s += gap
        due = round((seconds - self._left_out_s) * self._rate)
        while self._last is not None and self._written < due:
            self._write(self._last)
            self._written += 1
        if self._written == due:
            self._write(frame)
            self._written += 1
        self._last = frame


def steady_rate(rate: float) -> float:
    """The rate nearest to `rate` at which OpenCV can write a video.

    OpenCV takes the first fraction over 1, 10, 100 or 1000 that is right to 0.001 frames per
    second, and MPEG-4 has 16 bits for its numerator: 69.8186 frames per second would be refused.
    """
    found = rate
    for base in (1, 10, 100, 1000):
        numerator = int(rate * base + 0.5)
        if numerator > _LARGEST_NUMERATOR:
            break
        found = max(numerator / base, _LOWEST_RATE)
        if abs(found - rate) <= 0.001:
            break
    return found if found == rate else steady_rate(found)


@contextlib.contextmanager
def video_file(path: Path, rate: float) -> Iterator[Callable[[ByteArray], None]]:
    """Yields `write(frame)`, which appends a frame, uint8 [H, W, 3] in RGB, to an .mp4 file.

    Frames are encoded in a thread. The file appears at `path` when the context exits without an
    error and all frames are in it.

    Args:
      path: Path of the file.
      rate: frames per second; the file has `steady_rate(rate)`.

    Raises:
      InputError: OpenCV cannot write there, or the disk is full.
    """
    encoder, pending, count = None, None, 0

    with atomic.replacing_file(path) as temporary, futures.ThreadPoolExecutor(1) as pool:

        def write(frame: ByteArray) -> None:
            nonlocal encoder, pending, count
            if encoder is None:
                size = (frame.shape[1], frame.shape[0])
                codec = cv2.VideoWriter.fourcc(*_CODEC)
                with plain_path(temporary.parent) as folder:
                    name = str(folder / temporary.name)
                    encoder = cv2.VideoWriter(name, codec, steady_rate(rate), size)
                if not encoder.isOpened():
                    raise InputError(f"{path}: OpenCV cannot write a video here.")
            if pending is not None:
                pending.result()
            pending = pool.submit(encoder.write, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            count += 1

        try:
            yield write
        finally:
            if pending is not None:
                pending.result()
            if encoder is not None:
                encoder.release()
        if encoder is not None and not _holds(temporary, count):
            # OpenCV does not say so itself.
            raise OSError(errno.EIO, "OpenCV lost frames; the disk may be full")


def _holds(path: Path, count: int) -> bool:
    """Whether a video can be opened and, if it has a table of frames, holds so many."""
    try:
        video = Video(path)
    except InputError:
        return False
    video.close()
    return video.announced in (count, None)
