"""Writes a model in each format."""

import dataclasses
import os
from pathlib import Path
from typing import Any

from evae_tf import atomic
from evae_tf.array_types import FloatArray
from evae_tf.artifacts import sidecar
from evae_tf.exporting import onnx_file, tflite, tflite_file
from evae_tf.exporting.formats import FILES
from evae_tf.exporting.parity import Reference
from evae_tf.exporting.saved_model import write_saved_model
from evae_tf.metadata import ModelMetadata
from evae_tf.serving import signatures


@dataclasses.dataclass(frozen=True)
class FileWriter:
    """Writes files one by one; each replaces the old one after its comparison has passed.

    Attributes:
      metadata: `ModelMetadata` of the model.
      reference: `Reference` that files are compared with.
      calibration_images: float32 [N, S, S, 3] for the activation ranges of int8; None if no file
        is int8.
      staging: Path of an empty folder on the disk of `folder`.
      folder: Path of the destination folder.
      num_threads: threads for TFLite files.
      terms: see `sidecar.describe`.
    """

    metadata: ModelMetadata
    reference: Reference
    calibration_images: FloatArray | None
    staging: Path
    folder: Path
    num_threads: int
    terms: str

    def write(self, name: str, model: Any) -> dict[str, Any]:
        """Writes `model` in the format `name` and returns its entry in export.json."""
        write = {"saved_model": self._saved_model, "serving": self._serving, "onnx": self._onnx}
        entry = write.get(name, self._tflite)(name, model)
        return {"format": name, **entry, "nme_keras": self.reference.nme}

    def _description(self, model: Any, pixels: str = "RGB in [0, 1]") -> dict[str, Any]:
        return sidecar.describe(self.metadata, model.output, pixels, self.terms)

    def _saved_model(self, name: str, model: Any) -> dict[str, Any]:
        with atomic.replacing_folder(self.folder / FILES[name]) as temporary:
            write_saved_model(model, temporary)
            compared = self._described(name, model, temporary)
        return {"path": FILES[name], **compared}

    def _serving(self, name: str, model: Any) -> dict[str, Any]:
        from evae_tf.serving import warm_up  # its protocol definitions come with an extra

        version = str(signatures.next_version(self.folder, self.metadata))
        with atomic.replacing_folder(self.folder / version) as temporary:
            signatures.write_signatures(model, self.metadata, temporary)
            warm_up.write_warm_up(self.metadata, temporary)
            compared = self._described(name, model, temporary)
            compared_signatures = warm_up.compare_signatures(temporary, self.metadata)
        return {"path": version, **compared, "signatures": compared_signatures}

    def _described(self, name: str, model: Any, temporary: Path) -> dict[str, Any]:
        """Writes the description of a SavedModel and compares the model."""
        description = self._description(model)
        sidecar.write_json(temporary / sidecar.SAVED_MODEL_METADATA, description)
        compared = self.reference.compare(temporary, name, self.num_threads)
        size = sum(file.stat().st_size for file in temporary.rglob("*") if file.is_file())
        return {"bytes": size, "ops": {}, **compared}

    def _tflite(self, name: str, model: Any) -> dict[str, Any]:
        is_uint8 = name == "tflite_uint8"
        content = self._converted("tflite_int8" if is_uint8 else name, model)
        if is_uint8:
            content = tflite_file.with_uint8_input(content)
        pixels = "RGB in 0..255, uint8" if is_uint8 else "RGB in [0, 1]"
        description = self._description(model, pixels)
        operations = tflite.count_ops(content)
        content = tflite_file.with_description(content, description)
        staged = self.staging / FILES[name]
        staged.write_bytes(content)
        sidecar.write_sidecar(staged, description)
        compared = self.reference.compare(staged, name, self.num_threads)
        description_file = staged.with_suffix(".json")
        # The model also describes itself: interrupted at any point, this leaves one that opens.
        (self.folder / description_file.name).unlink(missing_ok=True)
        for file in (staged, description_file):
            os.replace(file, self.folder / file.name)
        return {"path": FILES[name], "bytes": len(content), "ops": operations, **compared}

    def _onnx(self, name: str, model: Any) -> dict[str, Any]:
        content = onnx_file.convert(model)
        operations = onnx_file.count_ops(content)
        description = self._description(model)
        content = onnx_file.with_description(content, description)
        staged = self.staging / FILES[name]
        staged.write_bytes(content)
        compared = self.reference.compare(staged, name, self.num_threads)
        os.replace(staged, self.folder / staged.name)
        return {"path": FILES[name], "bytes": len(content), "ops": operations, **compared}

    def _converted(self, variant: str, model: Any) -> bytes:
        """The bytes of a TFLite file; cached, since two formats may need them."""
        converted, static = self.staging / variant, self.staging / "static"
        if not static.exists():  # traced once for all precisions
            write_saved_model(model, static, batch_size=1)
        if not converted.exists():
            converted.write_bytes(tflite.convert(static, variant, self.calibration_images))
        return converted.read_bytes()

    def compare_int8_throughout(self, model: Any) -> tuple[dict[str, Any], Path]:
        """Measures a file that is int8 down to the last operation; it is not kept.

        Returns:
          dict of an entry in export.json, and the file's Path.
        """
        content = self._converted(tflite.INT8_THROUGHOUT, model)
        path = self.staging / f"{tflite.INT8_THROUGHOUT}.tflite"
        path.write_bytes(content)
        sidecar.write_sidecar(path, self._description(model))
        compared = self.reference.compare(path, tflite.INT8_THROUGHOUT, self.num_threads)
        return {"bytes": len(content), "ops": tflite.count_ops(content), **compared}, path
