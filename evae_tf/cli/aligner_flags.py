"""The flags of an `Aligner`, shared by the commands that align."""

from typing import Any

from absl import flags

from evae_tf.align import detection
from evae_tf.align.aligner import MIN_SCORE
from evae_tf.align.detectors.tflite import TfliteDetector
from evae_tf.cli.path_flags import define_path
from evae_tf.geometry import BOX_COLUMNS

FLAGS = flags.FLAGS
flags.disclaim_key_flags()  # --help lists them with those of the calling module


def define(*, boxes: bool = False) -> None:
    """Defines the flags, for the module that calls this.

    Args:
      boxes: whether `--detector=boxes` is known: boxes from a table.
    """
    define_path(
        "model",
        "mobile_68",
        "Name of a shipped model, a .keras, .tflite or .onnx file, or a SavedModel.",
    )
    flags.DEFINE_enum(
        "detector",
        "auto",
        [*detection.DETECTORS, *["boxes"] * boxes],
        "Face detector: auto uses the best one installed, none treats the whole image as one face"
        + (", boxes reads the boxes from a table." if boxes else "."),
    )
    table = f"; for boxes, a .csv file with the columns image, {', '.join(BOX_COLUMNS)}"
    define_path(
        "detector_model",
        None,
        "For yunet, its .onnx file; for tflite, a file that replaces the shipped detector"
        + (f"{table}." if boxes else "."),
    )
    flags.DEFINE_float(
        "min_score",
        None,
        "Detections below this confidence are dropped. The confidence is the mean of the "
        f"detector's score and the landmarks' score. Default: {MIN_SCORE}, or "
        f"{TfliteDetector.min_confidence} with the detector tflite."
        + (" Boxes from a table are always kept." if boxes else ""),
        lower_bound=0.0,
        upper_bound=1.0,
    )
    flags.DEFINE_integer(
        "max_faces",
        None,
        "Maximum number of faces per photo or frame, best first; no limit by default.",
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "passes",
        2,
        "Number of passes: the second one aligns each face again in an upright crop.",
        lower_bound=1,
        upper_bound=2,
    )


def arguments() -> dict[str, Any]:
    """The values of the flags, as arguments of `Aligner.load`."""
    names = ("model", "detector", "detector_model", "passes", "min_score", "max_faces")
    return {name: FLAGS[name].value for name in names}
