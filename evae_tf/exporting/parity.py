"""Compares the outputs of an exported file and of the Keras model on crops of faces."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evae_tf import geometry
from evae_tf.array_types import FloatArray
from evae_tf.artifacts.predictors import open_model
from evae_tf.data.crops import Crops
from evae_tf.data.face import Face
from evae_tf.errors import InputError
from evae_tf.evaluation import metrics
from evae_tf.evaluation.truth import Truth

# Largest difference of a landmark coordinate, as a fraction of the crop. The loss of quantised
# files is measured by their NME; a difference above a tenth of the crop means a broken file.
TOLERANCES: dict[str, float] = {
    "saved_model": 1e-5,
    "serving": 1e-5,
    "tflite": 1e-4,
    "onnx": 1e-4,
    "tflite_fp16": 1e-3,
    **dict.fromkeys(("tflite_dynamic", "tflite_int8", "tflite_uint8"), 0.1),
}


class Reference:
    """The Keras model's outputs and the true landmarks of faces.

    Args:
      model: Keras model.
      faces: list of `Face`.
      crops: `Crops` of the faces.
      batch_size: faces per batch.

    Attributes:
      images: float32 [N, S, S, 3], RGB in [0, 1].
      normalizer: name of the normaliser: the markup's usual one, or `box_size` if a face lacks
        the points for it.
      nme: mean NME of the Keras model, as a fraction.
    """

    def __init__(self, model: Any, faces: Sequence[Face], crops: Crops, batch_size: int) -> None:
        self.images = crops.model_input()
        self._squares = crops.squares
        self._truth = Truth.of(faces)
        self.normalizer = self._truth.normalizer
        self._batch_size = batch_size
        outputs = model.predict(self.images, batch_size=batch_size, verbose=0)
        self._landmarks = outputs["landmarks"]
        self._errors = self._nme_of_faces(self._landmarks)
        self.nme = float(self._errors.mean())

    def compare(self, path: Path, variant: str, num_threads: int) -> dict[str, Any]:
        """Opens an exported file with its target runtime and compares its landmarks.

        Returns:
          dict: `parity`, the largest absolute difference in fractions of the crop; `nme`; `loss`,
          the increase of the NME over the Keras model's, relative to the latter; and their 95 %
          intervals over faces, `nme_ci95` and `loss_ci95`.

        Raises:
          InputError: the difference is larger than `TOLERANCES` or NaN.
        """
        predictor = open_model(path, num_threads)
        parts = np.split(self.images, range(self._batch_size, len(self.images), self._batch_size))
        landmarks = np.concatenate([predictor.predict(part)["landmarks"] for part in parts])
        difference = float(np.abs(landmarks - self._landmarks).max())
        tolerance = TOLERANCES.get(variant, np.inf)
        if not difference < tolerance:
            raise InputError(
                f"{variant}: landmarks differ from the Keras model's by {difference:.1e} of the "
                f"crop, expected at most {tolerance:.0e}; the file was not kept."
            )
        errors = self._nme_of_faces(landmarks)
        losses = (errors - self._errors) / self.nme  # paired by face, for narrower intervals
        return {
            "parity": difference,
            "nme": float(errors.mean()),
            "nme_ci95": list(metrics.bootstrap_ci(errors)),
            "loss": float(losses.mean()),
            "loss_ci95": list(metrics.bootstrap_ci(losses)),
        }

    def _nme_of_faces(self, landmarks: FloatArray) -> FloatArray:
        return self._truth.nme(geometry.crop_to_image(landmarks, self._squares))
