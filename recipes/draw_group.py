"""Draws a group photo of synthetic people, for `make demo`.

`python -m recipes.draw_group --output=runs/demo/group.png`
"""

from pathlib import Path

import cv2
import numpy as np
from absl import app, flags
from PIL import Image

from evae_tf import atomic, geometry, markups
from evae_tf.align.inputs import rgb_image
from evae_tf.array_types import ByteArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data import synthetic

FLAGS = flags.FLAGS
_IBUG = markups.MARKUPS["ibug_68"]
_WIDTH, _HEIGHT = 960, 540
_ROWS = ((4, 120, 160), (3, 330, 200))  # number of people, height in the image, size of the heads


def main(_: list[str]) -> None:
    """Writes the picture."""
    path = Path(FLAGS.output)
    atomic.make_folder(path.parent)
    with atomic.replacing_file(path) as temporary:
        Image.fromarray(draw()).save(temporary, "PNG")
    print(f"{sum(count for count, _, _ in _ROWS)} people drawn: {path}")


def draw() -> ByteArray:
    """Two rows of people before a wall: uint8 [540, 960, 3]."""
    y, x = np.mgrid[:_HEIGHT, :_WIDTH]
    canvas = np.stack([150 + x / 24, 140 + y / 12, 120 + (x + y) / 30], axis=-1).astype(np.uint8)
    rng, person = np.random.default_rng(4), 0
    for count, middle, size in _ROWS:
        for column in range(count):
            place = (_WIDTH * (column + 0.5) / count, middle + rng.uniform(-14, 14))
            _draw_person(canvas, person, place, size, rng)
            person += 1
    return canvas


def _draw_person(
    canvas: ByteArray,
    person: int,
    place: tuple[float, float],
    size: int,
    rng: np.random.Generator,
) -> None:
    """Draws shoulders and a head cut out of a synthetic image."""
    face, _ = synthetic.draw_face(_IBUG, (21, person), occluded=False)
    image = rgb_image(face.image)
    centre_x, centre_y, side = geometry.square_around(face.box, 0.0).tolist()
    scale = size / image.shape[0]
    clothes = tuple(rng.integers(30, 200, 3).tolist())
    left, top = round(place[0]), round(place[1])
    shoulders = (left, top + round(1.85 * side * scale))
    axes = (round(1.15 * side * scale), round(1.25 * side * scale))
    cv2.ellipse(canvas, shoulders, axes, 0, 0, 360, clothes, cv2.FILLED, cv2.LINE_AA)
    mask = np.zeros(image.shape[:2], np.uint8)
    middle = (centre_x, centre_y - 0.12 * side)
    cv2.ellipse(mask, (middle, (1.2 * side, 1.65 * side), 0), 255, cv2.FILLED)
    move = np.float64(
        [[scale, 0, place[0] - scale * centre_x], [0, scale, place[1] - scale * centre_y]]
    )
    head, shown = (
        cv2.warpAffine(each, move, (_WIDTH, _HEIGHT), flags=cv2.INTER_LINEAR)
        for each in (cv2.GaussianBlur(image, (0, 0), 0.6), mask)
    )
    canvas[shown > 127] = head[shown > 127]


if __name__ == "__main__":
    define_path("output", "runs/demo/group.png", "The picture to write.")
    app.run(main)
