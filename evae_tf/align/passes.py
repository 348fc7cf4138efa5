"""From boxes to faces: crops go through the model once or twice, then twice more for the score.

A detector's box only says where to look: the landmarks are the mean over the second, upright crop
and the two of the score, which trembles less in a video. A box that is known tells of the face what
its landmarks do not: there they are the mean of both passes, unless these are of different things.
In a mean each point counts by how sure the model is of it.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from evae_tf import geometry
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.face_score import face_score, probe_squares
from evae_tf.align.upright import upright_squares
from evae_tf.array_types import BoolArray, ByteArray, FloatArray
from evae_tf.artifacts.predictors import Predictor

_LYING = np.radians(30)  # models are most precise on heads that lean by less
_SAME_CROP = 0.5  # of what two squares cover together, the share of both if they show the same


def faces_in_boxes(
    predictor: Predictor,
    images: Sequence[ByteArray],
    boxes: Sequence[FloatArray],
    *,
    passes: int,
    known: bool,
) -> list[list[AlignedFace]]:
    """A face for each box, whether or not there is one.

    Args:
      predictor: the landmark model.
      images: uint8 [H, W, 3] each.
      boxes: float [N, 4] for each image, image pixels.
      passes: 2 aligns each face again, in an upright crop around the landmarks of the first pass.
      known: whether the boxes are those of the faces, and not a detector's.

    Returns:
      List of lists of `AlignedFace`, as the boxes are.
    """
    owners = [index for index, group in enumerate(boxes) for _ in group]
    aligned: list[list[AlignedFace]] = [[] for _ in images]
    if not owners:
        return aligned
    sources = [images[owner] for owner in owners]
    squares = geometry.square_around(np.concatenate(boxes), predictor.metadata.crop_margin)
    angles = np.zeros(len(squares), np.float32)
    if passes == 2:
        first = _Pass.through(predictor, sources, squares, angles)
        upright, leaning = _upright(predictor, _set_upright(predictor, sources, first))
        second, probes, scores = _scored(predictor, sources, upright, leaning)
        if known:
            counts = geometry.squares_overlap(squares, upright) > _SAME_CROP
            if "covariance" not in first.further:
                counts &= np.abs(leaning) <= _LYING
            found = _mean([second, first], [True, counts[:, None]])
        else:
            found = _mean([second, *probes], [True, True, True])
    else:
        found, _, scores = _scored(predictor, sources, squares, angles)
    faces = _faces(predictor, sources, found, scores)
    for owner, face in zip(owners, faces, strict=True):
        aligned[owner].append(face)
    return aligned


def faces_around(
    predictor: Predictor,
    images: Sequence[ByteArray],
    landmarks: FloatArray | Sequence[FloatArray],
) -> list[AlignedFace]:
    """A face for each image, in the upright crop around landmarks that are about its own.

    Args:
      predictor: the landmark model.
      images: uint8 [H, W, 3] each; one that has several faces is in the list as often.
      landmarks: float [N, K, 2], image pixels.
    """
    if not len(images):
        return []
    squares, angles = _upright(predictor, np.asarray(landmarks))
    found, probes, scores = _scored(predictor, images, squares, angles)
    return _faces(predictor, images, _mean([found, *probes], [True, True, True]), scores)


def _set_upright(predictor: Predictor, images: Sequence[ByteArray], found: "_Pass") -> FloatArray:
    """Landmarks [N, K, 2] in image pixels; of a head that lies there, from a crop set upright."""
    landmarks = found.landmarks.copy()
    squares, angles = _upright(predictor, landmarks)
    lying = np.flatnonzero(np.abs(angles) > _LYING)
    if len(lying):
        turned = [images[index] for index in lying.tolist()], squares[lying], angles[lying]
        landmarks[lying] = _Pass.through(predictor, *turned).landmarks
    return landmarks


def _upright(predictor: Predictor, landmarks: FloatArray) -> tuple[FloatArray, FloatArray]:
    metadata = predictor.metadata
    return upright_squares(landmarks, metadata.markup, metadata.crop_margin, metadata.face_box)


def _scored(
    predictor: Predictor, images: Sequence[ByteArray], squares: FloatArray, angles: FloatArray
) -> "tuple[_Pass, list[_Pass], FloatArray]":
    """What is found in some squares and in those of the score, and the scores [N]."""
    found = _Pass.through(predictor, images, squares, angles)
    probes = [_Pass.through(predictor, images, *probe) for probe in probe_squares(squares, angles)]
    scores = face_score(found.landmarks, [probe.landmarks for probe in probes], squares)
    return found, probes, scores


def _faces(
    predictor: Predictor, images: Sequence[ByteArray], found: "_Pass", scores: FloatArray
) -> list[AlignedFace]:
    metadata = predictor.metadata
    boxes = geometry.box_of_landmarks(found.landmarks, metadata.face_box)
    return [
        AlignedFace(
            found.landmarks[index],
            boxes[index],
            float(scores[index]),
            metadata.markup,
            image,
            **{name: values[index] for name, values in found.further.items()},
        )
        for index, image in enumerate(images)
    ]


@dataclasses.dataclass(frozen=True)
class _Pass:
    """What one crop of each face gave.

    Attributes:
      landmarks: float [N, K, 2], image pixels.
      further: dict of `covariance` [N, K, 2, 2], squared image pixels, and `visibility` [N, K], as
        far as the model has them.
    """

    landmarks: FloatArray
    further: dict[str, FloatArray]

    @classmethod
    def through(
        cls,
        predictor: Predictor,
        images: Sequence[ByteArray],
        squares: FloatArray,
        angles: FloatArray,
    ) -> "_Pass":
        """Cuts the squares out, and lets the model predict."""
        size = predictor.metadata.input_size
        crops = [
            geometry.cut_square(image, square, size, float(angle))
            for image, square, angle in zip(images, squares, angles, strict=True)
        ]
        outputs = predictor.predict(np.stack(crops).astype(np.float32) / 255)
        landmarks = geometry.crop_to_image(outputs["landmarks"], squares, angles)
        further = {name: outputs[name] for name in ("covariance", "visibility") if name in outputs}
        if "covariance" in further:
            further["covariance"] = geometry.covariance_to_image(
                further["covariance"], squares, angles
            )
        return cls(landmarks, further)


def _mean(passes: Sequence[_Pass], counts: Sequence[BoolArray | bool]) -> _Pass:
    """The mean of passes, a point counting by the inverse of its variance, if that is known.

    Args:
      passes: at least one.
      counts: for each, for which faces it counts: bool [N, 1], or one for all.
    """
    weights = [counting / _variance(found) for found, counting in zip(passes, counts, strict=True)]
    total = np.sum(weights, axis=0)

    def mean(arrays: Sequence[FloatArray]) -> FloatArray:
        wide = (1,) * (arrays[0].ndim - 2)
        shares = [(weight / total).reshape(*total.shape, *wide) for weight in weights]
        parts = [share * array for share, array in zip(shares, arrays, strict=True)]
        return np.stack(parts).sum(axis=0).astype(np.float32)

    return _Pass(
        mean([found.landmarks for found in passes]),
        {name: mean([found.further[name] for found in passes]) for name in passes[0].further},
    )


def _variance(found: _Pass) -> FloatArray:
    """Float [N, K], of each landmark; 1 of all where a model gives none."""
    if "covariance" not in found.further:
        return np.ones(found.landmarks.shape[:2], np.float32)
    return np.trace(found.further["covariance"], axis1=-2, axis2=-1)
