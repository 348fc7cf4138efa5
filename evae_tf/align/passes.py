"""From boxes to faces: crops go through the model once or twice, then twice more for the score.

The landmarks of a face are the medians over all of these crops, each coordinate by itself: that is
more precise than any one of them, and a crop that came out wrong does not count. Where the box is
known, the first pass counts too, and twice: such a box tells of the face what its landmarks do not.
So the second pass costs less where it errs, on profiles. The box of a detector only says where to
look.
"""

from collections.abc import Sequence

import numpy as np

from evae_tf import geometry
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.face_score import face_score, probe_squares
from evae_tf.align.upright import upright_squares
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.artifacts.predictors import Predictor

_LYING = np.radians(30)  # models are most precise on heads that lean by less


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
        first = _first_pass(predictor, sources, squares, angles)
        upright = _upright(predictor, first)
        before = [first, first] if known else []
        faces = _faces_in_squares(predictor, sources, *upright, before=before)
    else:
        faces = _faces_in_squares(predictor, sources, squares, angles)
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
    return _faces_in_squares(predictor, images, *_upright(predictor, np.asarray(landmarks)))


def _first_pass(
    predictor: Predictor, images: Sequence[ByteArray], squares: FloatArray, angles: FloatArray
) -> FloatArray:
    """Landmarks [N, K, 2] in image pixels; of a head that lies there, from a crop set upright."""
    landmarks, _ = _predict(predictor, images, squares, angles)
    squares, angles = _upright(predictor, landmarks)
    lying = np.flatnonzero(np.abs(angles) > _LYING)
    if len(lying):
        turned = [images[index] for index in lying.tolist()], squares[lying], angles[lying]
        landmarks[lying], _ = _predict(predictor, *turned)
    return landmarks


def _upright(predictor: Predictor, landmarks: FloatArray) -> tuple[FloatArray, FloatArray]:
    metadata = predictor.metadata
    return upright_squares(landmarks, metadata.markup, metadata.crop_margin, metadata.face_box)


def _faces_in_squares(
    predictor: Predictor,
    images: Sequence[ByteArray],
    squares: FloatArray,
    angles: FloatArray,
    before: Sequence[FloatArray] = (),
) -> list[AlignedFace]:
    """The faces in some squares; `before` are their landmarks as earlier passes found them."""
    found, outputs = _predict(predictor, images, squares, angles)
    probed = [_predict(predictor, images, *probe)[0] for probe in probe_squares(squares, angles)]
    scores = face_score(found, probed, squares)
    landmarks = np.median([*before, found, *probed], axis=0)
    boxes = geometry.box_of_landmarks(landmarks, predictor.metadata.face_box)
    covariance, visibility = outputs.get("covariance"), outputs.get("visibility")
    if covariance is not None:
        covariance = geometry.covariance_to_image(covariance, squares, angles)
    return [
        AlignedFace(
            landmarks[index],
            boxes[index],
            float(scores[index]),
            predictor.metadata.markup,
            image,
            covariance=None if covariance is None else covariance[index],
            visibility=None if visibility is None else visibility[index],
        )
        for index, image in enumerate(images)
    ]


def _predict(
    predictor: Predictor, images: Sequence[ByteArray], squares: FloatArray, angles: FloatArray
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """(landmarks [N, K, 2] in image pixels, the model's other outputs)."""
    size = predictor.metadata.input_size
    crops = [
        geometry.cut_square(image, square, size, float(angle))
        for image, square, angle in zip(images, squares, angles, strict=True)
    ]
    outputs = dict(predictor.predict(np.stack(crops).astype(np.float32) / 255))
    landmarks = geometry.crop_to_image(outputs.pop("landmarks"), squares, angles)
    return landmarks, outputs
