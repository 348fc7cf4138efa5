"""From a video or a camera to landmarks of each frame."""

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
from evae_tf.align.frames import SteadyWriter, Video, video_file
from evae_tf.align.landmark_files import STREAMS, read_header
from evae_tf.align.landmark_records import refuse_another
from evae_tf.align.output import Output
from evae_tf.align.overlay import draw_faces
from evae_tf.align.smoothing import OneEuroFilter, Smoother
from evae_tf.align.sources import DRAWN
from evae_tf.array_types import ByteArray
from evae_tf.errors import InputError
from evae_tf.markups import Markup

_WriteFrame: TypeAlias = Callable[[float, ByteArray, list[AlignedFace]], None]


@dataclasses.dataclass
class VideoSummary:
    """What a run over a video came to.

    Attributes:
      source: path of the video file, or `camera:N`.
      frames: number of frames.
      faces: number of faces, each counted in every frame.
      identities: number of different faces.
      seconds: from the first frame to the last file.
      skipped: whether the video was done before.
      problem: a sentence, if frames are missing at the end: what came before is written.
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
    """Follows the faces of a video or camera and writes their landmarks, and a video with them.

    A camera is read until it stops or Ctrl-C is pressed. What was read is written.

    Args:
      source: path of a video file, or `camera:N`.
      aligner: `Aligner`.
      output: what to write; the video is called `<stem>_landmarks.mp4`. A camera is always done
        again.
      done: which videos are finished.
      create_filter: see `FaceTracker`.

    Returns:
      `VideoSummary`.

    Raises:
      InputError: the video holds no frame, the folder holds landmarks of another video of this name
        or of another model, or landmarks of videos are not written in this format.
    """
    if output.file_format not in STREAMS:
        raise InputError(
            f"{source}: --format={output.file_format} is for photos; landmarks of videos come as "
            f"{sorted(STREAMS)}."
        )
    video, path, smooth = Video(source), Path(source), create_filter is not None
    target, drawn = files_of(video.stem, output)
    if not output.overwrite and not video.is_camera:
        there = target.exists() and (drawn is None or drawn.exists())
        if there and done.faces(path, smooth) is not None:
            video.close()
            return VideoSummary(source, skipped=True)
        if target.exists() and output.file_format == "json":
            refuse_another(target, read_header(target), source, output.model, key="video")
    started, frames = time.monotonic(), iter(video)
    first = next(frames, None)
    if first is None:
        raise InputError(f"{source}: the video holds no frame that can be read.")
    track = FaceTracker(aligner, create_filter)
    with _files(target, drawn, video, first[1], aligner.markup, output) as write:
        summary = _follow(video, itertools.chain([first], frames), track, write)
    if not video.is_camera and summary.problem is None:
        done.add(path, summary.faces, smooth)
    summary.seconds = time.monotonic() - started
    return summary


def files_of(stem: str, output: Output) -> tuple[Path, Path | None]:
    """(landmarks, video with landmarks) of the video `stem`; None: no such video is asked for."""
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
    """A context that hands out `write(seconds, frame, faces)`, into all files of a video.

    They are at their places once the context has ended without an error.
    """
    height, width, _ = frame.shape
    header = {"video": video.source, "width": width, "height": height, "fps": video.rate}
    header["model"] = output.model
    with contextlib.ExitStack() as files:
        write = files.enter_context(STREAMS[output.file_format](target, header, markup))
        show = None
        if drawn is not None:
            show = SteadyWriter(files.enter_context(video_file(drawn, video.rate)), video.rate)

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
    # Ctrl-C is how a camera is stopped; in a file it breaks the work off, and nothing is kept.
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
            summary.problem = "gives no more frames"
    summary.identities = len(identities)
    missing = (video.announced or 0) - summary.frames
    if missing > 0:
        summary.problem = f"ends {missing} frames before its announced end"
    if summary.problem is not None:
        summary.problem = f"{video.source}: {summary.problem}; what came before is written."
    return summary
