"""`align.py` and `evae-align`: photos, a video or a camera in, landmarks and pictures out."""

from pathlib import Path

from absl import flags

from evae_tf.align import box_file, detection, files, landmark_files, overlay, sources
from evae_tf.align.aligner import MIN_SCORE, Aligner
from evae_tf.align.detectors.tflite import TfliteDetector
from evae_tf.align.output import Output
from evae_tf.align.smoothing import OneEuroFilter
from evae_tf.cli.path_flags import define_path
from evae_tf.cli.run import run
from evae_tf.errors import InputError, UsageError
from evae_tf.geometry import BOX_COLUMNS

FLAGS = flags.FLAGS
_NAMED = 5  # photos that a message names

define_path(
    "input",
    None,
    "A photo, a video, a folder or glob of them such as 'photos/*.jpg', or a camera such as "
    "camera:0, which Ctrl-C stops.",
)
define_path(
    "model", "mobile_68", "The name of a shipped model, a .keras or .tflite file, or a SavedModel."
)
flags.DEFINE_enum(
    "detector",
    "auto",
    [*detection.DETECTORS, "boxes"],
    "How faces are found: auto takes the best that is installed; none takes the whole image, "
    "boxes what a table says.",
)
define_path(
    "detector_model",
    None,
    "For yunet, its .onnx file; for tflite, another detector than the one that ships; for boxes, a "
    ".csv file with the columns image, "
    f"{', '.join(BOX_COLUMNS)}.",
)
flags.DEFINE_float(
    "min_score",
    None,
    "What the detector finds is no face below this mean of the detector's score and the "
    f"landmarks'; by default {MIN_SCORE}, and {TfliteDetector.min_confidence} with the detector "
    "tflite. Boxes of a table are not judged.",
    lower_bound=0.0,
    upper_bound=1.0,
)
flags.DEFINE_integer(
    "max_faces",
    None,
    "Faces of a photo or frame that are kept, the best ones; all, if not given.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "passes",
    2,
    "2 aligns again, in an upright crop of what was found.",
    lower_bound=1,
    upper_bound=2,
)
flags.DEFINE_enum(
    "format", "json", sorted(landmark_files.WRITERS), "Of the landmarks; pts for photos only."
)
flags.DEFINE_list(
    "draw",
    ["points"],
    f"What the pictures show, comma-separated, of {', '.join(overlay.DRAWINGS)}; empty: no "
    "pictures. Ellipses need a model file that gives the covariance, such as a .keras one.",
)
flags.DEFINE_boolean("smooth", True, "Keep the landmarks of videos from trembling.")
flags.DEFINE_boolean("overwrite", False, "Do again what is done already.")
define_path("output", "runs/aligned", "Folder for landmarks and pictures.")


def _main() -> None:
    unknown = sorted(set(FLAGS.draw) - set(overlay.DRAWINGS))
    if unknown:
        raise UsageError(f"--draw={','.join(unknown)}: known are {list(overlay.DRAWINGS)}.")
    if FLAGS.input is None:
        raise UsageError("--input is missing: a photo, a folder, a glob, a video or camera:0.")
    boxes, found = None, sources.find_sources(FLAGS.input)
    only_videos = bool(found.videos) and not found.photos
    if only_videos and FLAGS.format not in landmark_files.STREAMS:
        raise UsageError(f"--format={FLAGS.format} is for photos; a video takes json or csv.")
    if FLAGS.detector == "boxes":
        if only_videos:
            raise UsageError("--detector=boxes is for photos; a video takes any other detector.")
        if FLAGS.detector_model is None:
            raise UsageError("--detector=boxes needs a table: give --detector_model=FILE.csv.")
        boxes = box_file.read_boxes(FLAGS.detector_model)
    if found.left_out:
        print(f"left out, neither photos nor videos: {found.describe_left_out()}")
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
        print(
            f"{photos.photos} photos, {photos.faces} faces "
            f"({_rate(photos.faces, photos.seconds)}), {photos.without_face} photos without a "
            f"face, {photos.skipped} done before: {FLAGS.output}"
        )
    if done.without_box:
        names = ", ".join(str(path) for path in done.without_box[:_NAMED])
        more = " and others" * (len(done.without_box) > _NAMED)
        print(f"{len(done.without_box)} photos have no row in the table of boxes: {names}{more}")
    for video in done.videos:
        if video.skipped:
            print(f"{video.source}: done before: {FLAGS.output}")
            continue
        print(
            f"{video.source}: {video.frames} frames ({_rate(video.frames, video.seconds)}), "
            f"{video.identities} different faces, {video.faces} in all frames: {FLAGS.output}"
        )
    if len(done.errors) == 1:
        raise InputError(done.errors[0][1])
    if done.errors:
        raise InputError(
            f"{len(done.errors)} files could not be used, the first: {done.errors[0][1]} "
            f"{FLAGS.output}/errors.csv lists them all."
        )


def _aligner() -> Aligner:
    detector, detector_model = FLAGS.detector, FLAGS.detector_model
    if detector == "boxes":
        detector, detector_model = "none", None
    return Aligner.load(
        FLAGS.model,
        detector=detector,
        detector_model=detector_model,
        passes=FLAGS.passes,
        num_threads=FLAGS.num_threads,
        min_score=FLAGS.min_score,
        max_faces=FLAGS.max_faces,
    )


def _output() -> Output:
    folder, drawings = Path(FLAGS.output), tuple(FLAGS.draw)
    return Output(folder, FLAGS.model, FLAGS.format, drawings, FLAGS.overwrite)


def _rate(count: int, seconds: float) -> str:
    return f"{count / max(seconds, 1e-9):.1f} a second"


def main() -> None:
    """Entry point of `evae-align`."""
    run(_main, __doc__)
