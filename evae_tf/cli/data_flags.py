"""Flags shared by the commands that read data, and the functions that read their faces."""

import itertools
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from absl import flags, logging

from evae_tf import geometry, markups
from evae_tf.array_types import FloatArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data import datasets, splits
from evae_tf.data.face import Face

FLAGS = flags.FLAGS

Find: TypeAlias = Callable[[Sequence[Face]], FloatArray]

# Schemes whose tight boxes are about as large as a detector's: their points include a chin.
_OF_WHOLE_FACES = ("aflw_19", "cofw_29", "ibug_68", "wflw_98")

flags.DEFINE_enum(
    "dataset",
    "synthetic",
    sorted(datasets.DATASETS),
    "Data set; `synthetic` needs no files.",
)
define_path("data_dir", None, "Folder of the unpacked data set; for `csv`, the .csv file.")
define_path(
    "markup",
    None,
    f"Landmark scheme of `csv` or `synthetic`: {', '.join(sorted(markups.MARKUPS))}, or a JSON "
    "file. The default of `synthetic` is ibug_68. Other data sets have a fixed scheme.",
)
flags.DEFINE_integer(
    "seed",
    0,
    "Random seed. In training: initial weights, order and augmentation, but not the data. In the "
    "other commands: the faces of `synthetic`.",
    lower_bound=0,
    upper_bound=2**32 - 1,
)
flags.DEFINE_boolean(
    "find_boxes",
    False,
    "Take the boxes of the faces from the face detector. For a `csv` without boxes whose points "
    "cover only a part of the face.",
)
flags.DEFINE_integer(
    "batch_size",
    None,
    "Batch size. In training, the default is the preset's; at most the number of training faces, "
    "or 32 if there are fewer. Without training, 64, which is also the most.",
    lower_bound=1,
)


def read_training_faces(seed: int = 0) -> tuple[list[Face], list[Face]]:
    """Training and validation faces, see `splits.read_training_faces`.

    Training runs keep the default `seed`, so runs with different `--seed`s use the same faces.
    """
    return with_boxes(*annotated_training_faces(seed))


def annotated_training_faces(seed: int = 0) -> tuple[list[Face], list[Face]]:
    """As `read_training_faces`, with the boxes of the annotation."""
    return splits.read_training_faces(FLAGS.dataset, FLAGS.data_dir, FLAGS.markup, seed)


def with_boxes(
    train: list[Face], val: list[Face], find: Find | None = None
) -> tuple[list[Face], list[Face]]:
    """Training and validation faces, with boxes of the detector if the flag asks for them.

    Args:
      train: training faces.
      val: validation faces.
      find: finds the boxes; the default is `face_boxes.find_boxes`.
    """
    both = _with_boxes(train, val, find=find)
    return both[: len(train)], both[len(train) :]


def read_faces(subset: str | None = None) -> list[Face]:
    """The faces of one subset, see `datasets.read_faces`."""
    return _with_boxes(
        datasets.read_faces(FLAGS.dataset, FLAGS.data_dir, subset, FLAGS.markup, FLAGS.seed)
    )


def _with_boxes(*subsets: list[Face], find: Find | None = None) -> list[Face]:
    """The faces of all subsets, with boxes of the detector if the flag asks for them."""
    faces = list(itertools.chain(*subsets))
    if FLAGS.find_boxes:
        from evae_tf.align import face_boxes  # runs a model

        find = find or face_boxes.find_boxes
        return face_boxes.placed(faces, np.concatenate([find(each) for each in subsets]))
    if FLAGS.dataset == "csv" and faces and faces[0].markup.name not in _OF_WHOLE_FACES:
        tight = geometry.landmark_box(np.stack([face.landmarks for face in faces]))
        if np.allclose(np.stack([face.box for face in faces]), tight):
            logging.warning(
                "%s has no boxes: those of its points are taken. The boxes that align.py starts "
                "from hold the whole face; --find_boxes takes such boxes.",
                FLAGS.data_dir,
            )
    return faces
