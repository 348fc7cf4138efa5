"""Draws docs/images/aligned.jpg: landmarks of server_68 and their uncertainty.

`python -m recipes.draw_aligned`. The faces are matplotlib's public-domain portrait and synthetic.
"""

from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
from PIL import Image

from evae_tf import Aligner, atomic, geometry, markups
from evae_tf.align.overlay import draw_faces
from evae_tf.array_types import ByteArray
from evae_tf.data import synthetic
from evae_tf.data.images import read_image
from evae_tf.head_pose import HeadPose

_IBUG = markups.MARKUPS["ibug_68"]
_SHOWN_PX = 300
_POSES = (HeadPose(0, 0, 0), HeadPose(30, -5, 8), HeadPose(-40, 10, -15))


def _portrait(aligner: Aligner) -> ByteArray:
    photo = read_image(Path(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    (face,) = aligner(photo)
    square = geometry.square_around(face.box, 0.7)
    image = geometry.cut_square(photo, square, _SHOWN_PX)
    landmarks = geometry.image_to_crop(face.landmarks, square) * _SHOWN_PX - 0.5
    box = geometry.landmark_box(landmarks)
    return draw_faces(image, aligner(image, boxes=[box]), ["points", "ellipses"])


def main() -> None:
    """Writes the picture."""
    aligner = Aligner.load("server_68")
    panels = [_portrait(aligner)]
    for index, pose in enumerate(_POSES):
        face, _ = synthetic.draw_face(_IBUG, (0, 2, 8 + index), pose=pose, occluded=False)
        scale = _SHOWN_PX / len(face.image)
        image = cv2.resize(face.image, (_SHOWN_PX, _SHOWN_PX), interpolation=cv2.INTER_CUBIC)
        box = (face.box + 0.5) * scale - 0.5
        panels.append(draw_faces(image, aligner(image, boxes=[box]), ["points", "ellipses"]))
    target = Path(__file__).parents[1] / "docs/images/aligned.jpg"
    with atomic.replacing_file(target) as temporary:
        Image.fromarray(np.concatenate(panels, axis=1)).save(temporary, quality=90)


if __name__ == "__main__":
    main()
