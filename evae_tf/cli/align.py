"""`align.py` and `evae-align`: photos, a video or a camera in, landmarks and pictures out."""

from pathlib import Path

from absl import flags

from evae_tf.align import box_file, detection, frames, landmark_files, overlay, photos, videos
from evae_tf.align.aligner import MIN_SCORE, Aligner
from evae_tf.align.output import Output
from evae_tf.align.smoothing import OneEuroFilter
from evae_tf.artifacts import pretrained
from evae_tf.cli.path_flags import define_path
from evae_tf.cli.run import run, start_tensorflow
from evae_tf.errors import InputError, UsageError
from evae_tf.geometry import BOX_COLUMNS

FLAGS = flags.FLAGS

define_path(
    "input",
    None,
    "A photo, a folder of photos, a glob such as 'photos/*.jpg', a video file, or a camera such as "
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
    MIN_SCORE,
    "What the detector finds is no face below this mean of the detector's score and the "
    "landmarks'. Boxes of a table are not judged.",
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
    if frames.is_video(FLAGS.input):
        _align_video()
    else:
        _align_photos()


def _align_photos() -> None:
    paths = photos.find_photos(FLAGS.input)
    boxes = None
    if FLAGS.detector == "boxes":
        if FLAGS.detector_model is None:
            raise UsageError("--detector=boxes needs a table: give --detector_model=FILE.csv.")
        boxes = box_file.read_boxes(FLAGS.detector_model)
    summary = photos.align_photos(
        paths, _aligner(), _output(), num_threads=FLAGS.num_threads, boxes=boxes
    )
    print(
        f"{summary.photos} photos, {summary.faces} faces "
        f"({_rate(summary.faces, summary.seconds)}), {summary.without_face} photos without a face, "
        f"{summary.skipped} done before: {FLAGS.output}"
    )
    if summary.errors:
        raise InputError(
            f"{len(summary.errors)} files could not be used; {FLAGS.output}/errors.csv says why."
        )


def _align_video() -> None:
    if FLAGS.detector == "boxes":
        raise UsageError("--detector=boxes is for photos; a video takes any other detector.")
    if FLAGS.format not in landmark_files.STREAMS:
        raise UsageError(f"--format={FLAGS.format} is for photos; videos take json or csv.")
    create_filter = OneEuroFilter if FLAGS.smooth else None
    summary = videos.align_video(FLAGS.input, _aligner(), _output(), create_filter=create_filter)
    if summary.skipped:
        print(f"{FLAGS.input}: done before: {FLAGS.output}")
        return
    print(
        f"{summary.frames} frames ({_rate(summary.frames, summary.seconds)}), "
        f"{summary.identities} different faces, {summary.faces} in all frames: {FLAGS.output}"
    )
    if summary.unplugged:
        raise InputError(f"{FLAGS.input}: gives no more frames; what came before is written.")
    if summary.missing:
        raise InputError(
            f"{FLAGS.input}: ends {summary.missing} frames before its announced end; what came "
            "before is written."
        )


def _aligner() -> Aligner:
    if pretrained.locate(FLAGS.model, ".tflite", ".keras").suffix != ".tflite":
        start_tensorflow()
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
