"""Exports a `.keras` file to files for servers and phones, and checks them."""

# Keras and TensorFlow come without types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

import contextlib
import functools
import json
import re
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from evae_tf import arguments, atomic, progress
from evae_tf.artifacts import keras_file
from evae_tf.artifacts.predictor import MOST_AT_ONCE
from evae_tf.artifacts.sidecar import LICENSE
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import Face
from evae_tf.errors import InputError, UsageError
from evae_tf.exporting import report as reports
from evae_tf.exporting.faces import ExportFaces
from evae_tf.exporting.files import FileWriter
from evae_tf.exporting.formats import CALIBRATED, FORMATS, checked
from evae_tf.exporting.parity import Reference
from evae_tf.metadata import ModelMetadata


@contextlib.contextmanager
def _full_float32() -> Generator[None, None, None]:
    """Disables TensorFloat-32, whose 10-bit mantissa would fail the parity check on GPUs."""
    enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(enabled)


@_full_float32()
def export_model(
    model: str | Path,
    output: str | Path,
    formats: str | Sequence[str],
    *,
    faces: Sequence[Face] | ExportFaces | None = None,
    outputs: Sequence[str] | None = None,
    seed: int = 0,
    batch_size: int = 64,
    num_threads: int = 2,
    report: bool = False,
    license: str = LICENSE,
) -> list[dict[str, Any]]:
    """Writes a trained model in other formats and checks each against the Keras model.

    Args:
      model: a `.keras` file, or the name of a shipped model.
      output: folder for the files, their sidecars and export.json.
      formats: one or several of `formats.FORMATS`. `serving` adds a new version to the folder.
      faces: list of `Face` for the comparison and for int8 calibration; or `ExportFaces` to use
        different faces for the two; or None for synthetic faces in the model's markup.
      outputs: names of the outputs to export; None exports all in a SavedModel and only
        `landmarks` in TFLite and ONNX files.
      seed: random seed of the synthetic faces.
      batch_size: faces per batch in the comparison; more than 64 count as 64.
      num_threads: threads for decoding and for TFLite files.
      report: whether to write EXPORT_REPORT.md, with the time and memory of each TFLite file.
      license: a sentence for the description of each file.

    Returns:
      List of dicts, one for each format as in export.json: `format`, `path`, `bytes`, `ops`
      (TFLite and ONNX: name to count), the values of `parity.Reference.compare`, `nme_keras` (a
      fraction), `model`, `faces` (their number), `dataset` and `normalizer`. The file also keeps
      the entries of other formats in the folder.

    Raises:
      InputError: an unknown format or output, a model or folder that cannot be used, or a file
        whose landmarks differ from the Keras model's.
    """
    formats = checked(formats)
    if keras.backend.backend() != "tensorflow":
        raise InputError(f"KERAS_BACKEND={keras.backend.backend()}: export needs tensorflow.")
    outputs = None if outputs is None else arguments.names("outputs", outputs)
    arguments.text_path("output", output)
    arguments.whole_number("seed", seed, 0)
    batch_size = min(arguments.whole_number("batch_size", batch_size), MOST_AT_ONCE)
    arguments.whole_number("num_threads", num_threads)
    if not license.strip():
        raise UsageError("license is empty, expected a sentence.")
    network = _in_float32(keras_file.load_model(model))
    metadata = ModelMetadata.from_dict(network.metadata, str(model))
    chosen = {name: _choose(network, metadata, outputs, name) for name in formats}
    with atomic.exclusive_folder(output) as folder:
        is_calibrated = bool(set(formats) & set(CALIBRATED))
        given = ExportFaces.of(faces, metadata.markup, seed, calibration=is_calibrated)
        size, margin = metadata.input_size, metadata.crop_margin
        cut = functools.partial(cut_crops, size=size, margin=margin, num_threads=num_threads)
        compared = given.for_comparison(metadata.markup)
        reference = Reference(network, compared, cut(compared), batch_size)
        images = cut(given.for_calibration()).model_input() if is_calibrated else None
        measured_with = {
            "model": str(model),
            "faces": len(compared),
            "dataset": given.dataset,
            "normalizer": reference.normalizer,
        }
        try:
            # In the same folder as the old files, so that replacing them is a rename.
            with tempfile.TemporaryDirectory(prefix=atomic.TEMPORARY, dir=folder) as staging:
                writer = FileWriter(
                    metadata, reference, images, Path(staging), folder, num_threads, license
                )
                written = _write_all(writer, chosen, measured_with)
                if report:
                    reports.write(writer, chosen, written)
                else:
                    reports.remove(folder)  # that of earlier files
        except OSError as error:  # such as a full disk, at any point
            raise InputError(f"{folder}: cannot be written ({error.strerror or error}).") from error
        return written


def _write_all(
    writer: FileWriter, models: dict[str, Any], measured_with: dict[str, Any]
) -> list[dict[str, Any]]:
    """Writes a dict of format to functional model; returns the entries of export.json."""
    written: dict[str, dict[str, Any]] = {}
    for name, model in progress.bar(models.items(), desc="exporting", unit="file"):
        written[name] = {**writer.write(name, model), **measured_with}
        _record(writer.folder / "export.json", written)
    return list(written.values())


def _record(path: Path, written: dict[str, dict[str, Any]]) -> None:
    """Updates export.json; entries of formats that were not written now are kept."""
    try:
        entries = {entry["format"]: entry for entry in json.loads(path.read_text())["files"]}
    except (OSError, ValueError, KeyError, TypeError):  # missing, or not written by this package
        entries = {}
    entries |= written
    files = [entries[name] for name in FORMATS if name in entries]
    atomic.write_text(path, json.dumps({"files": files}, indent=2) + "\n")


def _in_float32(network: Any) -> Any:
    """The network without mixed precision, which the TFLite converter cannot read."""
    config = re.sub(r'"mixed_b?float16"', '"float32"', network.to_json())
    converted = keras.models.model_from_json(config)
    converted.set_weights(network.get_weights())
    return converted


def _choose(
    network: Any, metadata: ModelMetadata, outputs: Sequence[str] | None, variant: str
) -> Any:
    """A functional model with the chosen outputs of the network."""
    images = keras.Input((metadata.input_size, metadata.input_size, 3), name="images")
    available = network(images, training=False)
    if outputs is None:
        on_server = variant in ("saved_model", "serving")
        outputs = list(available) if on_server else ["landmarks"]
    unknown = sorted(set(outputs) - set(available))
    if unknown or "landmarks" not in outputs:
        raise UsageError(
            f"outputs {list(outputs)}: expected landmarks and any others of {list(available)}."
        )
    return keras.Model(images, {name: available[name] for name in outputs})
