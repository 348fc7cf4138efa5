"""The record that every reader yields, and the checks that a record has to pass."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evae_tf import arguments
from evae_tf.array_types import BoolArray, ByteArray, FloatArray
from evae_tf.errors import InputError
from evae_tf.geometry import annotated, as_float32, landmark_box
from evae_tf.markups import Markup


@dataclasses.dataclass(frozen=True, eq=False)
class Face:
    """One annotated face.

    Attributes:
      image: path of the image file, or the pixels themselves (uint8 [H, W, 3], RGB) where there
        is no file, as for drawn faces and the images inside COFW's .mat.
      box: float32 [4], (x_min, y_min, x_max, y_max), image pixels.
      landmarks: float32 [K, 2], (x, y), image pixels counted from 0, EXIF rotation applied; both
        are NaN where the point is not annotated.
      visible: bool [K], whether each point can be seen: False where something covers it, and where
        it is not annotated (the head hides it); or None where the set has no such flags.
      subset: the part of the data set it belongs to.
      markup: the `Markup` that the landmarks follow.
      name: what reports call it (the path relative to the data set, or a number).
      attributes: dict of what else the set says of the face, by name, as text.
      source: where it is annotated, for messages: the file, and the row if it has several; empty
        where no file says it.
    """

    image: Path | ByteArray = dataclasses.field(repr=False)
    box: FloatArray
    landmarks: FloatArray
    visible: BoolArray | None
    subset: str
    markup: Markup
    name: str
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    source: str = ""

    @property
    def annotated(self) -> BoolArray:
        """Bool [K]: which points have a place."""
        return annotated(self.landmarks)


def face_list(name: str, faces: Iterable[Face]) -> list[Face]:
    """The argument `name` as a list.

    Raises:
      InputError: it is none of `Face`, or empty.
    """
    found: list[Face] = arguments.items(name, faces, Face, "faces")
    if not found:
        raise InputError(f"{name} is empty: expected at least one face.")
    return found


def one_markup(faces: Iterable[Face]) -> Markup:
    """The markup of some faces, at least one.

    Raises:
      InputError: they are of several.
    """
    first, *others = faces
    for face in others:
        if face.markup != first.markup:
            raise InputError(
                f"{face.name} is annotated in {face.markup.name}, {first.name} in "
                f"{first.markup.name}; expected faces of one markup."
            )
    return first.markup


def make_face(
    image: str | Path | ByteArray,
    landmarks: ArrayLike,
    *,
    markup: Markup | str,
    subset: str,
    name: str,
    box: ArrayLike | None = None,
    visible: ArrayLike | None = None,
    attributes: Mapping[str, str] | None = None,
    source: str = "",
) -> Face:
    """A checked `Face`; readers build their records with this and nothing else.

    Args:
      image: see `Face`; text is a path.
      landmarks: [K, 2], image pixels counted from 0; NaN, NaN for a point that is not annotated.
      markup: a `Markup`, which fixes K, or what `Markup.load` takes.
      subset: see `Face`.
      name: see `Face`; error messages start with it.
      box: [4], or None for the tight box of the annotated points.
      visible: [K] of bool or 0/1, or None.
      attributes: see `Face`.
      source: see `Face`.

    Raises:
      InputError: an image of another sort, a wrong number of points, a coordinate beyond a million
        pixels, NaN in one coordinate only, fewer than two annotated points, a box of zero area.
    """
    image = _path_or_pixels(image, name)
    markup = Markup.load(markup) if isinstance(markup, str) else markup
    landmarks = _checked_landmarks(landmarks, markup, name)
    box = landmark_box(landmarks) if box is None else as_float32(box)
    if box.shape != (4,) or not _is_in_reach(box).all() or not (box[2:] > box[:2]).all():
        raise InputError(
            f"{name}: box {box.tolist()} is not x_min, y_min, x_max, y_max, or has no area."
        )
    flags = None
    if visible is not None:
        flags = np.asarray(visible).astype(bool)
        if flags.shape != (len(landmarks),):
            raise InputError(f"{name}: {flags.size} visibility flags for {len(landmarks)} points.")
        flags &= annotated(landmarks)
    return Face(image, box, landmarks, flags, subset, markup, name, {**(attributes or {})}, source)


def _checked_landmarks(values: ArrayLike, markup: Markup, name: str) -> FloatArray:
    landmarks, count = as_float32(values), markup.num_points
    if landmarks.ndim != 2 or landmarks.shape[1] != 2:
        raise InputError(
            f"{name}: landmarks of the shape {[*landmarks.shape]}, expected [{count}, 2]."
        )
    if len(landmarks) != count:
        raise InputError(f"{name}: {len(landmarks)} points found, {markup.name} has {count}.")
    absent = np.isnan(landmarks).all(axis=1)
    damaged = ~absent & ~_is_in_reach(landmarks).all(axis=1)
    if damaged.any():
        point = int(damaged.argmax())
        raise InputError(
            f"{name}: {markup.points[point]} lies at {landmarks[point].tolist()}; expected two "
            "numbers up to a million, or nan for both where it is not annotated."
        )
    if (found := int((~absent).sum())) < 2:
        raise InputError(f"{name}: {found} of {count} points annotated, expected at least two.")
    return landmarks


def _is_in_reach(pixels: FloatArray) -> BoolArray:
    """Which coordinates are numbers within a million pixels: no photo is as wide."""
    return np.asarray(np.abs(pixels) <= 1e6)


def _path_or_pixels(image: Any, name: str) -> Path | ByteArray:
    if isinstance(image, str | Path):
        return Path(image)
    found = type(image).__name__
    if isinstance(image, np.ndarray):
        pixels = cast("NDArray[Any]", image)
        if pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3:
            return pixels
        found = f"{pixels.dtype} {pixels.shape}"
    raise InputError(f"{name}: found {found} as image, expected a path or uint8 [H, W, 3].")
