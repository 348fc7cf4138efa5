"""Training and validation faces of a data set."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from absl import logging

from evae_tf.data.datasets import (
    available_subsets,
    markup_of,
    photo_of,
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
    """Reads training and validation faces that share no photo.

    Without a `val` subset, a fixed 5 % of the training photos is held out for validation, because
    the best epoch must not be selected on the test set.

    Args:
      dataset: a key of `datasets.DATASETS`.
      data_dir: see `datasets.read_faces`.
      markup: see `datasets.markup_of`.
      seed: see `datasets.read_faces`.

    Returns:
      (training faces, validation faces), lists of `Face`.

    Raises:
      InputError: see `datasets.read_faces`; or there are too few faces to hold any out.
    """
    markup = markup_of(dataset, markup)
    available = available_subsets(dataset, data_dir)
    # Without a split all faces are training faces, else only those of `train`.
    subset = "all" if tuple(available) == ("all",) else "train"
    if subset not in available:
        raise InputError(
            f"{data_dir}: found the subsets {', '.join(available)}, expected a subset train."
        )
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
    """Selects about `share` of the faces, at least one, by a hash of the photo's name.

    The choice does not depend on the place of the data set.
    """

    def rank(face: Face) -> str:
        name = photo_of(face.name).encode("utf-8", "surrogateescape")
        return hashlib.sha256(name).hexdigest()

    threshold = sorted(map(rank, faces))[max(1, round(share * len(faces))) - 1]
    return [face for face in faces if rank(face) <= threshold]
