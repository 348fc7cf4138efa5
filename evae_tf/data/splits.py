"""What a training learns from, and what it is validated on."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from absl import logging

from evae_tf.data.datasets import (
    available_subsets,
    markup_of,
    photo_key,
    read_faces,
    without_photos,
)
from evae_tf.data.face import Face
from evae_tf.errors import InputError
from evae_tf.markups import Markup

_HELD_OUT_SHARE = 0.05


def read_training_faces(
    dataset: str,
    data_dir: str | Path | None = None,
    markup: Markup | str | Path | None = None,
    seed: int = 0,
) -> tuple[list[Face], list[Face]]:
    """Training and validation faces that share no photo.

    A data set without a `val` subset gives a fixed 5 % of its training photos to validation: its
    test set must not choose the best epoch.

    Args:
      dataset: a key of `datasets.DATASETS`.
      data_dir: see `datasets.read_faces`.
      markup: see `datasets.markup_of`.
      seed: see `datasets.read_faces`.

    Returns:
      (training faces, validation faces), lists of `Face`.

    Raises:
      InputError: see `datasets.read_faces`; or too few faces to hold any out.
    """
    markup = markup_of(dataset, markup)
    available = available_subsets(dataset, data_dir)
    # Without any split all faces may train; with one, only those that it gives to training.
    subset = "all" if tuple(available) == ("all",) else "train"
    if subset not in available:
        raise InputError(f"{data_dir}: no subset train; found {', '.join(available)}.")
    faces = read_faces(dataset, data_dir, subset, markup, seed)
    if subset == "train" and "val" in available:
        validation = read_faces(dataset, data_dir, "val", markup, seed)
    else:
        validation = hold_out(faces, _HELD_OUT_SHARE)
        logging.info("no val subset: %d of %d faces held out", len(validation), len(faces))
    training = without_photos(faces, validation)
    if not training or not validation:
        raise InputError(f"{data_dir}: {len(faces)} faces are too few to train and validate on.")
    return training, validation


def hold_out(faces: Sequence[Face], share: float) -> list[Face]:
    """About `share` of the faces, and at least one, chosen by a hash of their photo's name."""

    def rank(face: Face) -> str:
        return hashlib.sha256(photo_key(face).encode()).hexdigest()

    threshold = sorted(map(rank, faces))[max(1, round(share * len(faces))) - 1]
    return [face for face in faces if rank(face) <= threshold]
