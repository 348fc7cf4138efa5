"""`export.py` and `evae-export`: convert a trained model for servers and phones."""

from absl import flags, logging

from evae_tf import extras
from evae_tf.artifacts import keras_file, sidecar
from evae_tf.cli import data_flags
from evae_tf.cli.path_flags import define_path
from evae_tf.cli.run import run
from evae_tf.exporting import formats
from evae_tf.exporting.faces import ExportFaces

FLAGS = flags.FLAGS

define_path("model", "runs/default/model.keras", "A .keras file, or the name of a shipped model.")
flags.DEFINE_list(
    "formats",
    ["saved_model", "tflite", "tflite_fp16", "tflite_dynamic", "tflite_int8"],
    "Formats to write, comma-separated. Not in the default: serving, which adds a version with the "
    "signatures for TensorFlow Serving; tflite_uint8, whose input is uint8 images; and onnx.",
)
flags.DEFINE_list(
    "outputs",
    None,
    "Model outputs to export, comma-separated, such as landmarks,response_maps. The default is all "
    "outputs for a SavedModel and landmarks only for TFLite and ONNX files.",
)
flags.DEFINE_boolean(
    "report", False, "Write EXPORT_REPORT.md: accuracy loss, size and time of each file."
)
flags.DEFINE_string("license", sidecar.LICENSE, "Licence named in the description of each file.")
define_path("output", "runs/export", "Folder for the files and export.json.")


def _main() -> None:
    extras.require("keras")
    formats.checked(FLAGS.formats)
    # Without a data set, `export_model` uses synthetic faces in the model's markup.
    faces = None
    if (FLAGS.dataset, FLAGS.data_dir, FLAGS.markup) != ("synthetic", None, None):
        calibrates = set(FLAGS.formats) & set(formats.CALIBRATED)
        training_faces = data_flags.read_training_faces(FLAGS.seed)[0] if calibrates else None
        faces = ExportFaces(data_flags.read_faces(), training_faces, FLAGS.dataset)
    keras_file.find_keras_file(FLAGS.model)
    # Imported late: --help and wrong calls have ended above and need not wait for TensorFlow.
    from tabulate import tabulate

    from evae_tf.exporting.export import export_model

    # TensorFlow logs every write, with the names of temporary files.
    if not FLAGS.verbose:
        logging.set_verbosity(logging.ERROR)
    files = export_model(
        FLAGS.model,
        FLAGS.output,
        FLAGS.formats,
        faces=faces,
        outputs=FLAGS.outputs,
        seed=FLAGS.seed,
        batch_size=FLAGS.batch_size or 64,
        num_threads=FLAGS.num_threads,
        report=FLAGS.report,
        license=FLAGS.license,
    )
    header = ["file", "MB", "operations", "difference", "NME %", "loss %"]
    rows = [
        [
            *(file["path"], f"{file['bytes'] / 1e6:.2f}", sum(file["ops"].values()) or "-"),
            *(f"{file['parity']:.1e}", f"{100 * file['nme']:.2f}", f"{100 * file['loss']:+.2f}"),
        ]
        for file in files
    ]
    right = ("right",) * (len(header) - 1)
    print(tabulate(rows, header, "plain", disable_numparse=True, colalign=("left", *right)))
    first = files[0]
    print(
        f"NME: {first['normalizer']}, {first['faces']} faces of {first['dataset']}; difference: "
        "largest deviation of a landmark from the Keras model, as a fraction of the crop. Files: "
        f"{FLAGS.output}"
    )


def main() -> None:
    """Entry point of `evae-export`."""
    run(_main, __doc__, data_flags)
