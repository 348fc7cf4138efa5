"""Lists all faces of the training photos: annotated ones and others in the background.

  python -m recipes.detector.photos --data=DIR --faces=runs/models/all_poses.csv

The annotated faces are those of the list of `recipes.all_poses` and of further lists; the others
are detections of RetinaFace. Its uncertain detections are neither faces nor background.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from absl import app, flags
from tqdm import tqdm

from evae_tf import atomic, geometry, markups
from evae_tf.align.detections import Detections
from evae_tf.align.detectors.retinaface import RetinaFaceDetector
from evae_tf.align.upright import upright_squares
from evae_tf.array_types import FloatArray
from evae_tf.cli.path_flags import define_path, define_paths
from evae_tf.data import datasets
from evae_tf.data.face import Face
from evae_tf.data.images import read_image
from recipes import teaching

FLAGS = flags.FLAGS

_IBUG = markups.MARKUPS["ibug_68"]
_SURE, _UNSURE = 0.8, 0.2  # scores of RetinaFace
_SAME = 0.3  # least intersection over union of two boxes of one face


@dataclasses.dataclass(frozen=True, eq=False)
class Photo:
    """The faces of a photo.

    Attributes:
      path: path of its file.
      squares: float32 [N, 3], centre x, centre y and side around the landmarks of each face.
      five: float32 [N, 5, 2], eyes, tip of the nose, corners of the mouth.
      landmarks: float32 [N, 68, 2]; NaN for detections of RetinaFace.
      unsure: float32 [M, 3], squares of uncertain detections.
    """

    path: Path
    squares: FloatArray
    five: FloatArray
    landmarks: FloatArray
    unsure: FloatArray

    def moved(self, move: FloatArray) -> Self:
        """The faces after an affine map [2, 3] of the photo that keeps squares square."""
        scale = np.float32(np.hypot(*move[:, 0]))

        def points(positions: FloatArray) -> FloatArray:
            return (positions @ move[:, :2].T + move[:, 2]).astype(np.float32)

        def squares(those: FloatArray) -> FloatArray:
            return np.concatenate([points(those[:, :2]), those[:, 2:] * scale], axis=1)

        return dataclasses.replace(
            self,
            squares=squares(self.squares),
            five=points(self.five),
            landmarks=points(self.landmarks),
            unsure=squares(self.unsure),
        )


def main(_: list[str]) -> None:
    """Prints how many photos and faces were listed."""
    detector = RetinaFaceDetector(min_score=_UNSURE)
    photos: list[Photo] = []
    groups = _by_photo(
        face
        for path in FLAGS.faces
        for face in datasets.read_faces("csv", Path(path), "train", _IBUG)
    )
    empty = sorted((Path(FLAGS.data) / "no_faces").glob("*.webp"))
    for path, faces in tqdm([*groups.items(), *((path, []) for path in empty)], disable=None):
        photos.append(_photo(path, faces, detector(read_image(path))))
    write(photos, Path(FLAGS.output))
    found = sum(int(np.isnan(photo.landmarks).any(axis=(1, 2)).sum()) for photo in photos)
    total = sum(len(photo.squares) for photo in photos)
    print(f"{len(photos)} photos, {total} faces, {found} of them detected: {FLAGS.output}")


def _by_photo(faces: Iterator[Face]) -> dict[Path, list[Face]]:
    groups: dict[Path, list[Face]] = {}
    for face in faces:
        groups.setdefault(Path(face.image).resolve(), []).append(face)
    return groups


def _photo(path: Path, faces: Sequence[Face], found: Detections) -> Photo:
    landmarks = np.array([face.landmarks for face in faces], np.float32).reshape(-1, 68, 2)
    squares, _ = upright_squares(landmarks, _IBUG, 0.0)
    first = [
        index
        for index, square in enumerate(squares)
        if not (geometry.squares_overlap(square, squares[:index]) > _SAME).any()
    ]
    landmarks, squares = landmarks[first], squares[first]
    theirs = geometry.square_around(found.boxes, 0.0)
    shared = geometry.squares_overlap(theirs[:, None], squares[None])
    other = (shared < _SAME).all(axis=1)
    sure = other & (found.scores > _SURE)
    five = teaching.five_points(landmarks, _IBUG.name)
    keypoints = np.zeros((0, 5, 2)) if found.keypoints is None else found.keypoints[sure]
    return Photo(
        path,
        np.concatenate([squares, theirs[sure]]),
        np.concatenate([five, keypoints]).astype(np.float32),
        np.concatenate([landmarks, np.full((sure.sum(), 68, 2), np.nan, np.float32)]),
        theirs[other & ~sure],
    )


def write(photos: Sequence[Photo], path: Path) -> None:
    """Writes photos as an .npz of flat arrays."""
    atomic.make_folder(path.parent)
    fields = ("squares", "five", "landmarks", "unsure")
    columns = {name: np.concatenate([getattr(photo, name) for photo in photos]) for name in fields}
    counts = {
        f"{name}_count": np.array([len(getattr(photo, name)) for photo in photos])
        for name in ("squares", "unsure")
    }
    with atomic.replacing_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, paths=np.array([str(photo.path) for photo in photos]), **columns, **counts)


def read(path: Path) -> list[Photo]:
    """Reads what `write` wrote."""
    with np.load(path) as file:
        arrays = dict(file)
    faces, unsure = (
        np.cumsum([0, *arrays[f"{name}_count"].tolist()]).tolist() for name in ("squares", "unsure")
    )
    return [
        Photo(
            Path(str(name)),
            *(
                arrays[field][faces[index] : faces[index + 1]]
                for field in ("squares", "five", "landmarks")
            ),
            arrays["unsure"][unsure[index] : unsure[index + 1]],
        )
        for index, name in enumerate(arrays["paths"])
    ]


if __name__ == "__main__":
    define_path("data", None, "Folder with no_faces.", required=True)
    define_paths("faces", None, "Lists of `recipes.all_poses`.", required=True)
    define_path("output", "runs/detector/photos.npz", "List to write (.npz).")
    app.run(main)
