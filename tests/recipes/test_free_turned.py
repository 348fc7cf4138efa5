"""Photos that are turned by the depth of the head."""

import numpy as np
import pytest

from recipes.free import fit as fitting
from recipes.free.camera import Camera, rotation
from recipes.free.tracing import Layer, depths, render
from recipes.free.turned import Studio, relief, sample_turn
from tests.recipes.made_head import DAYLIGHT, ball, camera, white


def test_a_pixel_leads_back_to_the_point_that_is_seen_there():
    head = ball()
    view = camera(yaw=35, pitch=10, roll=-20)
    points = 8 * np.array([[-0.6, 0.0, 0.8], [-0.48, 0.6, 0.64], [0, 0, 1.0]])
    depth = view.place(points)[:, 2]
    np.testing.assert_allclose(view.unproject(view.project(points), depth), points, atol=1e-9)
    skin = Layer(head.neutral, head.triangles, white)
    np.testing.assert_allclose(depths([skin], view, view.project(points)), depth, atol=0.1)
    assert np.isnan(depths([skin], view, np.array([[0.0, 0.0]]))).all()


@pytest.mark.parametrize("yaw", [0, 40])
def test_a_mark_on_a_photo_moves_with_the_surface(yaw):
    head = ball()
    ahead = Camera(rotation(0, 0, 0), np.zeros(3), 90, 7.0, np.array([90.0, 90.0]))
    place = 8 * np.array([0.3, 0.4, np.sqrt(0.75)])
    x, y = np.round(ahead.project(place)).astype(int)
    photo = np.zeros((180, 180, 3), np.uint8)
    photo[y - 2 : y + 3, x - 2 : x + 3] = 255
    layer = relief(photo, Layer(head.neutral, head.triangles, white), ahead)
    turned = camera(yaw=yaw)
    image, _ = render([layer], turned, DAYLIGHT, 80, np.random.default_rng(0))
    weight = image.sum(axis=2)
    rows, columns = np.mgrid[:80, :80]
    seen = [(columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()]
    np.testing.assert_allclose(seen, turned.project(place), atol=0.6)


@pytest.mark.parametrize("yaw", [-40, 0, 40])
def test_a_face_is_turned_away_from_the_camera_and_not_back(yaw):
    view = camera(yaw=yaw)
    found = []
    for seed in range(40):
        turn = sample_turn(view, np.random.default_rng(seed))
        found.append(np.degrees(np.arctan2(turn[0, 2], turn[2, 2])))
    if yaw:
        assert (np.sign(yaw) * np.array(found) > abs(yaw) - 8).all()
    else:
        assert min(found) < -30 and max(found) > 30
    assert max(map(abs, found)) < 75


def test_points_of_a_photo_are_kept_if_it_is_not_turned():
    """With the camera of the photo, landmarks beside the head's points come back as they were."""
    head = ball()
    view = camera(distance=90.0)
    landmarks = view.project(head.neutral[head.points]) + np.random.default_rng(0).normal(
        0, 1, (68, 2)
    )
    fitted = fitting.Fit(np.zeros(60), np.zeros(2), view, 0.0)
    studio = Studio(head, np.zeros((68, 3)), [])
    found = studio.turned_points(landmarks, head.neutral, fitted, view)
    np.testing.assert_allclose(view.project(found), landmarks, atol=0.1)
