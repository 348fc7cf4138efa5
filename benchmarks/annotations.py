"""How precise the annotations are that errors are measured with.

  python -m benchmarks.annotations --data=DIR --models=mobile_68,server_68

Three tables for 300-W and aflw68, in % of the box:

- Photos that aflw68 lists twice, with two annotations. These differ by the noise of both. Their
  difference over the square root of 2 is the noise of one: the error of a perfect model.
- How far annotations lie to the right of the photo's axis of symmetry, in faces that look ahead.
- The mean of the models' landmarks less the annotation. A model that trains on mirrored photos too
  has no side: it finds the axis of the photo, not that of the annotations.
"""

import cmath
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from absl import app, flags
from numpy.typing import NDArray
from tabulate import tabulate
from tqdm import tqdm

from benchmarks.definition import landmarks_of
from evae_tf import geometry
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.artifacts.predictors import open_model
from evae_tf.cli.path_flags import define_path
from evae_tf.data import datasets
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import Face
from evae_tf.data.images import read_image
from evae_tf.evaluation import metrics
from evae_tf.markups import MARKUPS, Markup
from recipes.free.agreement import PARTS
from recipes.teaching import fit_similarity

FLAGS = flags.FLAGS

_IBUG = MARKUPS["ibug_68"]
# Side of the crops that are compared, in pixels; their least correlation before and after one is
# laid over the other, which may resize and turn it by this share.
_THUMBNAIL, _SIMILAR, _SAME, _MOST_CHANGED = 48, 0.8, 0.95, 0.25
# The crop whose axis is searched: its side in pixels, odd so that the middle is a column, and in
# sizes of the box, without background; how many pixels its mirror image is shifted at most.
_CROP, _SIDE, _FURTHEST = 193, 0.9, 14
# Landmarks of faces that look ahead: most by which they differ from their mirror image, in sizes of
# the box, and most roll.
_UNEVEN = 0.02
_LEANING = np.radians(20)
_ALIKE = 0.35  # least correlation of a crop and its mirror image


def main(_: list[str]) -> None:
    """Prints the three tables."""
    data = Path(FLAGS.data)
    table = data / "aflw68" / "landmarks.csv"
    aflw68 = {part: datasets.read_faces("csv", table, part, _IBUG) for part in ("train", "val")}
    frontal = {part: datasets.read_faces("300w", data / "300w", part) for part in ("train", "val")}
    print(_noise([*aflw68["train"], *aflw68["val"]]))
    sets = {"300-W": frontal, "aflw68": aflw68}
    print(_beside_photos({name: parts["train"] for name, parts in sets.items()}))
    print(_beside_annotations({name: parts["val"] for name, parts in sets.items()}))


def _noise(faces: Sequence[Face]) -> str:
    pairs = annotated_twice(faces)
    apart = np.stack([difference(faces[first], faces[second]) for first, second in pairs])
    noise = 100 / np.sqrt(2) * apart
    by_part = [np.nanmean(noise[:, part]) for part in PARTS.values()]
    row = [len(pairs), *by_part, np.nanmean(noise, axis=1).mean()]
    return tabulate([row], ["photos annotated twice", *PARTS, "all"], "github", floatfmt=".2f")


def annotated_twice(faces: Sequence[Face]) -> list[tuple[int, int]]:
    """The pairs of faces with the same photo, whatever their annotations.

    Pairs with similar crops are candidates. One crop is then laid over the other by its pixels, so
    that a pair counts even if the annotated boxes, which place the crops, differ.
    """
    grey = cut_crops(faces, size=_THUMBNAIL, margin=0.0).images.mean(axis=3, dtype=np.float32)
    flat = grey.reshape(len(faces), -1)
    centred = flat - flat.mean(axis=1, keepdims=True)
    thumbnails = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    candidates = np.argwhere(np.triu(thumbnails @ thumbnails.T, 1) > _SIMILAR)
    return [
        (first, second)
        for first, second in tqdm(candidates.tolist(), desc="pairs", disable=None)
        if _correlation(grey[first], grey[second]) > _SAME
    ]


def _correlation(first: FloatArray, second: FloatArray) -> float:
    """The correlation of the details of two grey images, one laid over the other by its pixels."""
    first, second = (image - cv2.GaussianBlur(image, (0, 0), 4) for image in (first, second))
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-5)
    start = np.eye(2, 3, dtype=np.float32)
    try:
        found, move = cv2.findTransformECC(first, second, start, cv2.MOTION_AFFINE, until)
    except cv2.error:  # it does not converge
        return 0.0
    return found if np.abs(move[:, :2] - np.eye(2)).max() < _MOST_CHANGED else 0.0


