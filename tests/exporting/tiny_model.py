"""A small untrained model and noise to run it on."""

import cv2
import keras
import numpy as np

from evae_tf import markups
from evae_tf.config_text import override
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import make_face
from evae_tf.models.build import build_model
from evae_tf.presets import PRESETS

SIZE = 32
TINY = [
    *("encoder_filters=8,8,16", "decoder_filters=8,8,8", "latent_channels=4"),
    *("regressor_filters=8,8", "regressor_strides=2,2", "regressor_blocks=0,0"),
    *("regressor_bottleneck=4", "regressor_units=16", "local_channels=4"),
]


def tiny_model(path, markup="ibug_68", architecture="evae_cnn", preset="default"):
    """Saves an untrained model whose landmarks differ from face to face."""
    assignments = [f"input_size={SIZE}", f"architecture={architecture}", *TINY]
    keras.utils.set_random_seed(3)
    model = build_model(override(PRESETS[preset], assignments), markups.MARKUPS[markup])
    rng = np.random.default_rng(0)
    images = rng.random((16, SIZE, SIZE, 3), np.float32)
    for _ in range(5):
        model(images, training=True)  # updates the statistics of batch normalisation
    for weight in model.weights:
        if weight.path.endswith("head/kernel"):
            # Sharp maps and noticeable offsets.
            weight.assign((10_000 if "regressor" in weight.path else 20) * weight)
        elif weight.path.endswith("local_offsets/kernel"):  # 0 at first
            weight.assign(rng.normal(size=weight.shape))
    model.save(path)
    return path


def noise_faces(count, markup="ibug_68"):
    """Faces with images of smooth noise."""
    rng, markup = np.random.default_rng(7), markups.MARKUPS[markup]
    faces = []
    for i in range(count):
        coarse = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (90, 70), interpolation=cv2.INTER_CUBIC)
        landmarks = rng.uniform((15, 10), (75, 60), (markup.num_points, 2))
        faces.append(make_face(image, landmarks, markup=markup, subset="val", name=str(i)))
    return faces


def crops_of(faces):
    return cut_crops(faces, size=SIZE, margin=0.25).model_input()
