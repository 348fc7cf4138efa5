"""From a video or a camera to landmarks of each frame."""

import contextlib
import dataclasses
import itertools
import time

from tqdm import tqdm

from evae_tf import atomic
from evae_tf.align.face_tracker import FaceTracker
from evae_tf.align.frames import Video, video_file
from evae_tf.align.landmark_files import STREAMS, read_header, refuse_another
from evae_tf.align.overlay import draw_faces
from evae_tf.errors import InputError


@dataclasses.dataclass
class VideoSummary:
    """What a run over a video came to.

    Attributes:
      frames: number of frames.
      faces: number of faces, each counted in every frame.
      identities: number of different faces.
      seconds: from the first frame to the last file.
      missing: number of frames that the file announces but does not hold.
      skipped: whether the video was done before.
      unplugged: whether a camera stopped by itself, not by Ctrl-C.
    """

    frames: int = 0
    faces: int = 0
    identities: int = 0
    seconds: float = 0.0
    missing: int = 0
    skipped: bool = False
    unplugged: bool = False


def align_video(source, aligner, output, *, model, file_format, drawings, overwrite, create_filter):
    """Follows the faces of a video or camera and writes their landmarks, and a video with them.

    A camera is read until it stops or Ctrl-C is pressed. What was read is written.

    Args:
      source: path of a video file, or `camera:N`.
      aligner: `Aligner`.
      output: folder to write to.
      model: what JSON files say of the model.
      file_format: a key of `STREAMS`.
      drawings: what `<stem>_landmarks.mp4` shows, some of `overlay.DRAWINGS`; none, no video.
      overwrite: whether a file whose landmarks are there is done again; a camera always is.
      create_filter: see `FaceTracker`.

    Returns:
      `VideoSummary`.

    Raises:
      InputError: the video holds no frame, the folder cannot be written to or holds landmarks of
        another video of this name or of another model, or landmarks of videos are not written in
        this format.
    """
    if file_format not in STREAMS:
        raise InputError(
            f"--format={file_format} is for photos; landmarks of videos come as {sorted(STREAMS)}."
        )
    video, output = Video(source), atomic.make_folder(output)
    target = output / f"{video.stem}.{file_format}"
    summary = VideoSummary()
    if target.exists() and not overwrite and not video.is_camera:
        video.close()
        if file_format == "json":
            refuse_another(target, read_header(target), video.source, model, key="video")
        summary.skipped = True
        return summary
    started, frames = time.monotonic(), iter(video)
    first = next(frames, None)
    if first is None:
        raise InputError(f"{source}: the video holds no frame that can be read.")
    height, width, _ = first[1].shape
    header = {"video": video.source, "width": width, "height": height, "fps": video.rate}
    header["model"] = model
    track, identities = FaceTracker(aligner, create_filter), set()
    with contextlib.ExitStack() as files:
        write = files.enter_context(STREAMS[file_format](target, header, aligner.markup))
        drawn = output / f"{video.stem}_landmarks.mp4"
        show = files.enter_context(video_file(drawn, video.rate)) if drawings else None
        bar = tqdm(desc="aligning", unit="frame", total=video.announced, disable=None)
        files.enter_context(bar)
        with _until_interrupted(video.is_camera):
            for seconds, frame in itertools.chain([first], frames):
                faces = track(frame, seconds)
                write(seconds, faces)
                if show is not None:
                    show(draw_faces(frame, faces, drawings))
                summary.frames += 1
                summary.faces += len(faces)
                identities.update(face.identity for face in faces)
                bar.update()
                bar.set_postfix(faces=len(faces))
            summary.unplugged = video.is_camera
    summary.identities = len(identities)
    summary.missing = max(0, (video.announced or 0) - summary.frames)
    summary.seconds = time.monotonic() - started
    return summary


def _until_interrupted(is_camera):
    """Ctrl-C is how a camera is stopped; in a file it breaks the work off, and nothing is kept."""
    return contextlib.suppress(KeyboardInterrupt) if is_camera else contextlib.nullcontext()
