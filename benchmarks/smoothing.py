"""Jitter and lag of the landmarks in a video, by filter.

  python -m benchmarks.smoothing

The faces are synthetic, at 25 frames per second. Still: one image with new sensor noise in each
frame; flicker is the movement of a landmark from one frame to the next. Moving: the head turns,
nods and moves with known landmarks; lag is the delay of the truth that fits the landmarks best.
All lengths are in per cent of the distance between the outer eye corners.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from absl import app, flags
from tabulate import tabulate
from tqdm import tqdm

from evae_tf import AlignedFace, Aligner
from evae_tf.align.face_tracker import FaceTracker
from evae_tf.align.inputs import rgb_image
from evae_tf.align.smoothing import OneEuroFilter, Smoother, face_size
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data import synthetic
from evae_tf.evaluation import metrics
from evae_tf.head_pose import HeadPose
from evae_tf.markups import MARKUPS

FLAGS = flags.FLAGS
define_path("model", "assets/mobile_68.keras", "Model with covariance.")
flags.DEFINE_integer("faces", 6, "Number of synthetic faces.")

_RATE, _FRAMES, _NOISE, _CANVAS_PX = 25.0, 75, 8.0, 320
_MARKUP = MARKUPS["ibug_68"]
_DELAYS = np.arange(0, 0.2, 0.005)  # seconds

FILTERS: dict[str, Callable[[], Smoother] | None] = {
    "off": None,
    **{
        f"{'weighted' if typical else 'plain'}, {cutoff:g} Hz, speed {speed:g}": (
            lambda cutoff=cutoff, speed=speed, typical=typical: OneEuroFilter(
                cutoff, speed, typical
            )
        )
        for typical in (None, 0.015)
        for cutoff in (0.25, 0.5, 1.0)
        for speed in (15.0, 40.0, 80.0, 160.0)
    },
}


def main(_: list[str]) -> None:
    """Prints a row for each filter."""
    aligner = Aligner.load(FLAGS.model)
    videos = [
        (still, truth, _followed(aligner, frames))
        for face in tqdm(range(FLAGS.faces), desc="following", unit="face", disable=None)
        for still, (frames, truth) in ((True, _still(face)), (False, _moving(face)))
    ]
    table: list[list[str]] = []
    for name, create in FILTERS.items():
        rows = [(still, *_measured(create, truth, found)) for still, truth, found in videos]
        still, moving = (
            np.nanmean([row[1:] for row in rows if row[0] is s], axis=0) for s in (True, False)
        )
        flicker, off_still, lag, off_moving = (
            f"{100 * still[0]:.3f}",
            f"{100 * still[1]:.2f}",
            f"{1000 * moving[2]:.0f}",
            f"{100 * moving[1]:.2f}",
        )
        table.append([name, flicker, off_still, lag, off_moving])
    header = ["filter", "flicker %", "error still %", "lag, ms", "error moving %"]
    print(tabulate(table, header, "github", disable_numparse=True))


def _still(face: int) -> tuple[list[ByteArray], FloatArray]:
    drawn, _ = synthetic.draw_face(_MARKUP, (7, face), occluded=False)
    frames = [_noisy(_placed(rgb_image(drawn.image), 0, 0), (face, t)) for t in range(_FRAMES)]
    offset = (_CANVAS_PX - synthetic.SIDE_PX) / 2
    return frames, np.repeat(drawn.landmarks[None] + offset, _FRAMES, axis=0)


def _moving(face: int) -> tuple[list[ByteArray], FloatArray]:
    frames, truth = [], []
    for t in range(_FRAMES):
        phase = 2 * np.pi * t / _RATE
        pose = HeadPose(25 * np.sin(phase / 2), 8 * np.sin(phase / 1.5), 6 * np.sin(phase))
        drawn, _ = synthetic.draw_face(_MARKUP, (7, face), pose=pose, occluded=False)
        x, y = 30 * np.sin(phase / 1.2), 15 * np.sin(phase / 0.9)
        frames.append(_noisy(_placed(rgb_image(drawn.image), x, y), (face, t)))
        truth.append(drawn.landmarks + (_CANVAS_PX - synthetic.SIDE_PX) / 2 + [x, y])
    return frames, np.array(truth, np.float32)


def _placed(image: ByteArray, x: float, y: float) -> ByteArray:
    """The image on a larger canvas, shifted by (x, y) pixels."""
    offset = (_CANVAS_PX - synthetic.SIDE_PX) / 2
    move = np.array([[1, 0, offset + x], [0, 1, offset + y]], np.float64)
    size = (_CANVAS_PX, _CANVAS_PX)
    placed = cv2.warpAffine(image, move, size, borderMode=cv2.BORDER_REPLICATE)
    return placed.astype(np.uint8, copy=False)


def _noisy(image: ByteArray, seed: tuple[int, int]) -> ByteArray:
    noise = np.random.default_rng(seed).normal(0, _NOISE, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def _followed(aligner: Aligner, frames: Sequence[ByteArray]) -> list[AlignedFace | None]:
    """The first face of each frame, or None."""
    track = FaceTracker(aligner, create_filter=None)
    found = [track(frame, index / _RATE) for index, frame in enumerate(frames)]
    return [faces[0] if faces else None for faces in found]


def _measured(
    create: Callable[[], Smoother] | None, truth: FloatArray, found: Sequence[AlignedFace | None]
) -> tuple[float, float, float]:
    """(flicker, error, lag in seconds) of one video; the lengths as fractions."""
    smooth = create() if create else None
    faces = {index: face for index, face in enumerate(found) if face is not None}
    if len(faces) < len(found) / 2:
        return np.nan, np.nan, np.nan
    landmarks, kept = [], list(faces)
    for index, face in faces.items():
        size = face_size(face.landmarks)
        landmarks.append(
            smooth(face.landmarks, index / _RATE, size, face.covariance)
            if smooth
            else face.landmarks
        )
    landmarks, true = np.array(landmarks, np.float64), truth[kept].astype(np.float64)
    distance = metrics.normalizing_distance("inter_ocular", true, None, _MARKUP)
    moves = np.linalg.norm(np.diff(landmarks, axis=0), axis=-1).mean(axis=1) / distance[1:]
    error = np.linalg.norm(landmarks - true, axis=-1).mean(axis=1) / distance
    return moves.mean(), error.mean(), _lag(landmarks, true, np.array(kept) / _RATE)


def _lag(landmarks: FloatArray, true: FloatArray, seconds: FloatArray) -> float:
    """The delay of the truth that fits the landmarks best, without constant offsets."""
    landmarks = landmarks - landmarks.mean(axis=0)
    later = seconds >= seconds[0] + _DELAYS[-1]
    distances = []
    for delay in _DELAYS:
        delayed = np.stack(
            [
                np.interp(seconds - delay, seconds, series)
                for series in true.reshape(len(true), -1).T
            ],
            axis=1,
        ).reshape(true.shape)
        delayed -= delayed.mean(axis=0)
        distances.append(np.linalg.norm(landmarks - delayed, axis=-1)[later].mean())
    return _DELAYS[int(np.argmin(distances))]


if __name__ == "__main__":
    app.run(main)
