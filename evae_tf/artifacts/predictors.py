"""Opens any artefact of a trained model behind one `predict`.

TensorFlow and Keras are imported only where a model needs them: a phone-sized `.tflite` file must
not wait seconds for libraries that it does not use.
"""

import hashlib

import numpy as np

from evae_tf.artifacts import pretrained, sidecar
from evae_tf.artifacts.keras_file import load_keras_model
from evae_tf.errors import InputError, first_line
from evae_tf.metadata import ModelMetadata

_BATCH_SIZE = 64
_KINDS = "a .keras file, a SavedModel folder or a .tflite file"


def open_model(path, num_threads=1):
    """The model at `path`, ready to predict.

    Args:
      path: a `.keras` file, a SavedModel folder or a `.tflite` file; or the name of a shipped
        model, whose `.tflite` file is taken.
      num_threads: for a `.tflite` file; TensorFlow has settings of its own.

    Returns:
      An object with `metadata` (`ModelMetadata`) and `predict(images)`: float [N, S, S, 3], RGB in
      [0, 1] -> dict of float32 arrays [N, ...], such as `landmarks` [N, K, 2], crop fractions.

    Raises:
      InputError: there is no such file, or it is damaged or no model of this package.
    """
    path = pretrained.locate(path, ".tflite", ".keras")
    if not path.exists():
        raise InputError(f"{path}: there is no such model; expected {_KINDS}.")
    if path.is_dir():
        return SavedModelPredictor(path)
    if path.suffix == ".keras":
        return KerasPredictor(path)
    if path.suffix == ".tflite":
        return LiteRTPredictor(path, num_threads)
    raise InputError(f"{path}: a file of another kind; expected {_KINDS}.")


class KerasPredictor:
    """A `.keras` file; see `open_model`."""

    def __init__(self, path):
        self.model = load_keras_model(path)
        self.metadata = ModelMetadata.from_dict(self.model.metadata, str(path))

    def predict(self, images):
        images = _checked(images, self.metadata)
        return self.model.predict(images, batch_size=_BATCH_SIZE, verbose=0)


class SavedModelPredictor:
    """A SavedModel folder; see `open_model`."""

    def __init__(self, path):
        if not (path / "saved_model.pb").is_file():
            raise InputError(f"{path}: a folder without a saved_model.pb; expected a SavedModel.")
        description = path / sidecar.SAVED_MODEL_METADATA
        self.metadata = ModelMetadata.from_dict(
            sidecar.read_description(description), str(description)
        )
        import tensorflow as tf

        try:
            # The signature needs its owner kept alive, or the variables are collected.
            self._loaded = tf.saved_model.load(str(path))
            self._serve = self._loaded.signatures["serving_default"]
        except Exception as error:  # a damaged folder can fail anywhere inside TensorFlow
            reason = first_line(error)
            raise InputError(f"{path}: the SavedModel is damaged ({reason}).") from error

    def predict(self, images):
        images = _checked(images, self.metadata)
        parts = [
            {name: value.numpy() for name, value in self._serve(images=part).items()}
            for part in np.split(images, range(_BATCH_SIZE, len(images), _BATCH_SIZE))
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class LiteRTPredictor:
    """A `.tflite` file, run by LiteRT one crop at a time; see `open_model`.

    It is described by the sidecar beside it or, where that is missing, by what it carries inside.
    """

    def __init__(self, path, num_threads):
        described = path.with_suffix(".json")
        beside = described.exists()
        source = described if beside else path
        description = (
            sidecar.read_description(described) if beside else sidecar.read_description_inside(path)
        )
        self.metadata = ModelMetadata.from_dict(description, str(source))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if beside and description.get("sha256") != digest:
            raise InputError(
                f"{path}: damaged, or not the file that {described.name} describes "
                "(sha256 differs)."
            )
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=num_threads)
            self._run = self._interpreter.get_signature_runner()
            self._takes_bytes = self._interpreter.get_input_details()[0]["dtype"] is np.uint8
        except (ValueError, RuntimeError, KeyError) as error:
            reason = first_line(error)
            raise InputError(f"{path}: not a TFLite file, or damaged ({reason}).") from error

    def predict(self, images):
        images = _checked(images, self.metadata)
        if self._takes_bytes:
            images = np.rint(255 * images).astype(np.uint8)
        results = [self._run(images=image[None]) for image in images]
        return {name: np.concatenate([r[name] for r in results]) for name in results[0]}


def _checked(images, metadata):
    """`images` as float32; some runtimes abort, or answer nonsense, on another shape."""
    images = np.asarray(images, np.float32)
    expected = (metadata.input_size, metadata.input_size, 3)
    if images.shape[1:] != expected:
        raise ValueError(f"images of shape {images.shape}, expected (N, *{expected})")
    return images
