"""`evae-bulk`: photos of a folder or table in, a folder of Parquet files out, on Ray Data."""

import importlib.util

from absl import flags

from evae_tf.align import detection
from evae_tf.cli.path_flags import define_path
from evae_tf.cli.run import run, start_tensorflow
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
    "How faces are found: auto takes the best that is installed; none takes the whole image.",
)
define_path("detector_model", None, "For yunet, its .onnx file; for tflite, another detector.")
flags.DEFINE_float(
    "min_score",
    None,
    "What the detector finds is no face below this mean of its score and the landmarks'.",
    lower_bound=0.0,
    upper_bound=1.0,
)
flags.DEFINE_integer("max_faces", None, "Faces of a photo that are kept; all.", lower_bound=1)
flags.DEFINE_integer(
    "passes",
    2,
    "2 aligns again, in an upright crop of what was found.",
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
flags.DEFINE_boolean("overwrite", False, "Do again what is finished already.")
flags.DEFINE_boolean("report", False, "Only count what the output folder holds.")


def _main() -> None:
    if FLAGS.output is None:
        raise UsageError("--output is missing: a folder for the Parquet files.")
    if FLAGS.input is None and not FLAGS.report:
        raise UsageError("--input is missing: a folder, a glob or a table of addresses.")
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("pyarrow") is None:
        raise InputError("evae-bulk needs Ray Data: pip install 'evae-tf[bulk]'.")
    # Imported here: they need the extra.
    from evae_tf.bulk.report import Report

    if FLAGS.report:
        print(Report.of(FLAGS.output).describe())
        return
    _align()


def _align() -> None:
    from evae_tf.bulk import run as bulk_run
    from evae_tf.bulk.settings import Settings

    if FLAGS.model.endswith(".keras"):
        start_tensorflow()
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
        f"face, {summary.finished} done before: {FLAGS.output}"
    )
    if summary.errors:
        raise InputError(
            f"{summary.errors} photos could not be used; their rows say why, and --report counts "
            "the reasons."
        )


def main() -> None:
    """Entry point of `evae-bulk`."""
    run(_main, __doc__)
