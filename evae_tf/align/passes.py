"""From boxes to faces in one or two passes of the model.

With a `presence` output, landmarks and score are the means of both passes, unless the crops of the
passes show different things. Without it, two extra crops give the score, see `face_score`; then a
detection only initialises the search, and the landmarks are the mean over the second crop and the
two extra ones. Means are weighted by the inverse variance of each point. The first
pass sees a mirrored crop if the model was trained on mirrored faces.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from evae_tf import geometry
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.detections import Detections
from evae_tf.align.face_score import face_score, probe_squares
from evae_tf.align.model_pass import ModelPass, mean_pass
from evae_tf.align.upright import upright_squares
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.artifacts.predictors import Predictor

_LYING = np.radians(30)  # models are most precise for a smaller roll
_STEADY = 0.5  # below this score, landmarks are less stable than on faces
_STEADIER = 0.05  # smallest gain in score that counts
_NEAR = 0.8  # IoU above which a crop is as good as one around the face
_CHASES = 3  # how often a face that moved far is aligned again
_SAME_CROP = 0.5  # IoU above which two squares show the same


def faces_in_boxes(
    predictor: Predictor,
    images: Sequence[ByteArray],
    detections: Sequence[Detections],
    *,
    passes: int,
    known: bool,
) -> list[list[AlignedFace]]:
    """Aligns one face in each box, whether or not it shows a face.

    Args:
      predictor: the landmark model.
      images: uint8 [H, W, 3] each.
      detections: one `Detections` per image; keypoints set the first crop upright.
      passes: 2 aligns each face again, in an upright crop around the landmarks of the first pass.
      known: whether the boxes are known face boxes, not detections.

    Returns:
      List of lists of `AlignedFace`, in the order of the boxes.
    """
    owners = [index for index, found in enumerate(detections) for _ in found.boxes]
    aligned: list[list[AlignedFace]] = [[] for _ in images]
    if not owners:
        return aligned
    sources = [images[owner] for owner in owners]
    boxes = np.concatenate([found.boxes for found in detections])
    angles = np.concatenate([found.rolls for found in detections])
    squares = geometry.square_around(boxes, predictor.metadata.crop_margin)
    if passes == 2:
        found, scores = _in_two_passes(predictor, sources, squares, angles, known=known)
        doubtful = np.flatnonzero(scores < _STEADY)
        if len(doubtful):  # these may be upside down
            sources_left = [sources[index] for index in doubtful.tolist()]
            other, better = _in_two_passes(
                predictor, sources_left, squares[doubtful], angles[doubtful] + np.pi, known=known
            )
            gained = better > scores[doubtful] + _STEADIER
            scores[doubtful[gained]] = better[gained]
            found.replace(doubtful[gained], other, gained)
    else:
        found, _, scores = _scored(predictor, sources, squares, angles)
    faces = _faces(predictor, sources, found, scores)
    given = [
        score
        for found in detections
        for score in ([None] * len(found) if found.scores is None else found.scores.tolist())
    ]
    for owner, face, box, score in zip(owners, faces, boxes, given, strict=True):
        if face.score < _STEADY and not _are_same(face.box, box):
            face = dataclasses.replace(face, box=box)  # the detection is more reliable here
        aligned[owner].append(dataclasses.replace(face, detection_score=score))
    return aligned


def _in_two_passes(
    predictor: Predictor,
    images: Sequence[ByteArray],
    squares: FloatArray,
    angles: FloatArray,
    *,
    known: bool,
) -> tuple[ModelPass, FloatArray]:
    """Aligns faces twice, first in squares turned by angles; returns the result and scores [N]."""
    # The errors in a mirrored crop are less alike: their mean with the others is smaller.
    mirrored = predictor.metadata.side_shift is not None
    first = ModelPass.through(predictor, images, squares, angles, mirrored=mirrored)
    upright, leaning = _upright(predictor, _set_upright(predictor, images, first, angles))
    second, probes, scores = _scored(predictor, images, upright, leaning)
    if first.presence is not None:  # the first crop of a tilted head is unreliable
        both = _apart(leaning, angles) <= _LYING
        scores = np.where(both, (first.presence + scores) / 2, scores)
    same = geometry.squares_overlap(squares, upright) > _SAME_CROP
    # Landmarks that left their box and are unstable have lost the face.
    lost = (~same & (scores < _STEADY))[:, None]
    if probes and not known:
        return mean_pass([second, *probes, first], [~lost, ~lost, ~lost, lost]), scores
    same &= ("covariance" in first.further) | (_apart(leaning, angles) <= _LYING)
    return mean_pass([second, first], [~lost, same[:, None] | lost]), scores


def _are_same(first: FloatArray, second: FloatArray) -> bool:
    squares = geometry.square_around(np.stack([first, second]), 0.0)
    return bool(geometry.squares_overlap(*squares) > _SAME_CROP)


def faces_around(
    predictor: Predictor,
    images: Sequence[ByteArray],
    landmarks: FloatArray | Sequence[FloatArray],
) -> list[AlignedFace]:
    """Aligns one face per image, in an upright crop around approximate landmarks.

    A face that moved far is aligned again around its new landmarks, until they stay in place.

    Args:
      predictor: the landmark model.
      images: uint8 [H, W, 3] each; an image with several faces is repeated.
      landmarks: float [N, K, 2], image pixels, of the previous frame for example.
    """
    if not len(images):
        return []
    squares, angles = _upright(predictor, np.asarray(landmarks))
    found, probes, scores = _scored(predictor, images, squares, angles)
    for _ in range(_CHASES if found.presence is not None else 0):
        own, leaning = _upright(predictor, found.landmarks)
        far = np.flatnonzero(geometry.squares_overlap(squares, own) < _NEAR)
        if not len(far):
            break
        squares[far] = own[far]
        moved = [images[index] for index in far.tolist()]
        again = ModelPass.through(predictor, moved, own[far], leaning[far])
        found.replace(far, again, np.ones(len(far), bool))
        scores[far] = again.presence
    passes = [found, *probes]
    return _faces(predictor, images, mean_pass(passes, [True] * len(passes)), scores)


def _set_upright(
    predictor: Predictor, images: Sequence[ByteArray], found: ModelPass, angles: FloatArray
) -> FloatArray:
    """Landmarks [N, K, 2] in image pixels; strongly tilted heads are aligned again, upright.

    Args:
      predictor: see `faces_in_boxes`.
      images: see `faces_in_boxes`.
      found: result of the first crops.
      angles: float [N], radians by which the crops were turned.
    """
    landmarks = found.landmarks.copy()
    squares, upright = _upright(predictor, landmarks)
    lying = np.flatnonzero(_apart(upright, angles) > _LYING)
    if len(lying):
        turned = [images[index] for index in lying.tolist()], squares[lying], upright[lying]
        landmarks[lying] = ModelPass.through(predictor, *turned).landmarks
    return landmarks


def _apart(first: FloatArray, second: FloatArray) -> FloatArray:
    """The angle between directions: float [N], 0 to pi radians."""
    return np.abs(np.angle(np.exp(1j * (first - second))))


def _upright(predictor: Predictor, landmarks: FloatArray) -> tuple[FloatArray, FloatArray]:
    metadata = predictor.metadata
    return upright_squares(landmarks, metadata.markup, metadata.crop_margin, metadata.face_box)


def _scored(
    predictor: Predictor, images: Sequence[ByteArray], squares: FloatArray, angles: FloatArray
) -> tuple[ModelPass, list[ModelPass], FloatArray]:
    """Results for the squares, results for the extra squares of the score, and scores [N]."""
    found = ModelPass.through(predictor, images, squares, angles)
    if found.presence is not None:
        return found, [], found.presence
    probes = [
        ModelPass.through(predictor, images, *probe) for probe in probe_squares(squares, angles)
    ]
    scores = face_score(found.landmarks, [probe.landmarks for probe in probes], squares)
    return found, probes, scores


def _faces(
    predictor: Predictor, images: Sequence[ByteArray], found: ModelPass, scores: FloatArray
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
