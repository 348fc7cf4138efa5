"""From a `.keras` file to checked files for servers and phones."""

import dataclasses
import json
import os
import re
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from evae_tf import atomic, keras_file, runtime
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.errors import InputError
from evae_tf.exporting import serving, sidecar, tflite, tflite_file, warm_up
from evae_tf.exporting.parity import Reference
from evae_tf.exporting.saved_model import write_saved_model
from evae_tf.metadata import ModelMetadata

FILES = {
    "saved_model": "saved_model",
    "tflite": "model.tflite",
    "tflite_fp16": "model_fp16.tflite",
    "tflite_dynamic": "model_dynamic.tflite",
    "tflite_int8": "model_int8.tflite",
    "tflite_uint8": "model_uint8.tflite",
}
FORMATS = ("serving", *FILES)  # that of `serving` has the number of its version for a name
_FACES = 200
_CALIBRATED, _MIN_CALIBRATION_FACES = ("tflite_int8", "tflite_uint8"), 10


def export_model(
    model_path,
    output,
    formats,
    *,
    outputs=None,
    faces=None,
    calibration_faces=None,
    num_threads=2,
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
      num_threads: for decoding and for TFLite files.

    Returns:
      List of dicts, one for each format as in export.json: `format`, `path`, `bytes`, `ops`
      (TFLite: name to count), `parity`, `nme` and `nme_keras` (fractions), and what they were
      measured with: `model`, `faces` (how many) and `normalizer`. The file has the entries of
      other formats in the folder as well.

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
        faces = synthetic.read("val", metadata.markup, count=_FACES)
        calibration_faces = synthetic.read("train", metadata.markup, count=_FACES)
    found = (faces[0].markup, len(faces[0].landmarks))
    expected = (metadata.markup.name, metadata.markup.num_points)
    if found != expected:
        raise InputError(
            f"the faces are annotated in {found[0]} ({found[1]} points), the model predicts "
            f"{expected[0]} ({expected[1]} points)."
        )
    crop = {"size": metadata.input_size, "margin": metadata.crop_margin, "num_threads": num_threads}
    faces = _spread(faces)
    reference = Reference(network, faces, cut_crops(faces, **crop), metadata.markup)
    calibration_faces = _spread(calibration_faces or faces)
    if set(formats) & set(_CALIBRATED) and len(calibration_faces) < _MIN_CALIBRATION_FACES:
        raise InputError(
            f"{len(calibration_faces)} faces to take the ranges of activations from: "
            f"{' and '.join(_CALIBRATED)} need at least {_MIN_CALIBRATION_FACES}."
        )
    calibration = cut_crops(calibration_faces, **crop)
    images = calibration.model_input()
    # Beside the old files, so that taking their place is a rename.
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as staging:
        writer = _Writer(metadata, reference, images, Path(staging), folder, num_threads)
        bar = tqdm(chosen.items(), desc="exporting", unit="file", disable=None)
        measured_with = {
            "model": str(model_path),
            "faces": len(faces),
            "normalizer": metadata.markup.default_normalizer,
        }
        written = {}
        for name, model in bar:
            written[name] = {**writer.write(name, model), **measured_with}
            _record(folder / "export.json", written)
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


@dataclasses.dataclass(frozen=True)
class _Writer:
    """Writes one file after another; each takes the old one's place once it was compared."""

    metadata: ModelMetadata
    reference: Reference
    calibration_images: np.ndarray
    staging: Path
    folder: Path
    num_threads: int

    def write(self, name, model):
        """Writes `model` in the format `name` and returns its entry in export.json."""
        write = {"saved_model": self._saved_model, "serving": self._serving}
        entry = write.get(name, self._tflite)(name, model)
        return {"format": name, **entry, "nme_keras": self.reference.nme}

    def _saved_model(self, name, model):
        with atomic.replacing_folder(self.folder / FILES[name]) as temporary:
            write_saved_model(model, temporary)
            compared = self._described(name, model, temporary)
        return {"path": FILES[name], **compared}

    def _serving(self, name, model):
        version = str(serving.next_version(self.folder, self.metadata))
        with atomic.replacing_folder(self.folder / version) as temporary:
            serving.write_signatures(model, self.metadata, temporary)
            warm_up.write_warm_up(self.metadata, temporary)
            compared = self._described(name, model, temporary)
            signatures = warm_up.compare_signatures(temporary, self.metadata)
        return {"path": version, **compared, "signatures": signatures}

    def _described(self, name, model, temporary):
        """Writes what a SavedModel says about itself and compares it."""
        description = sidecar.describe(self.metadata, model.output)
        sidecar.write_json(temporary / runtime.SAVED_MODEL_METADATA, description)
        compared = self.reference.compare(temporary, name, self.num_threads)
        size = sum(file.stat().st_size for file in temporary.rglob("*") if file.is_file())
        return {"bytes": size, "ops": {}, **compared}

    def _tflite(self, name, model):
        is_uint8 = name == "tflite_uint8"
        content = self._converted("tflite_int8" if is_uint8 else name, model)
        description = sidecar.describe(self.metadata, model.output)
        if is_uint8:
            content = tflite_file.with_uint8_input(content)
            description["normalization"] = "RGB in 0..255, uint8"
        operations = tflite.count_ops(content)
        content = tflite_file.with_description(content, sidecar.to_json(description))
        staged = self.staging / FILES[name]
        staged.write_bytes(content)
        sidecar.write_sidecar(staged, description)
        compared = self.reference.compare(staged, name, self.num_threads)
        for file in (staged.with_suffix(".json"), staged):
            os.replace(file, self.folder / file.name)
        return {"path": FILES[name], "bytes": len(content), "ops": operations, **compared}

    def _converted(self, variant, model):
        """The bytes of a TFLite file, converted once though two formats may need them."""
        converted, static = self.staging / variant, self.staging / "static"
        if not static.exists():  # traced once for all precisions
            write_saved_model(model, static, batch_size=1)
        if not converted.exists():
            converted.write_bytes(tflite.convert(static, variant, self.calibration_images))
        return converted.read_bytes()


def _checked(formats):
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise InputError(f"formats {unknown} are unknown: known are {list(FORMATS)}.")
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


def _spread(faces):
    """Up to 200 of the faces, evenly spread over the list."""
    index = np.linspace(0, len(faces) - 1, min(_FACES, len(faces))).round().astype(int)
    return [faces[i] for i in index]
