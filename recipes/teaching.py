"""Labels faces that have few annotated points with the landmarks of trained models.

A mean face fitted to the few points gives a first crop; the model's landmarks give a better one.
In the latter, landmarks are averaged over rotated and mirrored views. Faces where this mean
disagrees with the annotated points are left out: the model is wrong there and would reinforce its
errors.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from tqdm import tqdm

from evae_tf import geometry
from evae_tf.array_types import FloatArray
from evae_tf.artifacts.predictors import Predictor
from evae_tf.config import Augmentation
from evae_tf.data.augment import DRAWS, warp
from evae_tf.data.crops import Crops, cut_crops
from evae_tf.data.face import Face
from evae_tf.evaluation import metrics
from recipes.predictions import landmarks_in

# Indices of the points common to all markups: eye centres, tip of the nose, mouth corners.
FIVE_POINTS = {
    "ibug_68": [[36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47], [30], [48], [54]],
    "cofw_29": [[16], [17], [20], [22], [23]],
    "mtfl_5": [[0], [1], [2], [3], [4]],
}
_TURN_DEGREES = 15.0
_CONTEXT_PX = 12
_BATCH = 64
_MAX_SMOOTHED = 0.1


def five_points(landmarks: FloatArray, markup_name: str) -> FloatArray:
    """Landmarks [N, K, 2] of a markup -> the five points common to all markups, [N, 5, 2]."""
    groups = FIVE_POINTS[markup_name]
    return np.stack([landmarks[:, group].mean(axis=1) for group in groups], axis=1)


def fit_similarity(source: FloatArray, target: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """The rotation, scale and shift that map points to others, by least squares.

    Args:
      source: float [M, 2].
      target: float [M, 2].

    Returns:
      A function from points [..., 2] in the frame of `source` to that of `target`.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    a = (source - source_mean) @ [1, 1j]
    b = (target - target_mean) @ [1, 1j]
    factor = np.vdot(a, b) / np.vdot(a, a)  # a complex product rotates and scales

    def transform(points: FloatArray) -> FloatArray:
        moved = (points - source_mean) @ [1, 1j] * factor
        return np.stack([moved.real, moved.imag], axis=-1) + target_mean

    return transform


def first_boxes(known: FloatArray, mean_face: FloatArray, mean_five: FloatArray) -> FloatArray:
    """Boxes of mean faces fitted to five known points: [N, 5, 2], image pixels -> [N, 4]."""
    faces = np.stack([fit_similarity(mean_five, points)(mean_face) for points in known])
    return geometry.landmark_box(faces)


def label(
    teachers: Sequence[Predictor], faces: Sequence[Face], boxes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Landmarks of faces, averaged over six views and all teachers.

    Args:
      teachers: list of predictors of one markup, see `predictors.open_model`.
      faces: list of `Face`; only the photos are used.
      boxes: float [N, 4], image pixels.

    Returns:
      (landmarks float32 [N, K, 2], image pixels; deviation between views float32 [N], pixels).
    """
    views = np.concatenate([_views(teacher, faces, boxes) for teacher in teachers])
    deviation = np.linalg.norm(views - views.mean(axis=0), axis=-1).mean(axis=(0, 2))
    return views.mean(axis=0), deviation


def _views(teacher: Predictor, faces: Sequence[Face], boxes: FloatArray) -> FloatArray:
    """Landmarks [6, N, K, 2], image pixels, in the boxes of a first pass."""
    crop = {"size": teacher.metadata.input_size, "margin": teacher.metadata.crop_margin}
    crops = cut_crops(faces, boxes=boxes, **crop)
    first = geometry.crop_to_image(landmarks_in(teacher, crops), crops.squares)
    boxes = geometry.box_of_landmarks(first, teacher.metadata.face_box)
    crops = cut_crops(faces, boxes=boxes, context=_CONTEXT_PX, **crop)
    return np.stack(
        [
            geometry.crop_to_image(_view(teacher, crops, turn, mirrored), crops.squares)
            for mirrored in (False, True)
            for turn in tqdm((0.0, 0.5, 1.0), desc="views of every face", disable=None)
        ]
    )


def _view(teacher: Predictor, crops: Crops, turn: float, mirrored: bool) -> FloatArray:
    """Landmarks [N, K, 2] in crop fractions, predicted in rotated (0 to 1), mirrored crops."""
    order = np.asarray(teacher.metadata.markup.flip_permutation)
    strength = Augmentation(
        rotation_degrees=_TURN_DEGREES, scale=0, shift=0, mirror_rate=float(mirrored)
    )
    corners = np.float32([[0, 0], [1, 0], [0, 1]])
    found = []
    for start in range(0, len(crops), _BATCH):
        images = crops.images[start : start + _BATCH]
        draws = np.full((len(images), len(DRAWS)), 0.5, np.float32)
        draws[:, DRAWS.index("rotation")] = turn
        # The moved corners define the transform of the view, and so its inverse.
        views, moved, _ = warp(
            images,
            np.tile(corners, (len(images), 1, 1)),
            np.ones((len(images), 3), np.float32),
            draws,
            size=crops.size,
            flip_permutation=[0, 1, 2],
            strength=strength,
        )
        landmarks = teacher.predict(keras.ops.convert_to_numpy(views))["landmarks"]
        origin, right, down = keras.ops.convert_to_numpy(moved)[0].astype(np.float64)
        undo = np.linalg.inv(np.stack([right - origin, down - origin]))
        landmarks = (landmarks - origin) @ undo
        found.append(landmarks[:, order] if mirrored else landmarks)
    return np.concatenate(found).astype(np.float32)


def smoothed(teachers: Sequence[Predictor], faces: Sequence[Face]) -> FloatArray:
    """Halves annotation noise: the mean of annotations and teachers' predictions.

    Args:
      teachers: see `label`.
      faces: list of annotated `Face` of their markup.

    Returns:
      float32 [N, K, 2], image pixels; the annotation alone where the two differ by more than a
      tenth of the default normaliser.
    """
    boxes = np.stack([face.box for face in faces])
    annotated = np.stack([face.landmarks for face in faces])
    found, _ = label(teachers, faces, boxes)
    markup = teachers[0].metadata.markup
    name = metrics.default_normalizer(annotated, markup)
    normalizer = metrics.normalizing_distance(name, annotated, boxes, markup)
    agreed = metrics.nme(found, annotated, normalizer) < _MAX_SMOOTHED
    return np.where(agreed[:, None, None], (annotated + found) / 2, annotated)


def disagreement(labelled: FloatArray, known: FloatArray) -> FloatArray:
    """Mean distance of five points from the annotated ones, as a fraction of the face's size.

    Args:
      labelled: float [N, 5, 2], image pixels.
      known: as `labelled`.

    Returns:
      float [N].
    """
    return np.linalg.norm(labelled - known, axis=-1).mean(axis=1) / face_size(known)


def face_size(five: FloatArray) -> FloatArray:
    """The distance between the eyes or, in a profile, between eyes and mouth.

    Args:
      five: float [N, 5, 2], image pixels.

    Returns:
      float [N], pixels: the longer of the two.
    """
    eyes = np.linalg.norm(five[:, 0] - five[:, 1], axis=-1)
    height = np.linalg.norm(five[:, :2].mean(axis=1) - five[:, 3:].mean(axis=1), axis=-1)
    return np.maximum(eyes, height)
