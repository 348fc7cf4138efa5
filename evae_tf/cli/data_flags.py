"""Flags shared by the commands that read data, and the functions that read their faces."""

from absl import flags

from evae_tf import markups
from evae_tf.cli.path_flags import define_path
from evae_tf.data import datasets, splits
from evae_tf.data.face import Face

FLAGS = flags.FLAGS

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
flags.DEFINE_integer(
    "batch_size", None, "Batch size; the default is the preset's, or 64.", lower_bound=1
)


def read_training_faces(seed: int = 0) -> tuple[list[Face], list[Face]]:
    """Training and validation faces, see `splits.read_training_faces`.

    Training runs keep the default `seed`, so runs with different `--seed`s use the same faces.
    """
    return splits.read_training_faces(FLAGS.dataset, FLAGS.data_dir, FLAGS.markup, seed)


def read_faces(subset: str | None = None) -> list[Face]:
    """The faces of one subset, see `datasets.read_faces`."""
    return datasets.read_faces(FLAGS.dataset, FLAGS.data_dir, subset, FLAGS.markup, FLAGS.seed)
