"""`evae-bulk`: photos of a folder or table in, a folder of Parquet files out, on Ray Data."""

from absl import flags

from evae_tf import extras
from evae_tf.align import detection
from evae_tf.cli.path_flags import define_path
from evae_tf.cli.run import run
from evae_tf.errors import InputError, UsageError

FLAGS = flags.FLAGS

define_path(
    "input",
    None,
    "A folder of photos, a glob of them such as 'photos/*.jpg', or a table (.parquet, .csv, or a "
    "glob) with the column image; on disk, or an address such as s3://bucket/photos.parquet.",
)
define_path("output", None, "Folder of the Parquet files; on disk, or an address.")
define_path(
    "model", "mobile_68", "The name of a shipped model, a .keras or .tflite file, or a SavedModel."
)
flags.DEFINE_enum(
    "detector",
    "auto",
    list(detection.DETECTORS),
    "Face detector: auto is the best that is installed; none takes the whole image as the face.",
)
define_path("detector_model", None, "For yunet, its .onnx file; for tflite, another detector.")
flags.DEFINE_float(
    "min_score",
    None,
    "Detections count as faces from this mean of the detector's score and the landmarks'.",
    lower_bound=0.0,
    upper_bound=1.0,
)
flags.DEFINE_integer(
    "max_faces", None, "Keep at most this many faces of a photo, the best ones.", lower_bound=1
)
flags.DEFINE_integer(
    "passes",
    2,
    "2 aligns a second time, in an upright crop of the first result.",
    lower_bound=1,
    upper_bound=2,
)
flags.DEFINE_string(
    "address",
    None,
    "HOST:PORT of a Ray cluster's head, or auto on one of its machines; if not given, Ray starts "
    "on this machine.",
)
flags.DEFINE_integer(
    "workers", None, "Actors that align; one for each CPU, if not given.", lower_bound=1
)
flags.DEFINE_boolean("overwrite", False, "Align finished photos again.")
flags.DEFINE_boolean(
    "report", False, "Only count the photos, faces and errors of the output folder."
)


def _main() -> None:
    if FLAGS.output is None:
        raise UsageError("--output is missing: a folder for the Parquet files.")
    if FLAGS.input is None and not FLAGS.report:
        raise UsageError("--input is missing: a folder, a glob or a table of addresses.")
    for module in ("ray", "pyarrow"):
        extras.require(module)
    # Imported late: it needs the extra.
    from evae_tf.bulk.report import Report

    if FLAGS.report:
        print(Report.of(FLAGS.output).describe())
        return
    _align()


def _align() -> None:
    from evae_tf.bulk import run as bulk_run
    from evae_tf.bulk.settings import Settings

    summary = bulk_run.align(
        FLAGS.input,
        FLAGS.output,
        Settings(
            FLAGS.model,
            FLAGS.detector,
            FLAGS.detector_model,
            FLAGS.passes,
            FLAGS.min_score,
            FLAGS.max_faces,
        ),
        address=FLAGS.address,
        workers=FLAGS.workers,
        overwrite=FLAGS.overwrite,
    )
    print(
        f"{summary.photos} photos, {summary.faces} faces, {summary.without_face} photos without a "
        f"face, {summary.finished} skipped: {FLAGS.output}"
    )
    if summary.errors:
        raise InputError(
            f"{summary.errors} photos could not be used; their rows say why, and --report counts "
            "the reasons."
        )


def main() -> None:
    """Entry point of `evae-bulk`."""
    run(_main, __doc__)
