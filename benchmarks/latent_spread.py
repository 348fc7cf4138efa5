"""Compares uncertainty from samples of the latent code with that of the covariance.

For each image the code z is sampled `--samples` times. The landmarks' standard deviation over the
samples is compared with the size of the covariance ellipses, by two measures: the rank correlation
of spread and error over faces, and the area under the ROC curve for separating faces from images
outside the training distribution (0.5: chance, 1: perfect). The last row combines both spreads.

  python -m benchmarks.latent_spread --model=mobile_68 --dataset=300w --data_dir=DIR
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from absl import app, flags
from keras import ops
from scipy import stats

from benchmarks.comparison.tables import markdown
from benchmarks.roc import roc_area
from evae_tf import geometry
from evae_tf.array_types import FloatArray
from evae_tf.artifacts import keras_file
from evae_tf.cli import data_flags
from evae_tf.cli.path_flags import define_path
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import Face
from evae_tf.data.images import read_image
from evae_tf.evaluation import calibration, metrics
from evae_tf.models.response_maps import soft_argmax

FLAGS = flags.FLAGS
define_path("model", "mobile_68", ".keras file of evae_cnn, or name of a shipped model.")
flags.DEFINE_integer("samples", 16, "Samples of the latent code.", lower_bound=2)

_BLUR_SHARE = 0.06  # standard deviation of the blur, as a fraction of the crop


def main(_: list[str]) -> None:
    """Prints the table."""
    model = keras_file.load_model(FLAGS.model)
    size, margin = (model.metadata[name] for name in ("input_size", "crop_margin"))
    faces = data_flags.read_faces("val")
    crops = cut_crops(faces, size=size, margin=margin)
    images = crops.model_input()
    doubts = {
        "faces": doubt(model, images),
        "upside down": doubt(model, images[:, ::-1]),
        "blurred": doubt(model, np.stack([_blurred(image) for image in images])),
        "no face": doubt(model, backgrounds(faces, size)),
    }
    landmarks = model.predict(images, verbose=0)["landmarks"]
    errors = metrics.nme(
        geometry.crop_to_image(landmarks, crops.squares),
        np.stack([face.landmarks for face in faces]),
        crops.squares[:, 2],
    )
    rows = []
    for name in ("covariance", "latent", "both"):
        spreads = {picture: values[name] for picture, values in _with_both(doubts).items()}
        correlation = stats.spearmanr(spreads["faces"], errors).statistic
        cells = [roc_area(spreads[p], spreads["faces"]) for p in doubts if p != "faces"]
        rows.append([name, f"{correlation:.2f}", *(f"{cell:.3f}" for cell in cells)])
    print(f"{FLAGS.model}, {len(faces)} faces, {FLAGS.samples} samples")
    print(markdown(["spread", "rank correlation", "upside down", "blurred", "no face"], rows))


def doubt(model: Any, images: FloatArray) -> dict[str, FloatArray]:
    """Log of the mean spread of each image's landmarks: dict of two float [N].

    Args:
      model: an `EVAECNN` with sampling and uncertainty head.
      images: float32 [N, S, S, 3], RGB in [0, 1].
    """
    covariance, latent = [], []
    for batch in np.array_split(images, max(1, len(images) // 50)):
        outputs = model(batch)
        covariance.append(calibration.spread(outputs["covariance"]).mean(axis=-1))
        draws = np.stack([_drawn(model, batch) for _ in range(FLAGS.samples)])
        latent.append(draws.std(axis=0).mean(axis=(-2, -1)))
    return {
        "covariance": np.log(np.concatenate(covariance)),
        "latent": np.log(np.concatenate(latent)),
    }


def _drawn(model: Any, images: FloatArray) -> FloatArray:
    """Landmarks [N, K, 2] for one sample of the code, otherwise as in inference."""
    evae = model.evae
    early_features, features = evae.encoder(images)
    latent, _ = evae.sampling(features, training=True)  # only the sampling depends on it
    maps, _ = evae.decoder(latent)
    offsets, _ = model.regressor(ops.concatenate([early_features, maps], axis=-1))
    first = soft_argmax(maps, evae.readout_power) if model.refine else 0.5
    return ops.convert_to_numpy(offsets + first)


def _with_both(doubts: dict[str, dict[str, FloatArray]]) -> dict[str, dict[str, FloatArray]]:
    """Adds the sum of both spreads of each image, standardised over faces."""
    usual = {name: (np.mean(v), np.std(v)) for name, v in doubts["faces"].items()}
    return {
        picture: {
            **values,
            "both": sum((v - usual[name][0]) / usual[name][1] for name, v in values.items()),
        }
        for picture, values in doubts.items()
    }


def _blurred(image: FloatArray) -> FloatArray:
    return cv2.GaussianBlur(image, (0, 0), _BLUR_SHARE * len(image))


def backgrounds(faces: Sequence[Face], size: int) -> FloatArray:
    """Crops of photo corners without faces: float32 [n, size, size, 3]."""
    found = []
    for face in faces:
        image = read_image(face.image)
        height, width = image.shape[:2]
        low, high = np.nanmin(face.landmarks, axis=0), np.nanmax(face.landmarks, axis=0)
        side = 0.4 * (high - low).max()
        for x, y in ((0, 0), (width - side, 0), (0, height - side), (width - side, height - side)):
            apart = x + side <= low[0] or x >= high[0] or y + side <= low[1] or y >= high[1]
            if apart:
                square = np.float32([x + side / 2 - 0.5, y + side / 2 - 0.5, side])
                found.append(geometry.cut_square(image, square, size))
                break
    return np.stack(found).astype(np.float32) / 255


if __name__ == "__main__":
    app.run(main)
