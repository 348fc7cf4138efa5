"""`align.py` and `evae-align`: find facial landmarks in photos, videos or a camera stream."""

from pathlib import Path

from absl import flags

from evae_tf.align import box_file, files, landmark_files, landmark_streams, overlay, sources
from evae_tf.align.aligner import Aligner
from evae_tf.align.output import Output
from evae_tf.align.smoothing import OneEuroFilter
from evae_tf.cli import aligner_flags
from evae_tf.cli.path_flags import define_path
from evae_tf.cli.run import run
from evae_tf.errors import InputError, UsageError

FLAGS = flags.FLAGS
_NAMED = 5  # number of photos listed in a message

define_path(
    "input",
    None,
    "A photo, a video, a folder, a glob such as 'photos/*.jpg', or a camera such as camera:0 "
    "(Ctrl-C stops it).",
)
aligner_flags.define(boxes=True)
flags.DEFINE_enum(
    "format", "json", sorted(landmark_files.WRITERS), "Landmark file format; pts: photos only."
)
flags.DEFINE_list(
    "draw",
    ["points"],
    f"What to draw, comma-separated: {', '.join(overlay.DRAWINGS)}. Empty: no pictures. Ellipses "
    "need a model with a covariance output, as the shipped ones have.",
)
flags.DEFINE_boolean("smooth", True, "Smooth the landmarks of videos to reduce jitter.")
flags.DEFINE_boolean("overwrite", False, "Process finished files again and replace their results.")
define_path("output", "runs/aligned", "Folder for landmarks and pictures.")


def _main() -> None:
    unknown = sorted(set(FLAGS.draw) - set(overlay.DRAWINGS))
    if unknown:
        raise UsageError(
            f"--draw={','.join(unknown)}: unknown, expected some of {list(overlay.DRAWINGS)}."
        )
    if FLAGS.input is None:
        raise UsageError(
            "--input is missing: expected a photo, a video, a folder, a glob or camera:0."
        )
    boxes, found = None, sources.find_sources(FLAGS.input)
    only_videos = bool(found.videos) and not found.photos
    if only_videos and FLAGS.format not in landmark_streams.STREAMS:
        raise UsageError(
            f"--format={FLAGS.format} is for photos only; use json or csv for a video."
        )
    if FLAGS.detector == "boxes":
        if only_videos:
            raise UsageError(
                "--detector=boxes is for photos only; use another detector for a video."
            )
        if FLAGS.detector_model is None:
            raise UsageError("--detector=boxes needs a table: give --detector_model=FILE.csv.")
        boxes = box_file.read_boxes(FLAGS.detector_model)
    if ignored := found.describe_left_out():
        print(f"ignored, neither photos nor videos: {ignored}")
    run_of_files = files.align_files(
        found,
        _aligner(),
        _output(),
        num_threads=FLAGS.num_threads,
        boxes=boxes,
        create_filter=OneEuroFilter if FLAGS.smooth else None,
    )
    _report(run_of_files, found)


def _report(done: files.RunSummary, found: sources.Sources) -> None:
    if found.photos:
        photos = done.photos
        failed = len({path for path, _ in done.errors} & set(found.photos))
        print(
            f"{_count(len(found.photos) - photos.skipped, 'photo')}: "
            f"{_count(photos.faces, 'face')} "
            f"({_rate(photos.faces, photos.seconds)}), {photos.without_face} without a face, "
            f"{failed} failed, {photos.skipped} skipped (already finished): {Path(FLAGS.output)}"
        )
    if done.without_box:
        names = ", ".join(str(path) for path in done.without_box[:_NAMED])
        more = " and others" * (len(done.without_box) > _NAMED)
        print(f"{len(done.without_box)} photos have no row in the box table: {names}{more}")
    for video in done.videos:
        if video.skipped:
            print(f"{video.source}: skipped (already finished): {FLAGS.output}")
            continue
        print(
            f"{video.source}: {video.frames} frames ({_rate(video.frames, video.seconds)}), "
            f"different faces: {video.identities}, in all frames: {video.faces}: "
            f"{Path(FLAGS.output)}"
        )
    if len(done.errors) == 1:
        raise InputError(done.errors[0][1])
    if done.errors:
        raise InputError(
            f"{len(done.errors)} files could not be processed; {Path(FLAGS.output, 'errors.csv')} "
            f"lists them, the first is {done.errors[0][1]}"
        )


def _aligner() -> Aligner:
    arguments = aligner_flags.arguments()
    if FLAGS.detector == "boxes":
        arguments |= {"detector": "none", "detector_model": None}
    return Aligner.load(**arguments, num_threads=FLAGS.num_threads)


def _output() -> Output:
    folder, drawings = Path(FLAGS.output), tuple(FLAGS.draw)
    return Output(folder, FLAGS.model, FLAGS.format, drawings, FLAGS.overwrite)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _rate(count: int, seconds: float) -> str:
    return f"{count / max(seconds, 1e-9):.1f} per second"


def main() -> None:
    """Entry point of `evae-align`."""
    run(_main, __doc__)
