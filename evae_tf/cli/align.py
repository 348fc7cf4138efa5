"""`align.py` and `evae-align`: photos, a video or a camera in, landmarks and pictures out."""

from absl import flags

from evae_tf.align import box_file, detection, frames, landmark_files, overlay
from evae_tf.artifacts import pretrained
from evae_tf.cli.run import run, start_tensorflow
from evae_tf.errors import InputError
from evae_tf.geometry import BOX_COLUMNS

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "input",
    None,
    "A photo, a folder of photos, a glob such as 'photos/*.jpg', a video file, or a camera such as "
    "camera:0, which Ctrl-C stops.",
)
flags.DEFINE_string(
    "model", "mobile_68", "The name of a shipped model, a .keras or .tflite file, or a SavedModel."
)
flags.DEFINE_enum(
    "detector",
    "haar",
    [*detection.DETECTORS, "boxes"],
    "How faces are found: by OpenCV's cascades or by YuNet; none takes the whole image, "
    "boxes what a table says.",
)
flags.DEFINE_string(
    "detector_model",
    None,
    "For yunet, its .onnx file; for boxes, a .csv file with the columns image, "
    f"{', '.join(BOX_COLUMNS)}.",
)
flags.DEFINE_integer(
    "passes", 2, "2 looks again at an upright crop of what was found.", lower_bound=1, upper_bound=2
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
flags.DEFINE_string("output", "runs/aligned", "Folder for landmarks and pictures.")


def _main():
    unknown = sorted(set(FLAGS.draw) - set(overlay.DRAWINGS))
    if unknown:
        raise InputError(f"--draw={','.join(unknown)}: known are {list(overlay.DRAWINGS)}.")
    if FLAGS.input is None:
        raise InputError("--input is missing: a photo, a folder, a glob, a video or camera:0.")
    if frames.is_video(FLAGS.input):
        _align_video()
    else:
        _align_photos()


def _align_photos():
    from evae_tf.align import photos

    paths = photos.find_photos(FLAGS.input)
    boxes = None
    if FLAGS.detector == "boxes":
        if FLAGS.detector_model is None:
            raise InputError("--detector=boxes needs a table: give --detector_model=FILE.csv.")
        boxes = box_file.read_boxes(FLAGS.detector_model)
    summary = photos.align_photos(
        paths, _aligner(), FLAGS.output, num_threads=FLAGS.num_threads, boxes=boxes, **_common()
    )
    print(
        f"{summary.photos} photos, {summary.faces} faces ({_rate(summary.faces, summary)}), "
        f"{summary.without_face} photos without a face, {summary.skipped} done before: "
        f"{FLAGS.output}"
    )
    if summary.errors:
        raise InputError(
            f"{len(summary.errors)} files could not be used; {FLAGS.output}/errors.csv says why."
        )


def _align_video():
    if FLAGS.detector == "boxes":
        raise InputError("--detector=boxes is for photos; a video takes haar, yunet or none.")
    from evae_tf.align import videos
    from evae_tf.align.smoothing import OneEuroFilter

    create_filter = OneEuroFilter if FLAGS.smooth else None
    summary = videos.align_video(
        FLAGS.input, _aligner(), FLAGS.output, create_filter=create_filter, **_common()
    )
    if summary.skipped:
        print(f"{FLAGS.input}: done before: {FLAGS.output}")
        return
    print(
        f"{summary.frames} frames ({_rate(summary.frames, summary)}), {summary.identities} "
        f"different faces, {summary.faces} in all frames: {FLAGS.output}"
    )
    if summary.unplugged:
        raise InputError(f"{FLAGS.input}: gives no more frames; what came before is written.")
    if summary.missing:
        raise InputError(
            f"{FLAGS.input}: ends {summary.missing} frames before its announced end; what came "
            "before is written."
        )


def _aligner():
    if pretrained.locate(FLAGS.model, ".tflite", ".keras").suffix != ".tflite":
        start_tensorflow()
    from evae_tf.align.aligner import Aligner

    detector = "none" if FLAGS.detector == "boxes" else FLAGS.detector
    return Aligner.load(
        FLAGS.model,
        detector=detector,
        detector_model=FLAGS.detector_model,
        passes=FLAGS.passes,
        num_threads=FLAGS.num_threads,
    )


def _common():
    """What photos and videos are both asked for."""
    return {
        "model": FLAGS.model,
        "file_format": FLAGS.format,
        "drawings": FLAGS.draw,
        "overwrite": FLAGS.overwrite,
    }


def _rate(count, summary):
    return f"{count / max(summary.seconds, 1e-9):.1f} a second"


def main():
    """Entry point of `evae-align`."""
    run(_main, __doc__)
