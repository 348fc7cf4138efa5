"""`evae-bulk`: find facial landmarks in many photos, with Ray Data; writes Parquet files."""

from absl import flags

from evae_tf import extras
from evae_tf.cli import aligner_flags
from evae_tf.cli.path_flags import define_path
from evae_tf.cli.run import run
from evae_tf.errors import InputError, UsageError

FLAGS = flags.FLAGS

define_path(
    "input",
    None,
    "A folder of photos, a glob such as 'photos/*.jpg', or a table with the column image "
    "(.parquet, .csv, or a glob of tables). A path, or an address such as s3://bucket/photos.csv.",
)
define_path("output", None, "Folder of the Parquet files: a path or an address.")
aligner_flags.define()
flags.DEFINE_string(
    "address",
    None,
    "HOST:PORT of the head of a Ray cluster, or auto on one of its machines. By default, Ray "
    "starts on this machine.",
)
flags.DEFINE_integer(
    "workers", None, "Number of workers; by default one for each CPU.", lower_bound=1
)
flags.DEFINE_boolean(
    "overwrite", False, "Remove the results in the output folder and align all photos again."
)
flags.DEFINE_boolean(
    "report", False, "Only count the photos, faces and errors in the output folder."
)


def _main() -> None:
    if FLAGS.output is None:
        raise UsageError("--output is missing: expected a folder for the Parquet files.")
    if FLAGS.input is None and not FLAGS.report:
        raise UsageError("--input is missing: expected a folder, a glob or a table of addresses.")
    for module in ("ray", "pyarrow"):
        extras.require(module)
    # Imported late: this needs the extra.
    from evae_tf.bulk.report import Report

    if FLAGS.report:
        print(Report.of(FLAGS.output).describe())
        return
    _align()


def _align() -> None:
    from evae_tf.bulk import run as bulk_run
    from evae_tf.bulk.addresses import shown
    from evae_tf.bulk.settings import Settings

    summary = bulk_run.align(
        FLAGS.input,
        FLAGS.output,
        Settings(**aligner_flags.arguments()),
        address=FLAGS.address,
        workers=FLAGS.workers,
        overwrite=FLAGS.overwrite,
    )
    print(
        f"{summary.photos} photos, {summary.faces} faces, {summary.without_face} photos without a "
        f"face, {summary.finished} skipped: {shown(FLAGS.output)}"
    )
    if summary.errors:
        raise InputError(
            f"{summary.errors} photos could not be used. The column error gives the reasons, and "
            "--report counts them."
        )


def main() -> None:
    """Entry point of `evae-bulk`."""
    run(_main, __doc__)
