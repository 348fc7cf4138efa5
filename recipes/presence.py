"""Adds a presence head to a trained model, which detects crops without a face.

  python -m recipes.presence --model=runs/models/mobile_68/model.keras
    --photos=runs/detector/photos.npz --output=runs/presence/mobile_68.keras

The other weights are unchanged; a head that the model has is replaced. Positive examples are crops
of faces with correct landmarks. Negative examples are crops placed so badly that the landmarks are
wrong, backgrounds of the photos, photos without faces, and false detections. Each crop is used
twice: as it is and as cropped by the second pass.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags
from keras import layers
from tqdm import tqdm

from evae_tf import atomic, geometry
from evae_tf.align.upright import upright_squares
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.artifacts import keras_file, pretrained
from evae_tf.cli.path_flags import define_path, define_paths
from evae_tf.data.images import read_image
from evae_tf.metadata import ModelMetadata
from evae_tf.models.presence import PresenceHead
from recipes import teaching
from recipes.detector.mine import CONTEXT
from recipes.detector.photos import Photo, read

FLAGS = flags.FLAGS

_RIGHT, _WRONG = 0.06, 0.09  # mean errors over the face's side; crops between them are not used
_BACKGROUNDS = (2, 6)  # crops of a photo with faces, and of one without
_LEAST_PX = 24.0
_EPOCHS, _BATCH = 40, 64
_MOST = 6.0  # limit of inputs in training, in deviations from the mean
_LEAST_DEVIATION = 0.2  # of the median one; keeps nearly constant inputs from dominating


def main(_: list[str]) -> None:
    """Prints how well the head separates held-out crops."""
    model = keras_file.load_model(pretrained.locate(FLAGS.model, ".keras"))
    crops = Crops(model, np.random.default_rng(FLAGS.seed))
    photos = read(Path(FLAGS.photos))
    order = np.random.default_rng(FLAGS.seed).permutation(len(photos))[: FLAGS.most]
    samples = [
        sample
        for index in tqdm(order.tolist(), desc="photos", disable=None)
        for sample in crops.of_photo(photos[index])
    ]
    pictures = [path for folder in FLAGS.negatives for path in sorted(Path(folder).glob("*.png"))]
    for path in tqdm(pictures, desc="negatives", disable=None):
        samples += crops.of_negative(read_image(path))
    seen, is_face = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    unit = fitted(seen, is_face, FLAGS.seed)
    model = with_presence(model, *unit)
    output = Path(FLAGS.output)
    atomic.make_folder(output.parent)
    with atomic.replacing_file(output) as temporary:
        model.save(temporary)
    print(f"{len(is_face)} crops, {int(is_face.sum())} of them faces: {output}")


class Crops:
    """Cuts crops and runs the model on them.

    Args:
      model: an `EVAECNN`.
      rng: for the positions of the crops.
    """

    def __init__(self, model: Any, rng: np.random.Generator) -> None:
        self._see = tf.function(model.seen_by_presence, reduce_retracing=True)
        self._metadata = ModelMetadata.from_dict(model.metadata, "the model")
        self._rng = rng

    def of_photo(self, photo: Photo) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yields (inputs of the head [N, D], whether it is a face [N]) of faces and backgrounds."""
        image = read_image(photo.path)
        known = ~np.isnan(photo.landmarks).any(axis=(1, 2))
        if known.any():
            landmarks = np.repeat(photo.landmarks[known], 2, axis=0)
            squares = np.repeat(photo.squares[known], 2, axis=0)
            sides = squares[:, 2].copy()
            well = np.arange(len(squares)) % 2 == 0
            yield from self._judged(image, *self._placed(squares, well), landmarks, sides)
        squares = self._backgrounds(image, photo)
        if len(squares):
            yield from self._judged(image, squares, self._rng.normal(0, 0.3, len(squares)))

    def of_negative(self, image: ByteArray) -> Iterator[tuple[FloatArray, FloatArray]]:
        """As `of_photo`, for an image without a face in the middle."""
        middle, side = len(image) / 2 - 0.5, len(image) / CONTEXT * self._wider
        square = np.array([[middle, middle, side]], np.float32)
        yield from self._judged(image, square, self._rng.normal(0, 0.1, 1))

    @property
    def _wider(self) -> float:
        return 1 + self._metadata.crop_margin

    def _placed(self, squares: FloatArray, well: Any) -> tuple[FloatArray, FloatArray]:
        """Crops around faces: placed like a detector's where `well`, the others far off."""
        rng, count = self._rng, len(squares)
        spread = np.where(well, 0.12, 0.5)
        shift = rng.normal(0, np.where(well, 0.06, 0.35)[:, None], (count, 2))
        turned = np.where(rng.random(count) < 0.3, rng.uniform(-np.pi, np.pi, count), 0)
        angles = rng.normal(0, np.where(well, 0.15, 0.6)) + np.where(well, 0, turned)
        sides = squares[:, 2] * self._wider * np.exp(rng.normal(0, spread))
        centres = squares[:, :2] + shift * squares[:, 2:]
        return np.column_stack([centres, sides]).astype(np.float32), angles

    def _backgrounds(self, image: ByteArray, photo: Photo) -> FloatArray:
        """Squares float32 [N, 3] that no face overlaps."""
        height, width = image.shape[:2]
        known = np.concatenate([photo.squares, photo.unsure])
        squares: list[FloatArray] = []
        for _ in range(_BACKGROUNDS[not len(photo.squares)]):
            most = max(float(min(height, width)), 2 * _LEAST_PX)
            side = np.exp(self._rng.uniform(np.log(_LEAST_PX), np.log(most)))
            centre = self._rng.uniform(0, [width, height])
            apart = np.abs(known[:, :2] - centre).max(axis=1)
            if (apart > (1.3 * side + known[:, 2]) / 2).all():
                squares.append(np.array([*centre, side], np.float32))
        return np.array(squares, np.float32).reshape(-1, 3)

    def _judged(
        self,
        image: ByteArray,
        squares: FloatArray,
        angles: FloatArray,
        landmarks: FloatArray | None = None,
        sides: FloatArray | None = None,
    ) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Judges crops of both passes; without landmarks [N, 68, 2] they show no faces."""
        metadata = self._metadata
        for _ in range(2):
            crops = [
                geometry.cut_square(image, square, metadata.input_size, float(angle))
                for square, angle in zip(squares, angles, strict=True)
            ]
            pixels = np.stack(crops).astype(np.float32) / 255
            fractions, seen = (part.numpy() for part in self._see(tf.constant(pixels)))
            found = geometry.crop_to_image(fractions, squares, angles)
            errors = np.full(len(found), np.inf)
            if landmarks is not None and sides is not None:
                errors = _errors(found, landmarks, metadata.markup.name) / sides
            certain = (errors < _RIGHT) | (errors > _WRONG)
            yield seen[certain], (errors < _RIGHT)[certain].astype(np.float32)
            squares, angles = upright_squares(
                found, metadata.markup, metadata.crop_margin, metadata.face_box
            )


def _errors(found: FloatArray, landmarks: FloatArray, markup_name: str) -> FloatArray:
    """Mean distances [N] of predictions [N, K, 2] from 68 points, or from five of them."""
    if found.shape != landmarks.shape:
        landmarks = teaching.five_points(landmarks, "ibug_68")
        found = teaching.five_points(found, markup_name)
    return np.linalg.norm(found - landmarks, axis=-1).mean(axis=1)


def fitted(seen: FloatArray, is_face: FloatArray, seed: int) -> tuple[FloatArray, FloatArray]:
    """Kernel [D, 1] and bias [1] of the unit that predicts `is_face` [N] from `seen` [N, D].

    Prints the area under the ROC curve on a held-out tenth.
    """
    keras.utils.set_random_seed(seed)
    mean, deviation = seen.mean(axis=0), seen.std(axis=0)
    deviation = np.maximum(deviation, _LEAST_DEVIATION * np.median(deviation))
    standard = np.clip((seen - mean) / deviation, -_MOST, _MOST)
    held_out = np.arange(len(seen)) // 50 % 10 == 0
    unit = keras.Sequential([keras.Input(seen.shape[1:]), layers.Dense(1, "sigmoid")])
    auc = keras.metrics.AUC(num_thresholds=2000)
    unit.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=[auc])
    unit.fit(standard[~held_out], is_face[~held_out], batch_size=_BATCH, epochs=_EPOCHS, verbose=0)
    raw = (seen[held_out] - mean) / deviation
    loss, area = unit.evaluate(raw, is_face[held_out], verbose=0)
    print(f"held out: area under the ROC curve {area:.4f}, cross-entropy {loss:.4f}")
    kernel, bias = unit.get_weights()
    return kernel / deviation[:, None], bias - (mean / deviation) @ kernel


def with_presence(model: Any, kernel: FloatArray, bias: FloatArray) -> Any:
    """The model with a `PresenceHead` of these weights."""
    config = model.get_config()
    head = PresenceHead(name="presence")
    config["presence"] = keras.saving.serialize_keras_object(head)
    copy = type(model).from_config(config)
    size = model.metadata["input_size"]
    copy.build((None, size, size, 3))
    others = model.get_weights()
    if model.presence is not None:  # its weights are the last ones
        others = others[: -len(model.presence.weights)]
    copy.set_weights([*others, kernel, bias])
    return copy


if __name__ == "__main__":
    define_path("model", None, ".keras file or name of a shipped model.", required=True)
    define_path("photos", "runs/detector/photos.npz", "From `recipes.detector.photos`.")
    define_paths(
        "negatives",
        ["runs/detector/negatives_1", "runs/detector/negatives_2"],
        "From `recipes.detector.mine`.",
    )
    define_path("output", None, ".keras file to write.", required=True)
    flags.DEFINE_integer("most", 3000, "Largest number of photos.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Random seed of the crops and the head.")
    app.run(main)
