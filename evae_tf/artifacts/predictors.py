"""Opens any file of a trained model with one `predict` interface.

TensorFlow and Keras are imported only if a model needs them: a small `.tflite` file must not wait
seconds for libraries that it does not use.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false
# Keras, TensorFlow, LiteRT and ONNX Runtime come without types.

import hashlib
import threading
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from evae_tf import arguments, extras
from evae_tf.array_types import FloatArray
from evae_tf.artifacts import pretrained, sidecar
from evae_tf.artifacts.keras_file import load_model
from evae_tf.artifacts.onnx_session import open_session
from evae_tf.artifacts.predictor import MOST_AT_ONCE, FilePredictor, Predictor
from evae_tf.errors import InputError, first_line
from evae_tf.metadata import ModelMetadata
from evae_tf.pool import Pool

_KINDS = "a .keras file, a SavedModel folder, a .tflite file or an .onnx file"


def open_model(path: str | PathLike[str], num_threads: int = 1) -> Predictor:
    """The model at `path`, ready to predict.

    Args:
      path: a `.keras` file, a SavedModel folder, a `.tflite` file or an `.onnx` file; or the name
        of a shipped model, whose `.tflite` file is used.
      num_threads: threads for a `.tflite` or `.onnx` file; TensorFlow uses its own settings.

    Raises:
      InputError: the file is missing, damaged or not a model of this package.
    """
    path = find_model(path)
    num_threads = arguments.whole_number("num_threads", num_threads)
    if path.is_dir():
        return SavedModelPredictor(path)
    if path.suffix == ".keras":
        return KerasPredictor(path)
    if path.suffix == ".onnx":
        return ONNXPredictor(path, num_threads)
    return LiteRTPredictor(path, num_threads)


def find_model(path: str | PathLike[str]) -> Path:
    """The file or folder that `open_model` would open; it is not read.

    Args:
      path: as for `open_model`.

    Raises:
      InputError: the file is missing or of another kind.
    """
    path = pretrained.locate(path, ".tflite", ".keras")
    if not path.exists():
        raise InputError(f"{path}: no such model; expected {_KINDS}.")
    if path.is_file() and path.suffix not in (".keras", ".tflite", ".onnx"):
        raise InputError(f"{path}: unknown kind of file; expected {_KINDS}.")
    return path


class KerasPredictor(FilePredictor):
    """A `.keras` file; see `open_model`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.model = load_model(path)
        self.metadata = ModelMetadata.from_dict(self.model.metadata, str(path))
        self._lock = threading.Lock()

    def _predict(self, images: FloatArray) -> dict[str, FloatArray]:
        with self._lock:  # `Model.predict` keeps its state in the model
            return self.model.predict(images, batch_size=MOST_AT_ONCE, verbose=0)


class SavedModelPredictor(FilePredictor):
    """A SavedModel folder; see `open_model`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if not (path / "saved_model.pb").is_file():
            raise InputError(f"{path}: a folder without a saved_model.pb; expected a SavedModel.")
        arguments.text_path("path", path)
        description = path / sidecar.SAVED_MODEL_METADATA
        self.metadata = ModelMetadata.from_dict(
            sidecar.read_description(description), str(description)
        )
        extras.require("tensorflow")
        import tensorflow as tf

        try:
            # Keep the owner of the signature alive; otherwise its variables are collected.
            self._loaded: Any = tf.saved_model.load(str(path))
            self._serve = self._loaded.signatures["serving_default"]
        except Exception as error:  # a damaged folder can fail anywhere in TensorFlow
            reason = first_line(error)
            raise InputError(f"{path}: the SavedModel is damaged ({reason}).") from error

    def _predict(self, images: FloatArray) -> dict[str, FloatArray]:
        return {name: value.numpy() for name, value in self._serve(images=images).items()}


class LiteRTPredictor(FilePredictor):
    """A `.tflite` file, run by LiteRT one crop at a time; see `open_model`.

    Its description is the sidecar file beside it or, if that is missing, the one inside the file.
    """

    def __init__(self, path: Path, num_threads: int) -> None:
        super().__init__(path, num_threads)
        described = path.with_suffix(".json")
        beside = described.exists()
        source = described if beside else path
        description = (
            sidecar.read_description(described) if beside else sidecar.read_description_inside(path)
        )
        self.metadata = ModelMetadata.from_dict(description, str(source))
        content = path.read_bytes()
        if beside and description.get("sha256") != hashlib.sha256(content).hexdigest():
            raise InputError(
                f"{path}: damaged, or not the file that {described.name} describes "
                "(sha256 differs)."
            )
        from ai_edge_litert.interpreter import Interpreter

        def create() -> Any:
            interpreter = Interpreter(model_content=content, num_threads=num_threads)
            return interpreter.get_signature_runner()

        try:
            self._runners = Pool(create)
            with self._runners.lend() as run:
                self._takes_bytes = run.get_input_details()["images"]["dtype"] is np.uint8
        except (ValueError, RuntimeError, KeyError) as error:
            reason = first_line(error)
            raise InputError(f"{path}: not a TFLite file, or damaged ({reason}).") from error

    def _predict(self, images: FloatArray) -> dict[str, FloatArray]:
        given = np.rint(255 * images).astype(np.uint8) if self._takes_bytes else images
        with self._runners.lend() as run:
            results = [run(images=image[None]) for image in given]
        return {name: np.concatenate([r[name] for r in results]) for name in results[0]}


class ONNXPredictor(FilePredictor):
    """An `.onnx` file, run by ONNX Runtime; see `open_model`.

    Its description is inside the file.
    """

    def __init__(self, path: Path, num_threads: int) -> None:
        super().__init__(path, num_threads)
        content = path.read_bytes()
        self._session = open_session(content, num_threads, str(path))
        properties = self._session.get_modelmeta().custom_metadata_map
        description = sidecar.parse_property(properties, content, path)
        self.metadata = ModelMetadata.from_dict(description, str(path))
        self._names = [output.name for output in self._session.get_outputs()]

    def _predict(self, images: FloatArray) -> dict[str, FloatArray]:
        outputs = self._session.run(self._names, {"images": images})
        return dict(zip(self._names, outputs, strict=True))
