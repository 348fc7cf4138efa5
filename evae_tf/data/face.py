"""The `Face` record of all readers, and its checks."""

# pyright: reportUnnecessaryIsInstance=false
# Arguments are checked at run time too, for callers without a type checker.

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
      image: path of the image file, or the pixels (uint8 [H, W, 3], RGB) if there is no file, as
        for synthetic faces and the images in COFW's .mat files.
      box: float32 [4], (x_min, y_min, x_max, y_max), image pixels.
      landmarks: float32 [K, 2], (x, y), image pixels counted from 0, EXIF rotation applied; both
        are NaN where the point is not annotated.
      visible: bool [K], whether each point is visible: False where something or the head itself
        hides it, with or without a place; None if the data set has no such flags. A visible point
        without a place is not annotated, and counts nowhere.
      subset: subset of the data set.
      markup: the `Markup` of the landmarks.
      name: name in reports (the path relative to the data set, or a number).
      attributes: dict of further annotations, name -> text.
      source: place of the annotation for messages: the file and, if it has several, the row; empty
        without a file.
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
        """Which points are annotated, bool [K]."""
        return annotated(self.landmarks)


def face_list(name: str, faces: Iterable[Face]) -> list[Face]:
    """The argument `name` as a list.

    Raises:
      InputError: it is not a list of `Face`, or it is empty.
    """
    found: list[Face] = arguments.items(name, faces, Face, "faces")
    if not found:
        raise InputError(f"{name} is empty: expected at least one face.")
    return found


def one_markup(faces: Iterable[Face]) -> Markup:
    """The common markup of faces, at least one.

    Raises:
      InputError: the faces have different markups.
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
    """Creates a checked `Face`; all readers use this function.

    Args:
      image: see `Face`; text is a path.
      landmarks: [K, 2], image pixels counted from 0; NaN, NaN for a point that is not annotated.
      markup: a `Markup`, which determines K, or an argument of `Markup.load`.
      subset: see `Face`.
      name: see `Face`; error messages start with it.
      box: [4], or None for the tight box of the annotated points.
      visible: [K] of bool or 0/1, or None.
      attributes: see `Face`.
      source: see `Face`.

    Raises:
      InputError: an argument has another type, the number of points is wrong, a coordinate is
        beyond a million pixels, only one coordinate of a point is NaN, fewer than two points are
        annotated, or the box has no area.
    """
    image = _path_or_pixels(image, name)
    markup = Markup.load(markup) if isinstance(markup, str | Path) else markup
    if not isinstance(markup, Markup):
        raise InputError(f"{name}: markup={markup!r:.60}: expected a Markup, a name or a file.")
    landmarks = _checked_landmarks(landmarks, markup, name)
    box = landmark_box(landmarks) if box is None else _numbers(box, "box", name)
    if box.shape != (4,) or not _is_in_reach(box).all() or not (box[2:] > box[:2]).all():
        raise InputError(
            f"{name}: box {box.tolist()} is invalid or has no area, expected (x_min, y_min, x_max, "
            "y_max)."
        )
    flags = None
    if visible is not None:
        flags = np.asarray(visible)
        if flags.shape != (len(landmarks),) or not np.isin(flags, (0, 1)).all():
            raise InputError(
                f"{name}: visible={visible!r:.60}: expected {len(landmarks)} flags, each 0 or 1."
            )
        flags = flags.astype(bool)
    return Face(image, box, landmarks, flags, subset, markup, name, {**(attributes or {})}, source)


def _checked_landmarks(values: ArrayLike, markup: Markup, name: str) -> FloatArray:
    landmarks, count = _numbers(values, "landmarks", name), markup.num_points
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
            "numbers up to a million, or nan for both if it is not annotated."
        )
    if (found := int((~absent).sum())) < 2:
        raise InputError(f"{name}: {found} of {count} points annotated, expected at least two.")
    return landmarks


def _numbers(values: ArrayLike, what: str, name: str) -> FloatArray:
    try:
        return as_float32(values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: {what}={values!r:.60}: expected numbers.") from error


def _is_in_reach(pixels: FloatArray) -> BoolArray:
    """Which coordinates are numbers below a million pixels, more than any photo has."""
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
