"""One pass of the landmark model: crops in, outputs in image pixels out; and the mean of passes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from evae_tf import geometry
from evae_tf.array_types import BoolArray, ByteArray, FloatArray, IndexArray
from evae_tf.artifacts.predictors import Predictor
from evae_tf.metadata import ModelMetadata

_ACROSS = np.array([[1, -1], [-1, 1]], np.float32)  # signs of a mirrored covariance


@dataclasses.dataclass(frozen=True)
class ModelPass:
    """Model outputs for one crop per face, in the frame of the images.

    Attributes:
      landmarks: float [N, K, 2], image pixels.
      further: dict of `covariance` [N, K, 2, 2], squared image pixels, and `visibility` [N, K], if
        the model has them.
      presence: float [N], probability of a face, or None if the model does not output it.
    """

    landmarks: FloatArray
    further: dict[str, FloatArray]
    presence: FloatArray | None = None

    @classmethod
    def through(
        cls,
        predictor: Predictor,
        images: Sequence[ByteArray],
        squares: FloatArray,
        angles: FloatArray,
        *,
        mirrored: bool = False,
    ) -> "ModelPass":
        """Crops the squares and runs the model.

        Args:
          predictor: the model.
          images: uint8 [H, W, 3] each, N.
          squares: float [N, 3], image pixels.
          angles: float [N], radians.
          mirrored: whether the model gets mirrored crops; the outputs are those for the images.
        """
        size = predictor.metadata.input_size
        crops = [
            geometry.cut_square(image, square, size, float(angle))
            for image, square, angle in zip(images, squares, angles, strict=True)
        ]
        inputs = np.stack(crops).astype(np.float32) / 255
        if mirrored:
            outputs = _mirrored(predictor.predict(inputs[:, :, ::-1]), predictor.metadata)
        else:
            outputs = predictor.predict(inputs)
        landmarks = geometry.crop_to_image(outputs["landmarks"], squares, angles)
        further = {name: outputs[name] for name in ("covariance", "visibility") if name in outputs}
        if "covariance" in further:
            further["covariance"] = geometry.covariance_to_image(
                further["covariance"], squares, angles
            )
        return cls(landmarks, further, outputs.get("presence"))

    def replace(self, indices: IndexArray, other: "ModelPass", picked: BoolArray) -> None:
        """Copies the `picked` faces of another pass to `indices` of this one."""
        self.landmarks[indices] = other.landmarks[picked]
        for name, values in self.further.items():
            values[indices] = other.further[name][picked]


def _mirrored(outputs: dict[str, FloatArray], metadata: ModelMetadata) -> dict[str, FloatArray]:
    """Outputs for mirrored crops, as those for the crops."""
    order = metadata.markup.flip_permutation
    found = {name: values for name, values in outputs.items() if name == "presence"}
    found["landmarks"] = outputs["landmarks"][:, order] * np.array([-1, 1], np.float32)
    # The model's own shift to one side points to the other side now.
    found["landmarks"][..., 0] += 1 + 2 * (metadata.side_shift or 0.0)
    if "covariance" in outputs:
        found["covariance"] = outputs["covariance"][:, order] * _ACROSS
    if "visibility" in outputs:
        found["visibility"] = outputs["visibility"][:, order]
    return found


def mean_pass(passes: Sequence[ModelPass], counts: Sequence[BoolArray | bool]) -> ModelPass:
    """The mean of passes over the same faces.

    Points are weighted by their inverse variances, if the model has them.

    Args:
      passes: at least one.
      counts: for each pass, the faces that it counts for: bool [N, 1], or one bool for all. At
        least one pass counts for each face.
    """
    weights = [counting / _variance(found) for found, counting in zip(passes, counts, strict=True)]
    total = np.sum(weights, axis=0)

    def mean(arrays: Sequence[FloatArray]) -> FloatArray:
        wide = (1,) * (arrays[0].ndim - 2)
        shares = [(weight / total).reshape(*total.shape, *wide) for weight in weights]
        parts = [share * array for share, array in zip(shares, arrays, strict=True)]
        return np.stack(parts).sum(axis=0).astype(np.float32)

    return ModelPass(
        mean([found.landmarks for found in passes]),
        {name: mean([found.further[name] for found in passes]) for name in passes[0].further},
    )


def _variance(found: ModelPass) -> FloatArray:
    """Variance of each landmark, float [N, K]; 1 if the model has no covariance."""
    if "covariance" not in found.further:
        return np.ones(found.landmarks.shape[:2], np.float32)
    return np.trace(found.further["covariance"], axis1=-2, axis2=-1)
