"""Speed of align.py: start-up, a folder of photos compared with the model alone, a video.

  python -m benchmarks.aligning --data=DIR/300w

The photos are the validation faces of 300-W; the video shows the first of them in motion.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
from absl import app, flags

from evae_tf import Aligner, FaceTracker
from evae_tf.align import photos
from evae_tf.align.files import align_files
from evae_tf.align.frames import Video
from evae_tf.align.output import Output
from evae_tf.align.overlay import draw_faces
from evae_tf.align.sources import Sources
from evae_tf.align.video_writing import video_file
from evae_tf.array_types import ByteArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data import datasets
from evae_tf.data.images import read_image

FLAGS = flags.FLAGS
define_path("data", None, "Folder of 300-W.", required=True)
flags.DEFINE_integer("rounds", 3, "Rounds of each measurement; medians are printed.", 1)
flags.DEFINE_integer("num_threads", 2, "As in align.py.", 1)

_FRAMES, _RATE = 150, 25.0
_START = """
import time; started = time.perf_counter()
from evae_tf import Aligner
aligner = Aligner.load({model!r}); loaded = time.perf_counter()
aligner({photo!r}); print(loaded - started, time.perf_counter() - started)
"""


def main(_: list[str]) -> None:
    """Prints the measurements."""
    portrait = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    for model in ("mobile_68", "assets/mobile_68.keras"):
        loaded, first = np.median([_start(model, portrait) for _ in range(FLAGS.rounds)], axis=0)
        print(f"{model}: loaded after {loaded:.2f} s, first face after {first:.2f} s")

    # One thread each, as on a phone or a server with many clients.
    cv2.setNumThreads(1)
    faces = datasets.read_faces("300w", Path(FLAGS.data), "val")
    paths = [face.image for face in faces if isinstance(face.image, Path)]
    aligner = Aligner.load("mobile_68")
    ratios = []
    for _round in range(FLAGS.rounds):
        alone, folder = _model_alone(aligner, paths), _folder(aligner, paths)
        ratios.append(alone / folder)
        rates = [len(paths) / seconds for seconds in (alone, folder)]
        print("photos a second: {:.1f} in memory, {:.1f} from file to file".format(*rates))
    print(f"a folder runs at {np.median(ratios):.0%} of the throughput of detector and network")
    with tempfile.TemporaryDirectory() as temporary:
        _video(aligner, read_image(paths[0]), Path(temporary) / "moving.mp4")


def _start(model: str, photo: str) -> list[float]:
    """Seconds until (the model is loaded, the first face is aligned), imports included."""
    code = _START.format(model=model, photo=photo)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def _model_alone(aligner: Aligner, paths: Sequence[Path]) -> float:
    """Seconds for detector and network, in the batches of `align_photos`."""
    images = [read_image(path) for path in paths]
    started = time.perf_counter()
    for start in range(0, len(images), photos.GROUP):
        aligner.batch(images[start : start + photos.GROUP])
    return time.perf_counter() - started


def _folder(aligner: Aligner, paths: Sequence[Path]) -> float:
    """Seconds from reading the first photo to writing the last image and landmarks."""
    with tempfile.TemporaryDirectory() as output:
        return align_files(
            Sources(photos=list(paths)),
            aligner,
            Output(Path(output), "mobile_68", drawings=("points",)),
            num_threads=FLAGS.num_threads,
        ).photos.seconds


def _video(aligner: Aligner, photo: ByteArray, path: Path) -> None:
    with video_file(path, _RATE) as write:
        for t in range(_FRAMES):
            move = cv2.getRotationMatrix2D(
                (photo.shape[1] / 2, photo.shape[0] / 2), 5 * np.sin(t / 9), 1
            )
            move[:, 2] += 10 * np.sin(t / 13), 6 * np.cos(t / 11)
            size = (photo.shape[1] // 2 * 2, photo.shape[0] // 2 * 2)
            moved = cv2.warpAffine(photo, move, size, borderMode=cv2.BORDER_REPLICATE)
            write(moved.astype(np.uint8, copy=False))
    rates = []
    for _ in range(FLAGS.rounds):
        track, started = FaceTracker(aligner), time.perf_counter()
        with video_file(path.with_name("drawn.mp4"), _RATE) as write:
            for seconds, frame in Video(path):
                faces = track(frame, seconds)
                write(draw_faces(frame, faces, ["points"]))
        rates.append(_FRAMES / (time.perf_counter() - started))
    height, width, _ = photo.shape
    print(f"video of {width} x {height}, one face: {np.median(rates):.0f} frames a second")


if __name__ == "__main__":
    app.run(main)
