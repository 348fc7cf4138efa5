"""From a `.keras` file to checked files for servers and phones."""

import json
import re
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from evae_tf import atomic
from evae_tf.artifacts import keras_file
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.errors import InputError
from evae_tf.exporting import report as reports
from evae_tf.exporting.files import CALIBRATED, FORMATS, ArtifactWriter
from evae_tf.exporting.parity import Reference
from evae_tf.metadata import ModelMetadata

_FACES = 200
_MIN_CALIBRATION_FACES = 10


def export_model(
    model_path,
    output,
    formats,
    *,
    outputs=None,
    faces=None,
    calibration_faces=None,
    dataset="synthetic",
    seed=0,
    batch_size=64,
    num_threads=2,
    report=False,
):
    """Writes a trained model in other formats, each checked against the Keras model.

    Args:
      model_path: a `.keras` file.
      output: folder for the files, their sidecars and export.json.
      formats: some of `FORMATS`. `serving` adds a version to those in the folder.
      outputs: names of the model's outputs to export, or None: all in a SavedModel, `landmarks`
        alone in TFLite files.
      faces: list of `Face` for the comparison, of which 200 are used, evenly spread; None draws
        synthetic ones in the model's markup.
      calibration_faces: list of `Face` that int8 takes the ranges of activations from, 200 of
        them; None takes drawn ones where `faces` are drawn, else `faces`.
      dataset: what the faces are of, for the record.
      seed: of drawn faces.
      batch_size: faces given to a model at a time, for the comparison.
      num_threads: for decoding and for TFLite files.
      report: whether EXPORT_REPORT.md is written too, with the time and memory of each TFLite file.

    Returns:
      List of dicts, one for each format as in export.json: `format`, `path`, `bytes`, `ops`
      (TFLite: name to count), what `parity.Reference.compare` gives, `nme_keras` (a fraction), and
      what they were measured with: `model`, `faces` (how many), `dataset` and `normalizer`. The
      file has the entries of other formats in the folder as well.

    Raises:
      InputError: an unknown format or output, a model or folder that cannot be used, or a file
        whose landmarks differ from the Keras model's.
    """
    formats = _checked(formats)
    # Some GPUs round to 10 bits otherwise, and nothing agrees with what they answer.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    network = _in_float32(keras_file.load_keras_model(model_path))
    metadata = ModelMetadata.from_dict(network.metadata, str(model_path))
    chosen = {name: _choose(network, metadata, outputs, name) for name in formats}
    folder = atomic.make_folder(output)
    if faces is None:
        drawn = {"count": _FACES, "seed": seed}
        faces = synthetic.read("val", metadata.markup, **drawn)
        calibration_faces = calibration_faces or synthetic.read("train", metadata.markup, **drawn)
    faces = _checked_faces(faces, metadata.markup)
    crop = {"size": metadata.input_size, "margin": metadata.crop_margin, "num_threads": num_threads}
    crops = cut_crops(faces, **crop)
    reference = Reference(network, faces, crops, metadata.markup, batch_size)
    images = None
    if set(formats) & set(CALIBRATED):
        images = cut_crops(_for_calibration(calibration_faces or faces), **crop).model_input()
    measured_with = {
        "model": str(model_path),
        "faces": len(faces),
        "dataset": dataset,
        "normalizer": metadata.markup.default_normalizer,
    }
    written = {}
    try:
        # Beside the old files, so that taking their place is a rename.
        with tempfile.TemporaryDirectory(prefix=".", dir=folder) as staging:
            writer = ArtifactWriter(metadata, reference, images, Path(staging), folder, num_threads)
            for name, model in tqdm(chosen.items(), desc="exporting", unit="file", disable=None):
                written[name] = {**writer.write(name, model), **measured_with}
                _record(folder / "export.json", written)
            if report:
                reports.write(writer, chosen, list(written.values()))
    except OSError as error:  # a full disk, wherever it shows
        raise InputError(f"{folder}: cannot be written ({error.strerror or error}).") from error
    return list(written.values())


def _record(path, written):
    """Writes export.json anew, where entries of formats that were not written now stay."""
    try:
        entries = {entry["format"]: entry for entry in json.loads(path.read_text())["files"]}
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or not ours
        entries = {}
    entries |= written
    files = [entries[name] for name in FORMATS if name in entries]
    atomic.write_text(path, json.dumps({"files": files}, indent=2) + "\n")


def _checked(formats):
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise InputError(f"formats {unknown} are unknown: known are {list(FORMATS)}.")
    if not formats:
        raise InputError(f"no format to write is named: known are {list(FORMATS)}.")
    if keras.backend.backend() != "tensorflow":
        raise InputError(f"KERAS_BACKEND={keras.backend.backend()}: export needs tensorflow.")
    return list(dict.fromkeys(formats))


def _in_float32(network):
    """The network without mixed precision, which the TFLite converter cannot read."""
    config = re.sub(r'"mixed_b?float16"', '"float32"', network.to_json())
    converted = keras.models.model_from_json(config)
    converted.set_weights(network.get_weights())
    return converted


def _choose(network, metadata, outputs, variant):
    """A functional model that gives some of the network's outputs."""
    images = keras.Input((metadata.input_size, metadata.input_size, 3), name="images")
    available = network(images, training=False)
    if outputs is None:
        on_server = variant in ("saved_model", "serving")
        outputs = list(available) if on_server else ["landmarks"]
    unknown = sorted(set(outputs) - set(available))
    if unknown or "landmarks" not in outputs:
        raise InputError(
            f"outputs {list(outputs)}: expected landmarks, and any others of {list(available)}."
        )
    return keras.Model(images, {name: available[name] for name in outputs})


def _checked_faces(faces, markup):
    """Those that files are compared on; they must be annotated as the model predicts."""
    if not faces:
        raise InputError("there are no faces to compare the files on.")
    found = faces[0].markup
    if found.points != markup.points:
        raise InputError(
            f"the faces are annotated in {found.name} ({found.num_points} points), the model "
            f"predicts {markup.name} ({markup.num_points} points)."
        )
    return _spread(faces)


def _for_calibration(faces):
    if len(faces) < _MIN_CALIBRATION_FACES:
        raise InputError(
            f"{len(faces)} faces to take the ranges of activations from: "
            f"{' and '.join(CALIBRATED)} need at least {_MIN_CALIBRATION_FACES}."
        )
    return _spread(faces)


def _spread(faces):
    """Up to 200 of the faces, evenly spread over the list."""
    index = np.linspace(0, len(faces) - 1, min(_FACES, len(faces))).round().astype(int)
    return [faces[i] for i in index]
