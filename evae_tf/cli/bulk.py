"""`evae-bulk`: photos of a folder or table in, a folder of Parquet files out, on Ray Data."""

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
    "A folder of photos, a glob of them such as 'photos/*.jpg', or a table (.parquet, .csv, or a "
    "glob) with the column image; on disk, or an address such as s3://bucket/photos.parquet.",
)
define_path("output", None, "Folder of the Parquet files; on disk, or an address.")
aligner_flags.define()
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
        Settings(**aligner_flags.arguments()),
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
