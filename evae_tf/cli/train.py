"""`train.py` and `evae-train`: train a landmark model on annotated faces."""

import dataclasses

from absl import flags

from evae_tf import config as configs
from evae_tf import config_text, extras
from evae_tf.cli import data_flags, process_flags
from evae_tf.cli.path_flags import define_path
from evae_tf.cli.run import run
from evae_tf.config_text import override
from evae_tf.errors import UsageError
from evae_tf.presets import PRESETS

FLAGS = flags.FLAGS

flags.DEFINE_enum("preset", "default", sorted(PRESETS), "Base configuration.")
flags.DEFINE_enum(
    "architecture",
    None,
    configs.ARCHITECTURES,
    "Model architecture; the default is the preset's (evae_cnn). `wt` needs --init_from.",
)
define_path("workdir", "runs/default", "Folder of the training run; the same command resumes it.")
define_path(
    "init_from",
    None,
    "Source of the initial weights: a model.keras file or the name of a shipped model.",
)
flags.DEFINE_boolean("mixed_precision", None, "Compute in bfloat16, keep weights in float32.")
define_path(
    "config", None, "A JSON file with the configuration, such as a config.json; replaces --preset."
)
flags.DEFINE_boolean("print_config", False, "Print the configuration as JSON, do not train.")
flags.DEFINE_multi_string("set", [], "Sets a configuration field: field=value; repeatable.")


def configuration() -> configs.Config:
    """The `Config` from the flags; `--set` takes precedence."""
    base = _base()
    if FLAGS.config is not None and not FLAGS["dataset"].present:
        FLAGS.dataset = base.dataset  # of which the faces are read
    given = {
        "architecture": FLAGS.architecture,
        "dataset": FLAGS.dataset,
        "seed": FLAGS.seed if FLAGS["seed"].present else None,
        "batch_size": FLAGS.batch_size,
        "mixed_precision": FLAGS.mixed_precision,
    }
    given = {name: value for name, value in given.items() if value is not None}
    return override(dataclasses.replace(base, **given), FLAGS.set)


def _base() -> configs.Config:
    if FLAGS.config is None:
        return PRESETS[FLAGS.preset]
    if FLAGS["preset"].present:
        raise UsageError("--config and --preset are both given; expected one of them.")
    return config_text.read(FLAGS.config)


def _main() -> None:
    config = configuration()
    if FLAGS.print_config:
        print(config_text.dump(config), end="")
        return
    extras.require("keras")
    configs.check_start(config, FLAGS.init_from)
    process_flags.start()
    annotated = data_flags.annotated_training_faces()
    # Imported late: a wrong flag, --help and missing data should not wait for TensorFlow.
    from evae_tf.training.train import train

    process_flags.join()
    train_faces, val_faces = data_flags.with_boxes(*annotated, find=process_flags.find_boxes)
    training = train(
        config,
        train_faces,
        val_faces,
        FLAGS.workdir,
        init_from=FLAGS.init_from,
        num_threads=FLAGS.num_threads,
    )
    print(
        f"best validation NME {100 * training.best_nme:.2f} % ({training.normalizer}, "
        f"{len(val_faces)} faces): {training.folder / 'model.keras'}"
    )


def main() -> None:
    """Entry point of `evae-train`."""
    run(_main, __doc__, data_flags, process_flags)
