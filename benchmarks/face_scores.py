"""How well scores separate faces from false detections.

  python -m benchmarks.face_scores --data=DIR/wild --model=mobile_68

The detections are those above a low score on everyday photos, judged as in
`benchmarks.detection`. For the detector's score, the landmarks' score and their mean, the table has
the area under the ROC curve and the recall with at most 2, 5 and 10 false detections.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import app, flags
from tabulate import tabulate
from tqdm import tqdm

from benchmarks.detection import SAME, Photo, in_doubt, matched, read
from benchmarks.roc import roc_area
from evae_tf import Aligner, geometry
from evae_tf.align import detection
from evae_tf.align.detections import checked
from evae_tf.align.detectors.retinaface import RetinaFaceDetector
from evae_tf.align.detectors.tflite import TfliteDetector
from evae_tf.align.passes import faces_in_boxes
from evae_tf.array_types import BoolArray, FloatArray
from evae_tf.artifacts import pretrained

FLAGS = flags.FLAGS

_FALSE = (2, 5, 10)


def main(_: list[str]) -> None:
    """Prints the table."""
    photos = read(Path(FLAGS.data))
    faces = sum(len(photo.faces) for photo in photos)
    own = pretrained.find("detector", ".tflite")
    detectors: dict[str, detection.Detector] = {
        "retinaface, from 0.05": RetinaFaceDetector(min_score=0.05),
        "tflite, from 0.1": TfliteDetector(own, min_score=0.1),
    }
    rows = []
    for name, detector in detectors.items():
        found = list(tqdm(_finds(photos, detector), desc=name, total=len(photos), disable=None))
        is_face, detected, landmarks = (np.concatenate(part) for part in zip(*found, strict=True))
        scores = {"detector": detected, "landmarks": landmarks, "mean": (detected + landmarks) / 2}
        for kind, score in scores.items():
            row = {"detector": name, "finds": len(is_face), "score": kind}
            row["AUC"] = f"{roc_area(score[is_face], score[~is_face]):.4f}"
            for most, recall in zip(_FALSE, _recalls(is_face, score, faces), strict=True):
                row[f"found %, {most} false"] = f"{100 * recall:.1f}"
            rows.append(row)
    print(tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True))


def _finds(
    photos: list[Photo], detector: detection.Detector
) -> Iterator[tuple[BoolArray, FloatArray, FloatArray]]:
    """For each detection: whether it is a face, the detector's and the landmarks' score."""
    predictor = Aligner.load(FLAGS.model, detector="none").predictor
    for photo in photos:
        found = checked(detector(photo.image), "the detector")
        is_face, counts = _judged(geometry.square_around(found.boxes, 0.0), photo)
        (aligned,) = faces_in_boxes(predictor, [photo.image], [found], passes=2, known=False)
        landmarks = np.array([face.score for face in aligned])
        scores = np.zeros(len(found)) if found.scores is None else found.scores
        yield is_face[counts], scores[counts], landmarks[counts]


def _judged(squares: FloatArray, photo: Photo) -> tuple[BoolArray, BoolArray]:
    """(is a face, counts) of squares [N]; doubles and ignored ones do not count."""
    shared = geometry.squares_overlap(squares[:, None], photo.squares[None])
    is_face = matched(shared) >= 0
    is_double = shared.max(axis=1, initial=0) > SAME
    doubtful = np.array([in_doubt(square, photo.ignore) for square in squares], bool)
    return is_face, is_face | ~(is_double | doubtful)


def _recalls(is_face: BoolArray, score: FloatArray, faces: int) -> list[float]:
    """Recall at the score that admits each number of false detections in `_FALSE`."""
    false = np.append(np.sort(score[~is_face])[::-1], [-np.inf] * (max(_FALSE) + 1))
    return [float((score[is_face] > false[most]).sum()) / faces for most in _FALSE]


if __name__ == "__main__":
    app.run(main)
