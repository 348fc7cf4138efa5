"""Tracks the faces of a video or a camera and writes the landmarks of each frame."""

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from evae_tf import progress
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.aligner import Aligner
from evae_tf.align.done_list import DoneList
from evae_tf.align.face_tracker import FaceTracker
from evae_tf.align.frames import Video
from evae_tf.align.landmark_streams import STREAMS, refuse_another_file
from evae_tf.align.output import Output
from evae_tf.align.overlay import draw_faces
from evae_tf.align.smoothing import OneEuroFilter, Smoother
from evae_tf.align.sources import DRAWN
from evae_tf.align.video_writing import SteadyWriter, steady_rate, video_file
from evae_tf.array_types import ByteArray
from evae_tf.errors import InputError
from evae_tf.markups import Markup

_WriteFrame: TypeAlias = Callable[[float, ByteArray, list[AlignedFace]], None]


@dataclasses.dataclass
class VideoSummary:
    """Results of a video.

    Attributes:
      source: path of the video file, or `camera:N`.
      frames: number of frames.
      faces: number of faces, summed over frames.
      identities: number of different faces.
      seconds: duration of the run.
      skipped: whether the video was already finished.
      problem: a message, if frames are missing at the end; those before are written.
    """

    source: str
    frames: int = 0
    faces: int = 0
    identities: int = 0
    seconds: float = 0.0
    skipped: bool = False
    problem: str | None = None


def align_video(
    source: str,
    aligner: Aligner,
    output: Output,
    done: DoneList,
    *,
    create_filter: Callable[[], Smoother] | None = OneEuroFilter,
) -> VideoSummary:
    """Tracks the faces of a video or camera, and writes their landmarks and a drawn video.

    A camera is read until it stops or Ctrl-C is pressed; the frames up to then are written.

    Args:
      source: path of a video file, or `camera:N`.
      aligner: `Aligner`.
      output: what to write; the video is called `<stem>_landmarks.mp4`. A camera is never skipped.
      done: the list of finished videos.
      create_filter: see `FaceTracker`.

    Returns:
      `VideoSummary`.

    Raises:
      InputError: the video has no frames, the folder holds another file of this name (see
        `refuse_another_file`) or an earlier one of the camera, or videos do not support the format.
    """
    if output.file_format not in STREAMS:
        raise InputError(
            f"{source}: --format={output.file_format} is for photos only; expected one of "
            f"{sorted(STREAMS)} for a video."
        )
    path, smooth, started = Path(source), create_filter is not None, time.monotonic()
    with contextlib.closing(Video(source)) as video, contextlib.closing(iter(video)) as frames:
        target, drawn = files_of(video.stem, output)
        if target.exists() and not output.overwrite:
            if video.is_camera:
                raise InputError(f"{target}: the file exists; use another --output or --overwrite.")
            is_drawn = drawn is None or drawn.exists()
            if is_drawn and done.faces(path, smooth) is not None:
                return VideoSummary(source, skipped=True)
            refuse_another_file(target, source, output.model, aligner.markup)
        first = next(frames, None)
        if first is None:
            raise InputError(f"{source}: the video has no readable frames.")
        track = FaceTracker(aligner, create_filter)
        with _files(target, drawn, video, first[1], aligner.markup, output) as write:
            summary = _follow(video, itertools.chain([first], frames), track, write)
    if not video.is_camera and summary.problem is None:
        done.add(path, summary.faces, smooth)
    summary.seconds = time.monotonic() - started
    return summary


def files_of(stem: str, output: Output) -> tuple[Path, Path | None]:
    """(landmark file, drawn video) of the video `stem`; the latter is None if nothing is drawn."""
    drawn = output.folder / f"{stem}{DRAWN}.mp4" if output.drawings else None
    return output.folder / f"{stem}.{output.file_format}", drawn


@contextlib.contextmanager
def _files(
    target: Path,
    drawn: Path | None,
    video: Video,
    frame: ByteArray,
    markup: Markup,
    output: Output,
) -> Iterator[_WriteFrame]:
    """Yields `write(seconds, frame, faces)`, which writes to all files of a video.

    The files appear when the context exits without an error.
    """
    height, width, _ = frame.shape
    header = {"video": video.source, "width": width, "height": height, "fps": video.rate}
    header["model"] = output.model
    with contextlib.ExitStack() as files:
        write = files.enter_context(STREAMS[output.file_format](target, header, markup))
        show = None
        if drawn is not None:
            rate = steady_rate(video.rate)
            show = SteadyWriter(files.enter_context(video_file(drawn, rate)), rate)

        def write_frame(seconds: float, frame: ByteArray, faces: list[AlignedFace]) -> None:
            write(seconds, faces)
            if show is not None:
                show(seconds, draw_faces(frame, faces, output.drawings))

        yield write_frame


def _follow(
    video: Video,
    frames: Iterator[tuple[float, ByteArray]],
    track: FaceTracker,
    write: _WriteFrame,
) -> VideoSummary:
    """Writes the faces of all frames, and counts them."""
    summary, identities = VideoSummary(video.source), set[int | None]()
    # Ctrl-C is the normal way to stop a camera; for a file it aborts the work, nothing is kept.
    stop = contextlib.suppress(KeyboardInterrupt) if video.is_camera else contextlib.nullcontext()
    with progress.bar(desc="aligning", unit="frame", total=video.expected) as bar, stop:
        for seconds, frame in frames:
            faces = track(frame, seconds)
            write(seconds, frame, faces)
            summary.frames += 1
            summary.faces += len(faces)
            identities.update(face.identity for face in faces)
            bar.update()
            bar.set_postfix(faces=len(faces))
        if video.is_camera:
            summary.problem = "the camera stopped"
    summary.identities = len(identities)
    missing = (video.announced or 0) - summary.frames
    if missing > 0:
        summary.problem = f"ends {missing} frames before the length given in the file"
    elif video.missing_bytes:
        summary.problem = f"ends at least {video.missing_bytes} bytes too early"
    if summary.problem is not None:
        summary.problem = f"{video.source}: {summary.problem}; all frames until then are written."
    return summary
