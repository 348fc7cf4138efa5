"""68 points from meshes, and the list of labelled photos."""

import json

import numpy as np
import pytest
from PIL import Image

from evae_tf import geometry, markups
from evae_tf.data import datasets
from evae_tf.data.images import read_image
from recipes.free import (
    agreement,
    clean_photos,
    definition,
    label,
    lists,
    mesh_points,
    mesh_teacher,
)
from recipes.free.clean_photos import Photo

IBUG = markups.MARKUPS["ibug_68"]
TEACHER = "mediapipe_face_landmarks_v2.tflite"


def made_mesh(rng):
    """A mesh [478, 3] of a face 100 px wide: an oval, and points inside it at random."""
    turn = np.linspace(0, 2 * np.pi, 478)
    mesh = np.stack([50 * np.sin(turn), -70 * np.cos(turn), 0 * turn], axis=1)
    inside = rng.permutation(np.arange(11, 468))[:400]
    mesh[inside] *= rng.uniform(0.1, 0.9, (400, 1))
    mesh[mesh_points._FOREHEAD], mesh[mesh_points._CHIN] = (0, -70, 0), (0, 70, 0)
    mesh[mesh_points._EYE_CORNERS] = [[-30, -20, 5], [-10, -20, 5], [10, -20, 5], [30, -20, 5]]
    return mesh + rng.normal(0, 0.3, mesh.shape)


@pytest.fixture
def learned():
    """(meshes [N, 478, 3], landmarks [N, 68, 2], readout) where landmarks are means of points."""
    rng = np.random.default_rng(3)
    meshes = np.stack([made_mesh(rng) * rng.uniform(0.5, 2) for _ in range(12)])
    landmarks = np.zeros((12, 68, 2))
    landmarks[:, :17] = [mesh_points.jaw_of(mesh[:, :2]) for mesh in meshes]
    for point in range(17, 68):
        own = list(mesh_points._OWN.get(point, range(point, point + 60)))[:3]
        landmarks[:, point] = meshes[:, own, :2].mean(axis=1)
    return meshes, landmarks, mesh_points.learn(meshes, landmarks)


def test_the_readout_finds_what_it_learned_wherever_the_face_is(learned):
    meshes, landmarks, readout = learned
    np.testing.assert_allclose(readout.weights.sum(axis=1), 1)
    size = np.ptp(landmarks[0], axis=0).max()
    assert np.abs(readout.points(meshes[0]) - landmarks[0]).max() < 0.02 * size
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
    moved = meshes[0, :, :2] @ turn * 3 + [200, 90]
    np.testing.assert_allclose(
        readout.points(moved), readout.points(meshes[0]) @ turn * 3 + [200, 90], atol=0.01
    )


def test_a_lip_does_not_follow_the_other(learned):
    meshes, _, readout = learned
    opened = meshes[0].copy()
    lower = sorted({*mesh_points._LOWER_LIP} - {*mesh_points._UPPER_LIP})
    opened[lower] += [0, 20, 0]
    moved = readout.points(opened) - readout.points(meshes[0])
    assert np.abs(moved[[*range(49, 54), *range(61, 64)]]).max() < 1e-9
    assert moved[[57, 66], 1].min() > 1


def test_the_jaw_is_the_outermost_of_a_mesh(learned):
    """A cheek that sticks out hides the points behind it."""
    mesh = learned[0][0, :, :2].copy()
    before = mesh_points.jaw_of(mesh)
    mesh[205] = before[3] - [8, 0]
    after = mesh_points.jaw_of(mesh)
    assert before[3, 0] - after[3, 0] > 4
    assert np.abs(after[9:] - before[9:]).max() < 2
    assert before[0, 0] < before[16, 0]


@pytest.mark.parametrize("degrees", [0, 30])
def test_the_crop_of_a_tilted_face_is_that_of_the_upright_one(degrees):
    mesh = made_mesh(np.random.default_rng(1))
    level, angle = mesh_teacher.crop_of(mesh)
    tilted = np.append(geometry.rotate(mesh[:, :2], np.radians(degrees)), mesh[:, 2:], axis=1)
    square, turned = mesh_teacher.crop_of(tilted)
    assert np.degrees(turned - angle) == pytest.approx(degrees)
    assert square[2] == pytest.approx(level[2])
    assert level[2] == pytest.approx(1.5 * 140, rel=0.02)


def test_mirrored_points_come_back():
    points = np.random.default_rng(0).uniform(0, 80, (3, 68, 2))
    again = label.mirror(label.mirror(points, 81), 81)
    np.testing.assert_allclose(again, points)
    assert label.mirror(points, 81)[0, 0].tolist() == [80 - points[0, 16, 0], points[0, 16, 1]]


def test_photos_are_chosen_by_person_and_agreement(tmp_path):
    face = np.random.default_rng(0).uniform(0, 100, (68, 2))
    agreed = np.stack([face, face + 0.5])
    apart = np.stack([face, face + 5])
    photos, views = [], {}
    for person, found in (
        *(("london_001", agreed), ("london_003", agreed), ("pif_1", agreed), ("pif_2", apart)),
    ):
        image = tmp_path / f"{person}.png"
        Image.new("RGB", (9, 7), (len(photos), 0, 0)).save(image)
        photos.append(Photo(image, person.split("_")[0], person, False))
        views[image] = found
    pointed = {photos[0].image: face + 9}
    kept = label.chosen(photos, pointed, views)
    assert [each.image.stem for each in kept] == ["london_001", "pif_1"]
    pointed[photos[1].image] = face
    kept = label.chosen(photos, pointed, views)
    assert [each.split for each in kept] == ["train", "val", "train"]
    np.testing.assert_allclose(kept[0].landmarks, face + 9)
    np.testing.assert_allclose(kept[2].landmarks, face + 0.25)

    lists.write(kept, tmp_path / "list" / "landmarks.csv", teacher="ab")
    (read,) = datasets.read_faces("csv", tmp_path / "list" / "landmarks.csv", "val", IBUG)
    np.testing.assert_allclose(read.landmarks, face, atol=1e-3)
    assert read.attributes == {"source": "london", "by": "hand"}
    evidence = json.loads((tmp_path / "list" / "evidence.json").read_text())
    assert evidence["teacher"] == "ab"
    assert evidence["pictures"][str(photos[2].image)] == {
        "sha256": lists.sha256(photos[2].image),
        "source": "pif",
    }


def test_real_photos_are_labelled(shared_data):
    """A few held-out people, with a readout of a few others."""
    clean = shared_data / "clean"
    teacher = mesh_teacher.MeshTeacher(shared_data.parent / "peers" / TEACHER)
    frontal = definition.points_of_head(clean / "ict_facekit" / "ict_facekit_light.npz")
    photos = [photo for photo in clean_photos.read(clean) if photo.pointed]
    known = [photo for photo in photos if not photo.held_out][::4]
    held_out = [photo for photo in photos if photo.held_out][::5]
    hand = {photo.image: label.hand_landmarks(photo, frontal) for photo in known + held_out}
    meshes = {image: teacher.meshes(read_image(image)) for image in hand}
    readout = label.learn(known, hand, meshes)
    views = {image: label.landmarks(mesh, readout) for image, mesh in meshes.items()}
    errors = [agreement.error(views[p.image].mean(axis=0), hand[p.image]) for p in held_out]
    assert np.mean(errors) < 0.02
    assert max(agreement.spread(each) for each in views.values()) < 0.01
