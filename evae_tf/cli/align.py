"""`align.py` and `evae-align`: find facial landmarks in photos, videos or a camera stream."""

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
_NAMED = 5  # number of photos listed in a message

define_path(
    "input",
    None,
    "A photo, a video, a folder, a glob such as 'photos/*.jpg', or a camera such as camera:0 "
    "(Ctrl-C stops it).",
)
define_path(
    "model",
    "mobile_68",
    "Name of a shipped model, a .keras, .tflite or .onnx file, or a SavedModel.",
)
flags.DEFINE_enum(
    "detector",
    "auto",
    [*detection.DETECTORS, "boxes"],
    "Face detector: auto uses the best one installed, none treats the whole image as one face, "
    "boxes reads the boxes from a table.",
)
define_path(
    "detector_model",
    None,
    "For yunet, its .onnx file; for tflite, a file that replaces the shipped detector; for boxes, "
    "a .csv file with the columns image, "
    f"{', '.join(BOX_COLUMNS)}.",
)
flags.DEFINE_float(
    "min_score",
    None,
    "Detections below this confidence are dropped. The confidence is the mean of the detector's "
    f"score and the landmarks' score. Default: {MIN_SCORE}, or {TfliteDetector.min_confidence} "
    "with the detector tflite. Boxes from a table are always kept.",
    lower_bound=0.0,
    upper_bound=1.0,
)
flags.DEFINE_integer(
    "max_faces",
    None,
    "Maximum number of faces per photo or frame, best first; no limit by default.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "passes",
    2,
    "Number of passes: the second one aligns each face again in an upright crop.",
    lower_bound=1,
    upper_bound=2,
)
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
    if only_videos and FLAGS.format not in landmark_files.STREAMS:
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
    if found.left_out:
        print(f"ignored, neither photos nor videos: {found.describe_left_out()}")
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
            f"{video.identities} different faces, {video.faces} summed over frames: "
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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _rate(count: int, seconds: float) -> str:
    return f"{count / max(seconds, 1e-9):.1f} per second"


def main() -> None:
    """Entry point of `evae-align`."""
    run(_main, __doc__)
