"""The record that every reader yields, and the checks that a record has to pass."""

import dataclasses
from pathlib import Path

import numpy as np

from evae_tf.errors import InputError
from evae_tf.geometry import landmark_box
from evae_tf.markups import Markup


@dataclasses.dataclass(frozen=True)
class Face:
    """One annotated face.

    Attributes:
      image: path of the image file, or the pixels themselves (uint8 [H, W, 3], RGB) where there
        is no file, as for drawn faces and the images inside COFW's .mat.
      box: float32 [4], (x_min, y_min, x_max, y_max), image pixels.
      landmarks: float32 [K, 2], (x, y), image pixels counted from 0, EXIF rotation applied.
      visible: bool [K], or None where the set has no such flags.
      subset: the part of the data set it belongs to.
      markup: the `Markup` that the landmarks follow.
      name: what reports call it (the path relative to the data set, or a number).
    """

    image: Path | np.ndarray
    box: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray | None
    subset: str
    markup: Markup
    name: str


def make_face(image, landmarks, *, markup, subset, name, box=None, visible=None):
    """A checked `Face`; readers build their records with this and nothing else.

    Args:
      image: see `Face`.
      landmarks: [K, 2], image pixels counted from 0.
      markup: a `Markup`, which fixes K.
      subset: see `Face`.
      name: see `Face`; error messages start with it.
      box: [4], or None for the tight box of the landmarks.
      visible: [K] of bool or 0/1, or None.

    Raises:
      InputError: a wrong number of points, NaN, a box of zero area.
    """
    landmarks = np.asarray(landmarks, np.float32)
    expected = (markup.num_points, 2)
    if landmarks.shape != expected:
        raise InputError(
            f"{name}: {landmarks.size // 2} points found, {markup.name} has {expected[0]}."
        )
    if not np.isfinite(landmarks).all():
        bad = markup.points[int(np.argwhere(~np.isfinite(landmarks).all(axis=1))[0, 0])]
        raise InputError(f"{name}: the coordinates of {bad} are not finite numbers.")
    box = landmark_box(landmarks) if box is None else np.asarray(box, np.float32)
    if box.shape != (4,) or not np.isfinite(box).all() or not (box[2:] > box[:2]).all():
        raise InputError(
            f"{name}: box {box.tolist()} has no area; expected x_min, y_min, x_max, y_max."
        )
    if visible is not None:
        visible = np.asarray(visible).astype(bool)
        if visible.shape != expected[:1]:
            raise InputError(f"{name}: {visible.size} visibility flags for {expected[0]} points.")
    return Face(image, box, landmarks, visible, subset, markup, name)