def difference(first: Face, second: Face) -> FloatArray:
    """Distances [K] of two annotations laid over each other, in sizes of the second's box."""
    both = first.annotated & second.annotated
    laid, onto = (face.landmarks[both].astype(float) for face in (first, second))
    laid = fit_similarity(laid, onto)(laid)
    apart = np.full(len(both), np.nan)
    apart[both] = np.linalg.norm(laid - onto, axis=1) / geometry.box_size(second.box)
    return apart


def _beside_photos(sets: dict[str, Sequence[Face]]) -> str:
    rows = []
    for name, faces in sets.items():
        shifts, sizes = [], []
        for face in tqdm(faces, desc=name, disable=None):
            image = read_image(face.image) if isinstance(face.image, Path) else face.image
            shift = beside_axis(image, face.landmarks, _IBUG)
            if shift is not None:
                shifts.append(shift)
                sizes.append(float(geometry.box_size(face.box)))
        low, high = metrics.bootstrap_ci(np.array(shifts))
        pixels = f"{np.mean(shifts):+.2f} ({low:+.2f} to {high:+.2f})"
        share = 100 * float(np.mean(np.divide(shifts, sizes)))
        rows.append([name, len(shifts), pixels, f"{share:+.2f}"])
    headers = [
        "annotations right of the photo's axis",
        "faces",
        "pixels (95 % interval)",
        "% of box",
    ]
    return tabulate(rows, headers, "github", disable_numparse=True)


def beside_axis(image: ByteArray, landmarks: FloatArray, markup: Markup) -> float | None:
    """How far landmarks lie to the right of the image's axis of symmetry, in pixels.

    The axis is where the crop is most like its mirror image, without shading and contrast.

    Args:
      image: uint8 [H, W, 3].
      landmarks: float [K, 2], image pixels.
      markup: their markup.

    Returns:
      Pixels along the face's width; None if not all points are annotated, or if the face is turned,
      leaning or too unlike its mirror image.
    """
    points = landmarks.astype(float) @ [1, 1j]
    if np.isnan(points).any():
        return None
    mirrored = -points[list(markup.flip_permutation)].conj()
    centre = complex(points.mean())
    size = float(geometry.box_size(geometry.landmark_box(landmarks)))
    laid, onto = mirrored - mirrored.mean(), points - centre
    factor = np.vdot(laid, onto) / np.vdot(laid, laid)
    roll = cmath.phase(factor) / 2
    if np.abs(laid * factor - onto).mean() > _UNEVEN * size or abs(roll) > _LEANING:
        return None
    square = np.array([centre.real, centre.imag, _SIDE * size], np.float32)
    detail = _detail(geometry.cut_square(image, square, _CROP, roll))
    shift = _best_shift(detail, detail[:, ::-1])
    # A crop whose axis lies right of its middle fits its mirror image shifted by twice as much.
    return None if shift is None else -shift / 2 * _SIDE * size / _CROP


def _detail(crop: ByteArray) -> NDArray[np.float64]:
    """The grey crop without its coarse shading, of even contrast."""
    grey = crop.mean(axis=2)
    fine = cv2.GaussianBlur(grey, (0, 0), 2) - cv2.GaussianBlur(grey, (0, 0), _CROP / 10)
    return fine / (np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), _CROP / 8)) + 1)


def _best_shift(image: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """By how many pixels `other` must move to the right to be most like the image."""
    inner = (slice(_FURTHEST, -_FURTHEST),) * 2
    shifts = range(-_FURTHEST, _FURTHEST + 1)
    moved = [np.roll(other, shift, axis=1)[inner].ravel() for shift in shifts]
    alike = np.asarray(np.corrcoef([image[inner].ravel(), *moved]))[0, 1:]
    best = int(alike.argmax())
    if best in (0, len(alike) - 1) or alike[best] < _ALIKE:
        return None
    before, at, after = alike[best - 1 : best + 2].tolist()
    return shifts[best] + (before - after) / (before - 2 * at + after) / 2


def _beside_annotations(sets: dict[str, Sequence[Face]]) -> str:
    rows = []
    for path in FLAGS.models:
        model = open_model(path)
        for name, faces in sets.items():
            true = np.stack([face.landmarks for face in faces])
            sizes = geometry.box_size(np.stack([face.box for face in faces]))
            beside = (landmarks_of(model, faces) - true) / sizes[:, None, None]
            rows.append([path, name, *100 * np.nanmean(beside, axis=(0, 1))])
    headers = ["landmarks beside the annotation, % of box", "faces", "right", "down"]
    return tabulate(rows, headers, "github", floatfmt="+.2f")


if __name__ == "__main__":
    define_path("data", None, "Folder with 300w and aflw68.", required=True)
    flags.DEFINE_list("models", ["mobile_68", "server_68"], "Shipped models or files.")
    app.run(main)
