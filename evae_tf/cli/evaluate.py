"""`evaluate.py` and `evae-evaluate`: measure the accuracy of models on annotated faces."""

from absl import flags

from evae_tf import extras
from evae_tf.artifacts import predictors
from evae_tf.cli import data_flags
from evae_tf.cli.path_flags import define_path, define_paths
from evae_tf.cli.run import run
from evae_tf.data import datasets
from evae_tf.evaluation import groups
from evae_tf.evaluation.truth import Truth

FLAGS = flags.FLAGS

define_paths(
    "model",
    ["runs/default/model.keras"],
    "Models to compare, comma-separated: .keras, .tflite or .onnx files, SavedModel folders, or "
    "names of shipped models.",
)
flags.DEFINE_string(
    "subset", None, "Subset of the data set; the default is `val`, or `test` if there is no `val`."
)
flags.DEFINE_list(
    "normalizer",
    None,
    "Normalisers of the errors, comma-separated: inter_ocular, inter_pupil, box_size, "
    "box_diagonal. The default is the usual one of the data set or its markup.",
)
flags.DEFINE_list(
    "group_by",
    [],
    "Also report groups of faces, comma-separated: yaw, visibility, size, a column of the .csv "
    "file, or an attribute of the data set.",
)
flags.DEFINE_boolean(
    "box_jitter", False, "Perturb the boxes first (scale 0.85 to 1.15, shift 8 %, fixed seed)."
)
define_path("output", "runs/evaluation", "Folder for the report and its figures.")


def _main() -> None:
    extras.require("keras")
    usual = datasets.DATASETS[FLAGS.dataset].normalizer
    normalizers = FLAGS.normalizer or (usual and [usual])
    subset = FLAGS.subset or datasets.default_subset(FLAGS.dataset, FLAGS.data_dir)
    faces = data_flags.read_faces(subset)
    for model in FLAGS.model:
        predictors.find_model(model)
    groups.grouped(FLAGS.group_by, faces, Truth.of(faces, normalizers))
    # Imported late: --help and wrong calls have ended above and need not wait for TensorFlow.
    from evae_tf.evaluation.evaluate import evaluate, format_table

    rows = evaluate(
        FLAGS.model,
        faces,
        FLAGS.output,
        normalizers=normalizers,
        group_by=FLAGS.group_by,
        description={"dataset": FLAGS.dataset, "subset": subset},
        box_jitter=FLAGS.box_jitter,
        batch_size=FLAGS.batch_size or 64,
        num_threads=FLAGS.num_threads,
    )
    print(format_table(rows))
    print(f"report.json, per_face.csv and figures: {FLAGS.output}")


def main() -> None:
    """Entry point of `evae-evaluate`."""
    run(_main, __doc__, data_flags)
