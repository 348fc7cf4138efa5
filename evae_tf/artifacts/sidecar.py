"""Writes and reads the description of an exported model, in a file beside it or inside it."""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evae_tf.errors import InputError
from evae_tf.metadata import ModelMetadata

SAVED_MODEL_METADATA = Path("assets.extra") / "evae_tf.json"
# In the archive appended to a .tflite file, and among the properties of an .onnx file.
DESCRIPTION_INSIDE = "evae_tf.json"
LICENSE = (
    "The software is under Apache-2.0. The weights are also under the terms of the data that the "
    "model was trained on."
)


def describe(
    metadata: ModelMetadata, outputs: Iterable[str], normalization: str, terms: str = LICENSE
) -> dict[str, Any]:
    """The description that `predictors.open_model` reads, as a dict for JSON.

    Args:
      metadata: `ModelMetadata`.
      outputs: names of the exported outputs.
      normalization: the expected pixel values of `images`.
      terms: the licence of software and weights, as a sentence.
    """
    return {
        **metadata.to_dict(),
        "normalization": normalization,
        "outputs": list(outputs),
        "license": terms,
    }


def write_sidecar(path: Path, description: dict[str, Any]) -> None:
    """Writes a description beside the TFLite file `path`, with the digest of the file."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    write_json(path.with_suffix(".json"), {**description, "sha256": digest})


def write_json(path: Path, description: dict[str, Any]) -> None:
    """Writes a description to the file `path`, whose folder is created if needed."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(to_json(description), encoding="utf-8")


def to_json(description: dict[str, Any]) -> str:
    """A description as text."""
    return json.dumps(description, indent=2) + "\n"


def read_description(path: Path) -> dict[str, Any]:
    """The description of an exported model: its JSON file, as a dict.

    Raises:
      InputError: the file is missing or damaged.
    """
    try:
        record = json.loads(path.read_bytes())  # given text, json refuses a byte-order mark
    except OSError as error:
        raise InputError(f"{path}: the model's description is missing beside it.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: the model's description is damaged ({error}).") from error
    return _checked(record, path)


def read_description_inside(path: Path) -> dict[str, Any]:
    """As `read_description`, from the archive appended to a .tflite file."""
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            start = min(entry.header_offset for entry in archive.infolist())
            record = _checked(json.loads(archive.read(DESCRIPTION_INSIDE)), path)
    # A damaged archive can fail in many ways.
    except (KeyError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{path}: contains no readable description, and "
            f"{path.with_suffix('.json').name} is missing beside it."
        ) from error
    if record.get("sha256_before_description") != hashlib.sha256(content[:start]).hexdigest():
        raise InputError(f"{path}: damaged, or not the file that it describes (sha256 differs).")
    return record


def parse_property(properties: Mapping[str, str], content: bytes, path: Path) -> dict[str, Any]:
    """As `read_description`, from the properties of an .onnx file.

    Args:
      properties: the properties, name to text.
      content: the bytes of the file.
      path: the file, for messages.
    """
    try:
        record = _checked(json.loads(properties[DESCRIPTION_INSIDE]), path)
    except (KeyError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: contains no readable description of this package.") from error
    length = record.get("bytes_before_description")
    described = content[:length] if isinstance(length, int) else b""
    if record.get("sha256_before_description") != hashlib.sha256(described).hexdigest():
        raise InputError(f"{path}: damaged, or not the file that it describes (sha256 differs).")
    return record


def _checked(record: Any, path: Path) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise InputError(f"{path}: expected a JSON object that describes a model.")
    return record
