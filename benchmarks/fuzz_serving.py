"""Fuzzes `align_bytes` with damaged JPEG and PNG files, in batches with an intact photo.

No batch may be refused, the intact photo must get its landmarks, each row must be valid or NaN, and
the process must not end. Its memory is printed.

  python -m benchmarks.fuzz_serving --files=2000
"""

import tempfile
import time
from pathlib import Path

import tensorflow as tf
from absl import app, flags

from benchmarks.damaged_images import BATCH, send_damaged
from benchmarks.process_memory import memory
from evae_tf.cli.path_flags import define_path
from evae_tf.exporting.export import export_model

FLAGS = flags.FLAGS
define_path("version", None, "Version folder; by default, `--model` is exported.")
define_path("model", "mobile_68", "Model to export if no version is given.")
flags.DEFINE_integer("files", 2000, "Number of damaged files.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Random seed of the damage.")


def main(_: list[str]) -> None:
    """Prints the outcomes of the files."""
    with tempfile.TemporaryDirectory() as folder:
        version = FLAGS.version or str(Path(folder) / "1")
        if not FLAGS.version:
            export_model(FLAGS.model, folder, ["serving"])
        align = tf.saved_model.load(version).signatures["align_bytes"]
    send_damaged(align, 2 * BATCH, FLAGS.seed + 1)  # warm-up
    before, started = memory("VmRSS"), time.perf_counter()
    found = send_damaged(align, FLAGS.files, FLAGS.seed)
    print("{files} files, {valid} of them valid; slowest batch: {slowest:.2f} s".format(**found))
    print(f"seconds: {time.perf_counter() - started:.1f}, including the creation of the files")
    moments = (each / 2**20 for each in (before, memory("VmRSS"), memory("VmHWM")))
    print("memory: {:.0f} MB before, {:.0f} after, {:.0f} at most".format(*moments))


if __name__ == "__main__":
    app.run(main)
