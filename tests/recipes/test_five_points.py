"""Five-point faces from 68-point ones."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from evae_tf import geometry, markups
from evae_tf.data import synthetic
from evae_tf.head_pose import HeadPose
from recipes import five_points

BOX_IN_TIGHT = (0.1, -0.05, 1.2)  # position of a detector's boxes


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Two synthetic faces in files: list of (68-point face, the same with five points)."""
    folder, pairs = tmp_path_factory.mktemp("photos"), []
    for index, yaw in enumerate((5, 40)):
        pair = [
            synthetic.draw_face(
                markups.MARKUPS[name], (0, 2, 8), pose=HeadPose(yaw, 0, 0), occluded=False
            )[0]
            for name in ("ibug_68", "mtfl_5")
        ]
        path = folder / f"{index}.png"
        Image.fromarray(pair[0].image).save(path)
        pairs.append([dataclasses.replace(face, image=path) for face in pair])
    return pairs


def test_points_flags_and_boxes_of_another_face_are_made(drawn):
    _, (other, other_five) = drawn
    hidden = np.arange(68) >= 42  # the right eye, and the mouth
    other = dataclasses.replace(other, visible=~hidden)
    (made,) = five_points.of_68_points([other], BOX_IN_TIGHT)
    size = geometry.box_size(other.box)
    assert np.abs(made.landmarks - other_five.landmarks).max() < 0.05 * size
    assert made.markup.name == "mtfl_5"
    assert made.visible.tolist() == [True, False, True, False, False]
    expected = geometry.box_of_landmarks(other.landmarks, BOX_IN_TIGHT)
    np.testing.assert_allclose(made.box, expected, atol=0.01 * size)


def test_a_face_that_is_listed_again_counts_once(drawn):
    (first, _), (second, _) = drawn
    again = dataclasses.replace(first, box=second.box)
    assert five_points.without_repeats([first, second, again]) == [first, second]
