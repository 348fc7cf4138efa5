"""Damaged JPEG and PNG files through `align_bytes`, in batches with a photo that is whole.

No batch may be refused, the whole photo has to get its landmarks, every row is either valid or NaN,
and the process neither ends nor grows.

  python -m benchmarks.fuzz_serving --files=2000
"""

import tempfile
import time
from pathlib import Path

import tensorflow as tf
from absl import app, flags

from benchmarks.damaged_images import BATCH, send_damaged
from evae_tf.exporting.export import export_model

FLAGS = flags.FLAGS
flags.DEFINE_string("version", None, "Version folder; none exports `--model`.")
flags.DEFINE_string("model", "mobile_68", "What is exported where no version is given.")
flags.DEFINE_integer("files", 2000, "How many damaged files are sent.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Of the damage.")

_STATUS = Path("/proc/self/status")  # of Linux


def memory(name: str) -> float:
    """MB of this process: `VmRSS`, what it has, or `VmHWM`, the most that it had."""
    (line,) = [line for line in _STATUS.read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1024


def main(_: list[str]) -> None:
    """Prints what became of the files."""
    with tempfile.TemporaryDirectory() as folder:
        version = FLAGS.version or str(Path(folder) / "1")
        if not FLAGS.version:
            export_model(FLAGS.model, folder, ["serving"])
        align = tf.saved_model.load(version).signatures["align_bytes"]
    send_damaged(align, 2 * BATCH, FLAGS.seed + 1)  # what is built once is built
    before, started = memory("VmRSS"), time.perf_counter()
    found = send_damaged(align, FLAGS.files, FLAGS.seed)
    print("{files} files, {valid} of them valid; slowest batch: {slowest:.2f} s".format(**found))
    print(f"seconds: {time.perf_counter() - started:.1f}, with those to make the files")
    after, most = memory("VmRSS"), memory("VmHWM")
    print(f"memory: {before:.0f} MB before, {after:.0f} after, {most:.0f} at most")


if __name__ == "__main__":
    app.run(main)
