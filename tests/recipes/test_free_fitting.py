"""The fit of the head to a photo, on a ball: outline, pose, offsets, texture; then the real one."""

import numpy as np
import pytest

from recipes.free import fit as fitting
from recipes.free import head as heads
from recipes.free.camera import Camera, rotation
from recipes.free.head import Part
from recipes.free.outline import Outline
from recipes.free.skins import Unwrapping, measured_offsets
from tests.recipes.made_head import ball, camera


def hand_points(photo):
    return np.loadtxt(photo.with_suffix(".lm68.csv"), delimiter=",", skiprows=1)


@pytest.mark.parametrize("top", [0.35, -0.2])
def test_the_jaw_begins_at_the_eyes_and_its_sides_are_divided_evenly(top):
    """However the vertices divide it: here their steps double, from `top` of the radius."""
    head = ball()
    steps = np.cumsum([0, 1, 1, 1, 1, 2, 2, 2, 2])
    turn = np.arcsin(top) - (np.arcsin(top) + np.pi / 2) * steps / steps[-1]
    side = np.stack([-np.cos(turn), np.sin(turn), np.full(9, 0.05)], axis=1)
    wanted = 8 * np.concatenate([side, side[-2::-1] * [-1, 1, 1]])
    apart = np.linalg.norm(head.neutral - wanted[:, None], axis=2)
    head.points[:17] = apart.argmin(axis=1)
    x, y, _ = Outline(head).points(head.neutral)[:17].T
    eyes = head.neutral[head.points[[36, 39, 42, 45]], 1].mean()
    if top > 0:
        np.testing.assert_allclose(y[[0, 16]], eyes, atol=0.3)
    else:  # nothing is made up above the first vertex
        np.testing.assert_allclose(y[[0, 16]], 8 * top, atol=0.3)
    assert abs(x[8]) < 0.3
    along = np.degrees(np.unwrap(np.arctan2(y, x) - np.pi / 2))
    for half in (along[:9], along[8:]):
        np.testing.assert_allclose(np.diff(half), (half[-1] - half[0]) / 8, atol=2)


@pytest.mark.parametrize(
    ("yaw", "pitch"),
    [(-50, 0), (-25, 0), (0, 0), (25, 0), (50, 0), (70, 15), (-70, 15), (60, 25)],
)
def test_the_jaw_is_on_the_visible_outline(yaw, pitch):
    """Of a ball, the outline is a circle, from whichever side it is seen."""
    head = ball()
    view = camera(yaw=yaw, pitch=pitch, distance=1e4)
    jaw = Outline(head).project(head.neutral, view)[:17]
    far = jaw[:8] if yaw < 0 else jaw[9:]
    radius = np.linalg.norm(jaw - view.centre, axis=1) / view.scale
    assert (np.linalg.norm(far - view.centre, axis=1) > 0.93 * 8 * view.scale).all()
    assert radius.max() < 8.05


def test_fitting_finds_the_pose_of_a_head():
    head = ball()
    outline = Outline(head)
    true = Camera(
        rotation(20, 10, -15), outline.points(head.neutral).mean(axis=0), 90, 7.0, [90, 70]
    )
    fitted = fitting.fit(head, outline, outline.project(head.neutral, true))
    assert fitted.error < 0.02
    np.testing.assert_allclose(fitted.camera.rotation, true.rotation, atol=0.05)
    assert fitted.camera.scale == pytest.approx(7.0, rel=0.03)


def test_offsets_are_those_of_the_annotators_points():
    """Whatever the pose; what the two sides of a face do not share is left out."""
    head = ball()
    offset = np.zeros((68, 3))
    offset[27:, 1], offset[30:33, :2] = 0.1, (0, 0.3)
    offset[17:27, 1] = -0.5
    shapes = [
        Camera(rotation(yaw, 0, 8), np.zeros(3), 90, 7.0, [90, 70]).project(
            head.neutral[head.points] + offset
        )
        for yaw in (-3, 0, 3)
    ]
    found = measured_offsets(head, shapes)
    assert (found[:17] == 0).all()
    apart = found[17:27, 1].mean() - found[36:, 1].mean()  # the mean of all is the camera's
    assert apart == pytest.approx(-0.6, abs=0.05)


def test_a_texture_is_taken_from_where_the_face_is():
    """A photo that is red left of the face's middle and green right of it gives such a texture."""
    head = ball()
    outline = Outline(head)
    view = Camera(rotation(0, 0, 0), outline.points(head.neutral).mean(axis=0), 90, 7.0, [90, 90])
    fitted = fitting.fit(head, outline, outline.project(head.neutral, view))
    photo = np.zeros((180, 180, 3), np.uint8)
    middle = int(fitted.camera.project(np.array([[0, 0, 8.0]]))[0, 0])
    photo[:, :middle, 0] = photo[:, middle:, 1] = 200
    texture = Unwrapping(head).take(photo, head.neutral, fitted)
    side = len(texture)
    left, right = texture[side // 2, int(0.42 * side)], texture[side // 2, int(0.58 * side)]
    assert left[0] > 180 > 20 > left[1]
    assert right[1] > 180 > 20 > right[0]


def test_the_real_head_fits_hand_placed_points(shared_data):
    clean = shared_data / "clean"
    head = heads.load(clean / "ict_facekit" / "ict_facekit_light.npz")
    assert {Part(int(part)) for part in np.unique(head.part)} == set(Part)
    points = hand_points(clean / "webmorph_stim" / "canada_020f.webp")
    assert fitting.fit(head, Outline(head), points).error < 0.02
