"""The flags of every command that reads data, and the faces they name."""

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
    "The data set; `synthetic` needs no files.",
)
define_path("data_dir", None, "Folder of the data set's release; for `csv`, the .csv file.")
define_path(
    "markup",
    None,
    f"Landmark scheme of `csv` or `synthetic`: one of {', '.join(sorted(markups.MARKUPS))} (the "
    "default of `synthetic` is ibug_68) or a JSON file. Other data sets have their own.",
)
flags.DEFINE_integer(
    "seed",
    0,
    "Of everything random: in a training, of all but its faces; elsewhere of the faces that "
    "`synthetic` draws, as nothing else is random there.",
    lower_bound=0,
    upper_bound=2**32 - 1,
)
flags.DEFINE_integer(
    "batch_size", None, "Faces at a time; the default is the preset's, or 64.", lower_bound=1
)


def read_training_faces(seed: int = 0) -> tuple[list[Face], list[Face]]:
    """Training and validation faces, see `splits.read_training_faces`.

    Trainings leave `seed` as it is, so that those of several `--seed`s compare on equal faces.
    """
    return splits.read_training_faces(FLAGS.dataset, FLAGS.data_dir, FLAGS.markup, seed)


def read_faces(subset: str | None = None) -> list[Face]:
    """The faces of one subset, see `datasets.read_faces`."""
    return datasets.read_faces(FLAGS.dataset, FLAGS.data_dir, subset, FLAGS.markup, FLAGS.seed)
