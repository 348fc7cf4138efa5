"""Peak memory of cropping faces and of reading the crops, in memory and in files.

  python -m benchmarks.crop_store

Every case runs in a process of its own. Memory counts from when the list of faces exists. The
faces share one small image, so that drawing and decoding take no time.
"""

import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags

from benchmarks.process_memory import memory, reset_peak

FLAGS = flags.FLAGS
flags.DEFINE_list("counts", ["20000", "200000"], "Numbers of faces, rising.")
flags.DEFINE_integer("size", 32, "Side of a crop, pixels.", lower_bound=1)

_BATCH = 64


def main(_: list[str]) -> None:
    """Prints the memory of every case, and the ratios."""
    counts = [int(count) for count in FLAGS.counts]
    peaks = dict[str, list[float]]()
    for cache in ("ram", "file"):
        peaks[cache] = []
        for count in counts:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                peak, seconds = pool.apply(measured, (cache, count, FLAGS.size))
            peaks[cache].append(peak)
            print(
                f"cache={cache}, {count} crops of {count * FLAGS.size**2 * 3 / 1e6:.0f} MB: peak "
                f"{peak:.1f} MB, {count / seconds:,.0f} crops read a second"
            )
    for cache, (first, *_, last) in peaks.items():
        growth = (last - first) * 1e6 / (counts[-1] - counts[0])
        print(f"cache={cache}: {growth:.0f} bytes for each further crop")
    print(f"in files / in memory, {counts[-1]} crops: {peaks['file'][-1] / peaks['ram'][-1]:.3f}")


def measured(cache: str, count: int, size: int) -> tuple[float, float]:
    """Peak memory in MB, and the seconds of reading all crops once in random order."""
    from evae_tf.data.crop_files import CropStore
    from evae_tf.data.crops import cut_crops
    from evae_tf.data.face import make_face

    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    points = np.float32([[16, 16], [32, 16], [24, 24], [18, 32], [30, 32]])
    faces = [
        make_face(image, points, markup="mtfl_5", subset="train", name=str(index))
        for index in range(count)
    ]
    with tempfile.TemporaryDirectory() as folder:
        store = CropStore(Path(folder)) if cache == "file" else None
        before = memory("VmRSS")
        reset_peak()
        crops = cut_crops(faces, size=size, margin=0.2, store=store, key="benchmark")
        order = np.random.default_rng(1).permutation(count)
        started = time.perf_counter()
        for start in range(0, count, _BATCH):
            crops.images[order[start : start + _BATCH]]
        return (memory("VmHWM") - before) / 1e6, time.perf_counter() - started


if __name__ == "__main__":
    app.run(main)
