"""Square crops of faces, decoded once and kept in memory or in files."""

import concurrent.futures
import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from evae_tf import geometry, progress
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.data.crop_files import CropStore, PartWriter
from evae_tf.data.face import Face
from evae_tf.data.images import read_image
from evae_tf.errors import InputError

_QUEUED = 1024  # faces; a queue of all of them would take more memory than their records


@dataclasses.dataclass(frozen=True)
class Crops:
    """Crops of N faces, all of one size.

    Attributes:
      images: uint8 [N, C, C, 3], RGB; an array, or a `CropFiles` that reads them by rows.
      landmarks: float32 [N, K, 2], fractions of the model's crop, which is the middle `size`
        pixels of the images; the rest is context for augmentation. NaN where not annotated.
      visible: float32 [N, K], 1 for visible points, 0 for hidden ones, NaN where unknown. All
        annotated points of a face without flags count as visible.
      squares: float32 [N, 3], the model's crop in image pixels, see `geometry.square_around`.
      size: S, side of the model's crop in pixels.
    """

    images: ByteArray
    landmarks: FloatArray
    visible: FloatArray
    squares: FloatArray
    size: int

    def __len__(self) -> int:
        return len(self.images)

    def model_input(self, rows: slice | npt.NDArray[np.integer] = slice(None)) -> FloatArray:
        """Selected rows (a slice or indices) as model input; the crops must have no context.

        Returns:
          float32 [n, S, S, 3], RGB in [0, 1].
        """
        return np.asarray(self.images[rows], np.float32) / 255


def cut_crops(
    faces: Sequence[Face],
    *,
    size: int,
    margin: float,
    context: int = 0,
    boxes: ArrayLike | None = None,
    store: CropStore | None = None,
    key: str | None = None,
    num_threads: int = 2,
) -> Crops:
    """Decodes every image and crops its face.

    Args:
      faces: list of `Face`.
      size: S, side of the model's crop in pixels.
      margin: the model's crop margin, see `geometry.square_around`.
      context: pixels of context on each side of the crop.
      boxes: float [N, 4] to use instead of the boxes of the faces, or None.
      store: where to keep the crops in files, which are reused for the same faces (see
        `fingerprint`) and settings. Each process cuts its part. None: cut all, keep in memory.
      key: `fingerprint` of the faces for `store`, if it is known.
      num_threads: number of images decoded in parallel.

    Returns:
      `Crops` in the order of `faces`, C = size + 2 * context.

    Raises:
      InputError: an image cannot be read, a box is outside its image, or a landmark or a corner of
        an annotated box is outside by more than the image's longer side.
    """
    boxes = np.stack([face.box for face in faces]) if boxes is None else np.asarray(boxes)
    squares = geometry.square_around(boxes, margin)
    landmarks = np.stack([face.landmarks for face in faces])
    side = size + 2 * context
    wider = squares * np.asarray([1, 1, side / size], np.float32)
    shape = (len(faces), side, side, 3)
    if store is None:
        images: Any = np.empty(shape, np.uint8)
        _cut(faces, boxes, wider, images, range(len(faces)), num_threads)
    else:
        cut = f"{key or fingerprint(faces)} {side}".encode() + wider.tobytes()
        images = store.open(
            f"crops_{hashlib.sha256(cut).hexdigest()[:16]}",
            shape,
            lambda part: _cut(faces, boxes, wider, part, part.rows, num_threads),
        )
    landmarks = geometry.image_to_crop(landmarks, squares)
    return Crops(images, landmarks, np.stack([_flags(face) for face in faces]), squares, size)


def _flags(face: Face) -> FloatArray:
    """The values of `Crops.visible` for one face."""
    if face.visible is None:
        return np.where(face.annotated, np.float32(1), np.float32(np.nan))
    return np.where(face.visible & ~face.annotated, np.float32(np.nan), face.visible)


def file_digests(faces: Sequence[Face]) -> list[bytes]:
    """The SHA-256 of each face's image file; nothing for images in memory.

    Raises:
      InputError: an image file cannot be read.
    """
    of_file = functools.cache(_file_digest)
    return [of_file(face.image) if isinstance(face.image, Path) else b"" for face in faces]


def fingerprint(faces: Sequence[Face], digests: Sequence[bytes] | None = None) -> str:
    """A hash of a list of faces, 16 hexadecimal digits.

    It covers names, landmarks, boxes, flags and pixels. Image files count by content, not by path
    or date: replacing a photo changes the hash, copying a data set does not. Reading the files is
    much faster than decoding them.

    Args:
      faces: list of `Face`.
      digests: their `file_digests`, if these are known.

    Raises:
      InputError: an image file cannot be read.
    """
    digest = hashlib.sha256()
    for face, of_file in zip(faces, digests or file_digests(faces), strict=True):
        digest.update(repr((face.name, face.visible is None)).encode())
        if isinstance(face.image, Path):
            digest.update(of_file)
        else:
            digest.update(repr(face.image.shape).encode() + face.image.tobytes())
        for values in (face.landmarks, face.box, face.visible):
            digest.update(b"" if values is None else values.tobytes())
    return digest.hexdigest()[:16]


def _file_digest(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


def _cut(
    faces: Sequence[Face],
    boxes: FloatArray,
    squares: FloatArray,
    images: ByteArray | PartWriter,
    rows: range,
    num_threads: int,
) -> None:
    """Sets some rows of `images`."""

    def cut(index: int) -> None:
        face = faces[index]
        image = read_image(face.image) if isinstance(face.image, Path) else face.image
        _check_face(face, boxes[index], image)
        images[index] = geometry.cut_square(image, squares[index], images.shape[1])

    shown = {"total": len(rows), "desc": "cutting faces", "unit": "face"}
    bar = progress.bar(hidden=len(rows) < 100, **shown)
    with concurrent.futures.ThreadPoolExecutor(num_threads) as pool, bar:
        for start in range(0, len(rows), _QUEUED):
            for _ in pool.map(cut, rows[start : start + _QUEUED]):
                bar.update()


def _check_face(face: Face, box: FloatArray, image: ByteArray) -> None:
    """Raises an error for a face whose `box` or points are outside its image.

    Points may be outside by the longer side of the image, because the edge may cut a face. Of the
    22,600 faces that we train on, 52 exceed a tenth of this limit and two exceed half of it; the
    maximum is 0.8. Points beyond the limit belong to a larger image, or are invalid.
    """
    height, width = image.shape[:2]
    of_image = f"the image of {width} x {height} pixels"
    label = f"{face.source}: {face.name}" if face.source else face.name
    if box[0] >= width or box[1] >= height or box[2] <= 0 or box[3] <= 0:
        raise InputError(f"{label}: box {np.round(box, 1).tolist()} lies outside {of_image}.")
    names = (*face.markup.points, "the box", "the box")
    places = np.concatenate([face.landmarks, face.box.reshape(2, 2)])
    outside = np.maximum(-0.5 - places, places - (width - 0.5, height - 0.5)).max(axis=1)
    farthest = int(np.nanargmax(outside))
    if outside[farthest] > max(width, height):
        raise InputError(
            f"{label}: {names[farthest]} reaches {np.round(places[farthest], 1).tolist()}, "
            f"{outside[farthest]:.0f} pixels outside {of_image}; expected at most "
            f"{max(width, height)}."
        )
