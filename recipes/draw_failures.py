"""Draws docs/images/failures.jpg: where a model fails, on a drawn face, and whether it says so.

`python -m recipes.draw_failures mobile_68`. Each panel has the landmarks found, their error over
the outer eye corners, and the error that the model itself expects, from its covariance. A model
that knows its limits expects much where it fails.
"""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure

from evae_tf import geometry
from evae_tf.align.overlay import draw_landmarks
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.artifacts import keras_file
from evae_tf.data import synthetic
from evae_tf.evaluation import calibration, figures, metrics
from evae_tf.head_pose import HeadPose
from evae_tf.markups import Markup
from evae_tf.metadata import ModelMetadata

_SEED = (0, 2, 8)
_SHOWN_PX = 280
_FRONTAL = HeadPose(0, 0, 0)
_COLUMNS = 4
Situation = tuple[ByteArray, FloatArray, FloatArray]


def situations(markup: Markup) -> dict[str, Situation]:
    """Dict of a panel's title to (image, true landmarks in image pixels, box)."""

    def drawn(pose: HeadPose = _FRONTAL, occluded: bool = False) -> Situation:
        face, _ = synthetic.draw_face(markup, _SEED, pose=pose, occluded=occluded)
        return face.image, face.landmarks, face.box

    image, landmarks, box = drawn()
    small = cv2.resize(image, (22, 22), interpolation=cv2.INTER_AREA)
    size = len(image)
    wide = np.float32([box[0] - 30, box[1] - 30, box[2] + 60, box[3] + 60])
    return {
        "frontal": drawn(),
        "turned by 55 degrees": drawn(HeadPose(55, 0, 0)),
        "rolled by 90 degrees": drawn(HeadPose(0, 0, 90)),
        "upside down": drawn(HeadPose(0, 0, 180)),
        "covered in part": drawn(occluded=True),
        f"{(box[2] - box[0]) * 22 / size:.0f} pixels wide": (
            cv2.resize(small, (size, size)),
            landmarks,
            box,
        ),
        "nearly dark": (image // 12, landmarks, box),
        "box much too large": (image, landmarks, wide),
    }


def draw(model: Any) -> Figure:
    """The figure for a Keras model."""
    metadata = ModelMetadata.from_dict(model.metadata, "the model")
    panels = situations(metadata.markup)
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    grid = figure.subplots(-(-len(panels) // _COLUMNS), _COLUMNS).ravel()
    for axes, (title, (image, true, box)) in zip(grid, panels.items(), strict=True):
        square = geometry.square_around(box, metadata.crop_margin)
        crop = geometry.cut_square(image, square, metadata.input_size)
        outputs = model.predict(crop[None].astype(np.float32) / 255, verbose=0)
        eyes = metrics.normalizing_distance(
            "inter_ocular", true[None], box[None], metadata.markup
        ).item()
        found = geometry.crop_to_image(outputs["landmarks"][0], square)
        error = np.linalg.norm(found - true, axis=-1).mean() / eyes
        expected = _expected_error(outputs["covariance"][0]) * square[2] / eyes
        shown = geometry.cut_square(image, square, _SHOWN_PX)
        fractions = outputs["landmarks"][0]
        axes.imshow(draw_landmarks(shown, fractions * _SHOWN_PX - 0.5, metadata.markup))
        axes.set_title(f"{title}\nerror {100 * error:.0f} %, expected {100 * expected:.0f} %")
        axes.set_axis_off()
    return figure


def _expected_error(covariance: FloatArray) -> float:
    """Mean distance from a Gaussian's centre, for each landmark, about: its spread as a circle."""
    return float(np.sqrt(np.pi / 2) * calibration.spread(covariance).mean())


def main() -> None:
    """Writes the picture of the model named on the command line."""
    figure = draw(keras_file.load_model(sys.argv[1]))
    figures.save_figure(figure, Path(__file__).parents[1] / "docs/images/failures.jpg")


if __name__ == "__main__":
    main()
