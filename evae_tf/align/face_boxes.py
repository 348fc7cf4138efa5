"""Boxes of whole faces for annotated faces, from the face detector."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evae_tf import geometry, progress
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.aligner import Aligner
from evae_tf.array_types import FloatArray
from evae_tf.data.face import Face, face_list
from evae_tf.errors import InputError

_INSIDE = 0.5  # least share of the annotated points that lie in the face's box
_WIDER = 0.1  # of the box's sides: brows and chin may lie just outside


def with_boxes(faces: Sequence[Face], aligner: Aligner | None = None) -> list[Face]:
    """Copies of faces whose boxes are found in their photos.

    `Aligner` starts from the boxes of a detector, which hold the whole face. A model trained on
    the tight boxes of a few points expects smaller boxes: give its faces these before training.

    Args:
      faces: list of `Face`.
      aligner: an `Aligner`, or None for `mobile_68` with the default detector.

    Returns:
      List of `Face` in the same order. The box of a face that is not found has the place that the
      boxes of the others have, at a median, relative to their points.

    Raises:
      InputError: an image cannot be read, or no face is found in any photo.
    """
    faces = face_list("faces", faces)
    return placed(faces, find_boxes(faces, aligner))


def find_boxes(faces: Sequence[Face], aligner: Aligner | None = None) -> FloatArray:
    """The boxes of annotated faces in their photos, NaN for a face that is not found.

    Args:
      faces: list of N `Face`.
      aligner: see `with_boxes`.

    Returns:
      float64 [N, 4].

    Raises:
      InputError: an image cannot be read.
    """
    aligner = Aligner.load("mobile_68") if aligner is None else aligner
    photo: Path | None = None
    seen: list[AlignedFace] = []
    boxes = np.full((len(faces), 4), np.nan)
    bar = progress.bar(faces, desc="finding faces", unit="face", hidden=len(faces) < 30)
    for box, face in zip(boxes, bar, strict=True):
        if not isinstance(face.image, Path) or face.image != photo:
            photo = face.image if isinstance(face.image, Path) else None
            seen = aligner(face.image)
        box[:] = _box_around(face, seen)
    return boxes


def placed(faces: Sequence[Face], boxes: FloatArray) -> list[Face]:
    """Copies of faces with the boxes of `find_boxes`; see `with_boxes`.

    Raises:
      InputError: no face was found in any photo.
    """
    found = np.flatnonzero(~np.isnan(boxes[:, 0])).tolist()
    if not found:
        raise InputError(f"no face was found in {len(faces)} photos; give their boxes instead.")
    relative = geometry.relative_box(
        boxes[found], np.stack([faces[index].landmarks for index in found])
    )
    return [
        dataclasses.replace(
            face,
            box=geometry.box_of_landmarks(face.landmarks, relative) if np.isnan(box[0]) else box,
        )
        for face, box in zip(faces, boxes, strict=True)
    ]


def _box_around(face: Face, seen: Sequence[AlignedFace]) -> FloatArray | float:
    """The box of the face that most points of an annotated face lie in, or NaN."""
    points = face.landmarks[face.annotated]
    shares = [_share_inside(points, other.box) for other in seen]
    if not shares or max(shares) < _INSIDE:
        return np.nan
    return seen[int(np.argmax(shares))].box


def _share_inside(points: FloatArray, box: FloatArray) -> float:
    wider = _WIDER * (box[2:] - box[:2])
    inside = (points >= box[:2] - wider) & (points <= box[2:] + wider)
    return float(inside.all(axis=1).mean())
