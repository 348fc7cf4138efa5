"""The renderer of the free faces, and the commands that use it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evae_tf.data import datasets
from evae_tf.markups import MARKUPS
from recipes.free import evidence, lists
from recipes.free.lists import Labelled
from recipes.free.tracing import Layer, Light, render, unobstructed
from tests.recipes.made_head import DAYLIGHT, camera, white
from tests.recipes.test_free_fitting import hand_points

ROOT = Path(__file__).resolve().parents[2]


def test_a_point_is_rendered_where_the_camera_projects_it():
    view = camera(yaw=30, pitch=-20, roll=15)
    place = np.array([3.0, 5.0, 2.0])
    corners = place + 0.4 * np.array([[1, 0, 0], [-1, 1, 0], [-1, -1, 0.5], [0, 0, 1]])
    triangles = np.array([[0, 1, 2], [0, 1, 3], [1, 2, 3], [0, 2, 3]])
    rng = np.random.default_rng(0)
    _, cover = render([Layer(corners, triangles, white)], view, DAYLIGHT, 80, rng)
    y, x = np.nonzero(cover > 0)
    weight = cover[y, x]
    seen = np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()
    np.testing.assert_allclose(seen, view.project(corners.mean(axis=0)), atol=0.6)


@pytest.mark.parametrize(
    ("angles", "nose"),
    [((90, 0, 0), (1, 0)), ((0, 90, 0), (0, -1)), ((-90, 0, 0), (-1, 0)), ((0, -90, 0), (0, 1))],
)
def test_directions_of_the_angles(angles, nose):
    """Yaw > 0: to the head's left, which is right in the picture. Pitch > 0: up."""
    view = camera(*angles)
    ahead = view.project(np.array([0, 0, 5.0])) - view.centre
    np.testing.assert_allclose(ahead / np.linalg.norm(ahead), nose, atol=1e-6)


def test_roll_is_clockwise_in_the_picture():
    view = camera(roll=90)
    up = view.project(np.array([0, 5.0, 0])) - view.centre
    np.testing.assert_allclose(up / np.linalg.norm(up), [1, 0], atol=1e-6)


def test_a_lamp_casts_a_shadow():
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.0]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    wall, blind = 9 * square, 2 * square + [0, 0, 4.0]
    slant = np.array([0.6, 0, 0.8])
    lamp = Light(np.full(3, 0.1), np.zeros((3, 3)), np.ones(3), slant, 0.0, 0.5)
    layers = [Layer(wall, triangles, white), Layer(blind, triangles, white)]
    view = camera(distance=500.0)
    image, _ = render(layers, view, lamp, 80, np.random.default_rng(0))
    # The blind's middle, moved along the light to the wall.
    x, y = np.round(view.project(np.array([-3.0, 0, 0]))).astype(int)
    beside_x, beside_y = np.round(view.project(np.array([5.0, 5, 0]))).astype(int)
    assert image[y, x].mean() < 0.4 * image[beside_y, beside_x].mean()


def test_a_point_behind_something_is_hidden():
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.0]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    wall, blind = 9 * square, 2 * square + [0, 0, 4.0]
    layers = [Layer(wall, triangles, white), Layer(blind, triangles, white)]
    points = np.array([[0, 0, 0], [5, 5, 0], [0, 0, 4], [5, 5, -3.0], [5, 5, -0.3]])
    seen = unobstructed(layers, camera(distance=500.0), points)
    assert seen.tolist() == [False, True, True, False, True]
    thin = Layer(2 * square + [0, 0, 0.3], triangles, white)  # such as a mask
    seen = unobstructed([layers[0], thin], camera(distance=500.0), points[:2])
    assert seen.tolist() == [False, True]


def test_the_command_renders_faces_and_their_evidence(shared_data, tmp_path):
    clean = shared_data.resolve() / "clean"
    photos = [clean / "webmorph_stim" / f"{name}.webp" for name in ("canada_003f", "canada_026f")]
    points = [hand_points(photo) for photo in photos]
    labelled = [
        Labelled(*pair, split="train", source="canada", by="hand")
        for pair in zip(photos, points, strict=True)
    ]
    lists.write(labelled, tmp_path / "photos.csv", teacher=evidence.TEACHER)

    def call(module, *words):
        command = [sys.executable, "-m", f"recipes.free.{module}", f"--data={clean}", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    skins, drawn = f"--skins={tmp_path / 'skins.npz'}", tmp_path / "drawn"
    call("skins", f"--photos={tmp_path / 'photos.csv'}", f"--output={tmp_path / 'skins.npz'}")
    done = call(
        "faces", skins, f"--output={drawn}", "--count=2", "--val=1", "--seed=4", "--workers=1"
    )
    assert done.returncode == 0, done.stderr

    faces = datasets.read_faces("csv", drawn / "landmarks.csv", "train", MARKUPS["ibug_68"])
    assert len(faces) == 2 and faces[0].visible is not None
    for face in faces:
        assert ((face.landmarks > -40) & (face.landmarks < 232)).all()
    assert evidence.check(drawn / "landmarks.csv", clean) == 3
    picture = (drawn / "images" / "000000.jpg").read_bytes()
    turned = tmp_path / "turned"
    listed = f"--photos={tmp_path / 'photos.csv'}"
    done = call("turned", skins, listed, f"--output={turned}", "--count=3", "--workers=1")
    assert done.returncode == 0, done.stderr
    faces = datasets.read_faces("csv", turned / "landmarks.csv", "train", MARKUPS["ibug_68"])
    assert all(((face.landmarks > -10) & (face.landmarks < 202)).all() for face in faces)
    assert evidence.check(turned / "landmarks.csv", clean) == 3
    other = call("faces", skins, f"--output={drawn}", "--count=2", "--seed=5", "--workers=1")
    assert other.returncode == 1
    assert "has pictures of other settings" in other.stderr
    again = tmp_path / "again"
    call("faces", skins, f"--output={again}", "--count=1", "--val=0", "--seed=4", "--workers=1")
    assert (again / "images" / "000000.jpg").read_bytes() == picture, "a seed is not one picture"
