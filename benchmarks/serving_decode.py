"""Time of `align_bytes` of a TensorFlow Serving version, compared with decoder and network alone.

All run in one process, in turn within each round, so that other load affects them alike. The
result is the ratio to decoder and network, by round.

  python -m benchmarks.serving_decode
  python -m benchmarks.serving_decode --versions=OLD/1,NEW/1
"""

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.cbook
import numpy as np
import tensorflow as tf
from absl import app, flags
from PIL import Image
from tabulate import tabulate

from benchmarks.damaged_images import BOX
from evae_tf.artifacts import sidecar
from evae_tf.cli.path_flags import define_path, define_paths
from evae_tf.exporting.export import export_model

FLAGS = flags.FLAGS
define_paths("versions", [], "Version folders; by default, `--model` is exported.")
define_path("model", "mobile_68", "Model to export if no version is given.")
flags.DEFINE_list("photos", ["1", "8", "32"], "Photos per request, comma-separated.")
flags.DEFINE_integer("rounds", 5, "Rounds of each measurement; medians are printed.", lower_bound=1)


def main(_: list[str]) -> None:
    """Prints a row for each number of photos and version."""
    with tempfile.TemporaryDirectory() as folder:
        versions = [Path(version) for version in FLAGS.versions]
        if not versions:
            export_model(FLAGS.model, folder, ["serving"])
            versions = [Path(folder) / "1"]
        models = {str(version): tf.saved_model.load(str(version)) for version in versions}
        size = sidecar.read_description(versions[0] / sidecar.SAVED_MODEL_METADATA)["input_size"]
    rows = [row for count in FLAGS.photos for row in measured(int(count), models, size)]
    header = ["photos", "version", "align_bytes", "Pillow", "decode_jpeg", "network", "ratio"]
    print(tabulate(rows, header, "plain", floatfmt=(*["", ""], *[".4f"] * 4, ".2f")))
    print("seconds, medians; ratio: align_bytes to decode_jpeg and network together")


def measured(count: int, models: dict[str, Any], size: int) -> list[list[object]]:
    """The rows of the table for requests of `count` photos; `size` is the models' input size."""
    portrait = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    file = Path(portrait).read_bytes()
    loaded = list(models.values())
    files, boxes = tf.constant([file] * count), tf.constant([BOX] * count)
    crops = tf.zeros((count, size, size, 3))
    runs: list[Callable[[], object]] = [
        lambda: [np.array(Image.open(io.BytesIO(file))) for _ in range(count)],
        lambda: [tf.io.decode_jpeg(data, 3, dct_method="INTEGER_ACCURATE") for data in files],
        lambda: loaded[-1].signatures["serving_default"](images=crops),
    ]
    for model in loaded:
        align = model.signatures["align_bytes"]
        runs.append(lambda align=align: align(image_bytes=files, boxes=boxes))
    seconds = np.array([[timed(run) for run in runs] for _ in range(FLAGS.rounds + 1)])[1:]
    alone = seconds[:, 1] + seconds[:, 2]
    return [
        [count, version[-40:], np.median(own), *np.median(seconds[:, :3], axis=0)]
        + [np.median(own / alone)]
        for version, own in zip(models, seconds[:, 3:].T, strict=True)
    ]


def timed(run: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    app.run(main)
