"""`export.py` and `evae-export`: a trained model as files for servers and phones."""

from absl import flags, logging

from evae_tf.cli import data_flags
from evae_tf.cli.run import run, start_tensorflow

FLAGS = flags.FLAGS

flags.DEFINE_string("model", "runs/default/model.keras", "The model.keras of a training.")
flags.DEFINE_list(
    "formats",
    ["saved_model", "tflite", "tflite_fp16", "tflite_dynamic", "tflite_int8"],
    "What to write, comma-separated. Besides the default there are serving, which adds a version "
    "with the signatures for TensorFlow Serving, and tflite_uint8, which takes bytes as images.",
)
flags.DEFINE_list(
    "outputs",
    None,
    "Model outputs to export, comma-separated, such as landmarks,response_maps. By default all of "
    "them in a SavedModel, and landmarks alone in TFLite files.",
)
flags.DEFINE_boolean("report", False, "Write EXPORT_REPORT.md: what each file loses and takes.")
flags.DEFINE_string("output", "runs/export", "Folder for the files and export.json.")


def _main():
    # Imported here: a wrong flag and --help should not wait for TensorFlow.
    start_tensorflow()
    from evae_tf.exporting import CALIBRATED, export_model

    # Without a data set, faces are drawn in the markup of the model, whichever that is.
    drawn = FLAGS.dataset == "synthetic" and FLAGS.markup is None
    faces = None if drawn else data_flags.read_faces()
    calibrates = not drawn and set(FLAGS.formats) & set(CALIBRATED)
    calibration_faces = data_flags.read_training_faces(FLAGS.seed)[0] if calibrates else None
    # TensorFlow reports every step of writing, under names that are gone a moment later.
    logging.set_verbosity(logging.ERROR)
    files = export_model(
        FLAGS.model,
        FLAGS.output,
        FLAGS.formats,
        outputs=FLAGS.outputs,
        faces=faces,
        calibration_faces=calibration_faces,
        dataset=FLAGS.dataset,
        seed=FLAGS.seed,
        batch_size=FLAGS.batch_size or 64,
        num_threads=FLAGS.num_threads,
        report=FLAGS.report,
    )
    print(f"{'file':20} {'MB':>7} {'operations':>10} {'difference':>10} {'NME %':>6} {'loss %':>7}")
    for file in files:
        operations = sum(file["ops"].values()) or "-"
        print(
            f"{file['path']:20} {file['bytes'] / 1e6:7.2f} {operations:>10} "
            f"{file['parity']:10.1e} {100 * file['nme']:6.2f} "
            f"{100 * file['loss']:+7.2f}"
        )
    first = files[0]
    print(
        f"NME: {first['normalizer']}, {first['faces']} faces; difference: the largest of a "
        f"landmark from the Keras model's, in fractions of the crop. Files: {FLAGS.output}"
    )


def main():
    """Entry point of `evae-export`."""
    run(_main, __doc__, data_flags)
