"""Landmarks drawn on photos, read back from the pixels."""

import numpy as np
import pytest

from evae_tf import markups
from evae_tf.align import overlay

MTFL = markups.MARKUPS["mtfl_5"]


def test_landmarks_are_drawn_where_they_are():
    """The centre of each dot, computed from its pixels, is its landmark to 0.1 pixels."""
    markup = markups.Markup.from_dict({**MTFL.to_dict(), "outline": []})
    landmarks = np.float32([[50.25, 60.5], [190.75, 58], [120.4, 111.6], [70, 160], [170.1, 150.9]])
    image = np.full((200, 260, 3), 17, np.uint8)
    drawn = overlay.draw_landmarks(image, landmarks, markup)
    assert (image == 17).all()
    weight = drawn[..., 0].astype(float) - 17
    y, x = np.mgrid[:200, :260]
    far = np.ones_like(weight, bool)
    for px, py in landmarks:
        near = np.hypot(x - px, y - py) < 6
        far &= ~near
        dot = np.where(near, weight, 0)
        assert dot.sum() > 200
        centre = (dot * x).sum() / dot.sum(), (dot * y).sum() / dot.sum()
        np.testing.assert_allclose(centre, (px, py), atol=0.1)
    assert not weight[far].any()


def test_the_outline_joins_its_points():
    markup = markups.Markup.from_dict({**MTFL.to_dict(), "outline": [[0, 1]]})
    landmarks = np.float32([[20, 30], [180, 30], [100, 90], [60, 150], [140, 150]])
    drawn = overlay.draw_landmarks(np.zeros((170, 200, 3), np.uint8), landmarks, markup)
    assert drawn[30, 30:170].any(axis=1).all()
    assert not drawn[40:80].any()


def test_a_point_that_is_not_annotated_is_not_drawn():
    """The image equals that of a markup without the point and its lines."""
    landmarks = np.float32([[50, 60], [190, 58], [np.nan, np.nan], [70, 160], [170, 150]])
    image = np.full((200, 260, 3), 17, np.uint8)
    drawn = overlay.draw_landmarks(image, landmarks, MTFL)
    others = {
        **MTFL.to_dict(),
        "points": ["left_eye", "right_eye", "mouth_left", "mouth_right"],
        "flip_pairs": [],
        "outline": [[0, 1], [2, 3]],  # of the eyes and of the mouth; the others end at the nose
    }
    expected = overlay.draw_landmarks(
        image, np.delete(landmarks, 2, axis=0), markups.Markup.from_dict(others)
    )
    np.testing.assert_array_equal(drawn, expected)
    np.testing.assert_array_equal(
        overlay.draw_landmarks(image, np.full((5, 2), np.nan), MTFL), image
    )


def test_landmarks_outside_the_photo_do_no_harm():
    landmarks = np.float32([[-40, 10], [500, 20], [30, 900], [10, 10], [20, 30]])
    drawn = overlay.draw_landmarks(np.zeros((48, 64, 3), np.uint8), landmarks, MTFL)
    assert drawn.shape == (48, 64, 3)
    assert drawn.any()


@pytest.mark.parametrize("side", [3, 20, 110, 130])
def test_small_faces_are_drawn_too(side):
    markup = markups.MARKUPS["ibug_68"]
    landmarks = np.random.default_rng(0).uniform(5, 5 + side, (68, 2))
    drawn = overlay.draw_landmarks(np.zeros((140, 150, 3), np.uint8), landmarks, markup)
    assert drawn[: 5 + side, : 5 + side].any()


def test_a_small_face_can_still_be_seen():
    """A face of 30 pixels: each point is one pixel and lines are faint."""
    markup = markups.MARKUPS["ibug_68"]
    x, y = np.meshgrid(np.linspace(5, 35, 9), np.linspace(5, 35, 8))
    landmarks = np.stack([x, y], axis=-1).reshape(-1, 2)[:68].astype(np.float32)
    drawn = overlay.draw_landmarks(np.zeros((40, 41, 3), np.uint8), landmarks, markup)
    places = np.rint(landmarks).astype(int)
    expected = np.broadcast_to([240, 228, 66], (68, 3))
    np.testing.assert_array_equal(drawn[places[:, 1], places[:, 0]], expected)
    drawn[places[:, 1], places[:, 0]] = 0
    assert 0 < drawn.max() < 80
