"""Draws docs/images/failures.jpg: failures of a model on a synthetic face, with its uncertainty.

`python -m recipes.draw_failures server_68`. Each panel shows the landmarks of `Aligner` in a known
box, their error over the outer eye corners of a frontal face, and the error expected from the
model's covariance. A calibrated model expects a large error where it fails.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

from evae_tf import Aligner, geometry
from evae_tf.align.overlay import draw_landmarks
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.data import synthetic
from evae_tf.errors import InputError
from evae_tf.evaluation import calibration, figures
from evae_tf.head_pose import HeadPose
from evae_tf.markups import Markup

_SEED = (0, 2, 8)
_SHOWN_PX = 280
_FRONTAL = HeadPose(0, 0, 0)
_COLUMNS = 4
Situation = tuple[ByteArray, FloatArray, FloatArray]


def situations(markup: Markup) -> dict[str, Situation]:
    """Dict of a panel's title to (image, true landmarks in image pixels, box).

    Points hidden by a turned head are NaN: their position is unknown.
    """

    def drawn(pose: HeadPose = _FRONTAL, occluded: bool = False) -> Situation:
        face, _ = synthetic.draw_face(markup, _SEED, pose=pose, occluded=occluded)
        return face.image, face.landmarks, face.box

    def without_hidden(pose: HeadPose) -> Situation:
        face, _ = synthetic.draw_face(markup, _SEED, pose=pose, occluded=False)
        return face.image, np.where(face.visible[:, None], face.landmarks, np.nan), face.box

    image, landmarks, box = drawn()
    small = cv2.resize(image, (22, 22), interpolation=cv2.INTER_AREA)
    size = len(image)
    wide = np.float32([box[0] - 30, box[1] - 30, box[2] + 60, box[3] + 60])
    return {
        "frontal": drawn(),
        "turned by 80 degrees": without_hidden(HeadPose(80, 0, 0)),
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


def draw(aligner: Aligner) -> Figure:
    """The figure for a model."""
    panels = situations(aligner.markup)
    _, frontal, _ = panels["frontal"]
    unit = float(np.linalg.norm(frontal[36] - frontal[45]))
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    grid = figure.subplots(-(-len(panels) // _COLUMNS), _COLUMNS).ravel()
    for axes, (title, (image, true, box)) in zip(grid, panels.items(), strict=True):
        (face,) = aligner(image, boxes=[box])
        if face.covariance is None:
            raise InputError("the model has no covariance; expected one such as server_68.")
        known = geometry.annotated(true)
        error = np.linalg.norm(face.landmarks - true, axis=-1)[known].mean() / unit
        expected = _expected_error(face.covariance[known]) / unit
        square = geometry.square_around(box, aligner.predictor.metadata.crop_margin)
        shown = geometry.cut_square(image, square, _SHOWN_PX)
        places = geometry.image_to_crop(face.landmarks[None], square[None])[0] * _SHOWN_PX - 0.5
        axes.imshow(draw_landmarks(shown, places, aligner.markup))
        axes.set_title(f"{title}\nerror {100 * error:.0f} %, expected {100 * expected:.0f} %")
        axes.set_axis_off()
    return figure


def _expected_error(covariance: FloatArray) -> float:
    """Approximate mean distance from each landmark's Gaussian centre, taken as a circle."""
    return float(np.sqrt(np.pi / 2) * calibration.spread(covariance).mean())


def main() -> None:
    """Writes the figure of the model named on the command line."""
    figure = draw(Aligner.load(sys.argv[1], detector="none"))
    figures.save_figure(figure, Path(__file__).parents[1] / "docs/images/failures.jpg")


if __name__ == "__main__":
    main()
