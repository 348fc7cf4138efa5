"""`align.py` and `evae-align`: photos in, landmarks and pictures of them out."""

from absl import flags

from evae_tf import pretrained
from evae_tf.align import detection, landmark_files, overlay
from evae_tf.cli.run import run, start_tensorflow
from evae_tf.errors import InputError

FLAGS = flags.FLAGS

flags.DEFINE_string("input", None, "A photo, a folder of photos, or a glob such as 'photos/*.jpg'.")
flags.DEFINE_string(
    "model", "mobile_68", "The name of a shipped model, a .keras or .tflite file, or a SavedModel."
)
flags.DEFINE_enum(
    "detector",
    "haar",
    sorted(detection.DETECTORS),
    "How faces are found: by OpenCV's cascades, or not at all: the whole image is the face.",
)
flags.DEFINE_integer(
    "passes", 2, "2 looks again at an upright crop of what was found.", lower_bound=1, upper_bound=2
)
flags.DEFINE_enum("format", "json", sorted(landmark_files.WRITERS), "Of the landmarks.")
flags.DEFINE_list(
    "draw",
    ["points"],
    f"What the pictures show, comma-separated, of {', '.join(overlay.DRAWINGS)}; empty: no "
    "pictures. Ellipses need a model file that gives the covariance, such as a .keras one.",
)
flags.DEFINE_boolean("overwrite", False, "Do photos again whose landmarks are there.")
flags.DEFINE_string("output", "runs/aligned", "Folder for landmarks and pictures.")


def _main():
    unknown = sorted(set(FLAGS.draw) - set(overlay.DRAWINGS))
    if unknown:
        raise InputError(f"--draw={','.join(unknown)}: known are {list(overlay.DRAWINGS)}.")
    if FLAGS.input is None:
        raise InputError("--input is missing: a photo, a folder of photos, or a glob.")
    from evae_tf import photos

    paths = photos.find_photos(FLAGS.input)
    if pretrained.locate(FLAGS.model, ".tflite", ".keras").suffix != ".tflite":
        start_tensorflow()
    from evae_tf.aligner import Aligner

    aligner = Aligner.load(FLAGS.model, FLAGS.detector, FLAGS.passes, FLAGS.num_threads)
    summary = photos.align_photos(
        paths,
        aligner,
        FLAGS.output,
        model=FLAGS.model,
        file_format=FLAGS.format,
        drawings=FLAGS.draw,
        overwrite=FLAGS.overwrite,
        num_threads=FLAGS.num_threads,
    )
    rate = summary.faces / max(summary.seconds, 1e-9)
    print(
        f"{summary.photos} photos, {summary.faces} faces ({rate:.1f} a second), "
        f"{summary.without_face} photos without a face, {summary.skipped} done before: "
        f"{FLAGS.output}"
    )
    if summary.errors:
        raise InputError(
            f"{len(summary.errors)} files could not be read; {FLAGS.output}/errors.csv says why."
        )


def main():
    """Entry point of `evae-align`."""
    run(_main, __doc__)
