"""The flags of every command that reads data, and the faces they name."""

from absl import flags

from evae_tf import markups
from evae_tf.data import datasets, splits
from evae_tf.errors import InputError

FLAGS = flags.FLAGS

flags.DEFINE_enum(
    "dataset",
    "synthetic",
    sorted(datasets.DATASETS),
    "The data set; `synthetic` needs no files.",
)
flags.DEFINE_string("data_dir", None, "Folder of the data set's release; for `csv`, the .csv file.")
flags.DEFINE_string(
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


def markup():
    """The `Markup` that the flags name.

    Raises:
      InputError: `--markup` is missing for `csv`, unknown, or not the data set's own.
    """
    own = datasets.DATASETS[FLAGS.dataset].markup
    if own is not None:
        if FLAGS.markup not in (None, own):
            raise InputError(f"--markup={FLAGS.markup}: {FLAGS.dataset} is annotated in {own}.")
        return markups.MARKUPS[own]
    if FLAGS.dataset == "synthetic":
        return markups.Markup.load(FLAGS.markup or "ibug_68")
    if FLAGS.markup is None:
        raise InputError(
            f"--dataset=csv needs --markup: one of {sorted(markups.MARKUPS)}, or a JSON file."
        )
    return markups.Markup.load(FLAGS.markup)


def data_dir():
    """Where the data set lies; None for drawn faces.

    Raises:
      InputError: `--data_dir` is missing.
    """
    if FLAGS.dataset == "synthetic":
        return None
    if FLAGS.data_dir is None:
        raise InputError(f"--dataset={FLAGS.dataset} needs --data_dir, the folder of its release.")
    return FLAGS.data_dir


def read_training_faces(seed=0):
    """Training and validation faces, see `splits.read_training_faces`.

    Trainings leave `seed` as it is, so that those of several `--seed`s compare on equal faces.
    """
    return splits.read_training_faces(FLAGS.dataset, data_dir(), markup(), seed)


def read_faces(subset=None):
    """The faces of one subset (the data set's default one for None), as list of `Face`."""
    subset = subset or datasets.default_subset(FLAGS.dataset, data_dir())
    return datasets.read_faces(FLAGS.dataset, data_dir(), subset, markup(), FLAGS.seed)
