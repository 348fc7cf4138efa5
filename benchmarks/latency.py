"""Time of one face on one thread, compared with MediaPipe's landmark network, and by layer.

All files run in one process and runtime (LiteRT), in turn within each round, so that other load
affects them alike. The result is the ratio of each to the first, by round. `--profile` cuts a file
after each layer and times the parts.

  python -m benchmarks.latency --model=assets/mobile_68.tflite,assets/server_68.keras
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags
from tabulate import tabulate

from benchmarks import tflite_graph
from evae_tf.cli.path_flags import define_path, define_paths
from evae_tf.exporting import timing

FLAGS = flags.FLAGS
define_paths(
    "model",
    ["assets/mobile_68.tflite", "assets/server_68.keras"],
    "Files to time, comma-separated; a .keras file is first exported as float32.",
)
define_path("peer", None, "Reference of the ratios (.tflite); by default the first model.")
flags.DEFINE_integer("rounds", 300, "Number of runs of each file.", lower_bound=1)
flags.DEFINE_boolean("profile", False, "Also time the layers of the first model.")

_SHOWN_LAYERS = 12


def read_model(path: Path, folder: Path) -> bytes:
    """The bytes of a TFLite file; a .keras file is converted in float32."""
    if path.suffix != ".keras":
        return path.read_bytes()
    from evae_tf.exporting.export import export_model

    export_model(path, folder / path.stem, ["tflite"])
    return (folder / path.stem / "model.tflite").read_bytes()


def peak_flops() -> float:
    """Floating-point operations per second of a large float32 matrix product on one core."""
    a, times = np.random.default_rng(0).random((1500, 1500), np.float32), []
    for _ in range(8):
        started = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - started)
    return 2 * len(a) ** 3 / min(times)


def print_profile(content: bytes) -> None:
    """Prints the slowest layers, by the time of the file cut after each layer."""
    cuts = list(tflite_graph.cut_after_layers(content))
    times = np.median(timing.interleaved([cut for _, _, cut in cuts], FLAGS.rounds // 3), axis=0)
    own = np.diff(times, prepend=0)
    rows = [
        (name[-60:], 1e6 * own[index], f"{own[index] / times[-1]:.0%}", macs / 1e6)
        for index in np.argsort(-own)[:_SHOWN_LAYERS]
        for name, macs, _ in [cuts[index]]
    ]
    header = ["layer", "us", "share", "MMAC"]
    print("", tabulate(rows, header, "plain", floatfmt=("", ".0f", "", ".2f")), sep="\n")


def main(_: list[str]) -> None:
    """Prints a row for each file."""
    models = [Path(path) for path in FLAGS.model]
    paths = [*([Path(FLAGS.peer)] if FLAGS.peer else []), *models]
    with tempfile.TemporaryDirectory() as folder:
        contents = [read_model(path, Path(folder)) for path in paths]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, also for NumPy
    seconds = timing.interleaved(contents, FLAGS.rounds)
    peak = peak_flops()
    rows = []
    for path, content, own in zip(paths, contents, seconds.T, strict=True):
        macs = sum(tflite_graph.macs_of_layers(content).values())
        rate = 2 * macs / np.median(own)
        times = 1e3 * np.median(own), np.median(own / seconds[:, 0])
        sizes = len(content) / 1e3, macs / 1e6
        rows.append([str(path)[-50:], *times, *sizes, rate / 1e9, f"{rate / peak:.0%}"])
    header = ["file", "ms", "ratio", "kB", "MMAC", "GFLOP/s", "of peak"]
    print(tabulate(rows, header, "plain", floatfmt=("", ".3f", ".2f", ".0f", ".1f", ".1f")))
    print(f"peak: {peak / 1e9:.0f} GFLOP/s, a float32 matrix product on one core")
    if FLAGS.profile:
        print_profile(contents[paths.index(models[0])])


if __name__ == "__main__":
    app.run(main)
