"""The renderer of the free faces, on a small made-up head; its accuracy on the real one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evae_tf.data import datasets
from evae_tf.markups import MARKUPS
from recipes.free import evidence, lists
from recipes.free import fit as fitting
from recipes.free import head as heads
from recipes.free.camera import Camera, rotation
from recipes.free.head import Head, Part
from recipes.free.lists import Labelled
from recipes.free.outline import Outline
from recipes.free.skins import Unwrapping, measured_offsets
from recipes.free.tracing import Layer, Light, depths, render, unobstructed
from recipes.free.turned import Studio, relief, sample_turn

ROOT = Path(__file__).resolve().parents[2]
DAYLIGHT = Light(np.ones(3), np.zeros((3, 3)), np.zeros(3), np.array([0, 0, 1.0]), 0.0, 1.0)


def white(triangle, place):
    return np.ones((len(triangle), 3))


def camera(yaw=0.0, pitch=0.0, roll=0.0, distance=60.0):
    return Camera(rotation(yaw, pitch, roll), np.zeros(3), distance, 3.0, np.array([40.0, 44.0]))


def ball(radius=8.0, steps=48):
    """A head like a ball: a grid in the angles around (u) and down (v), seen from the front."""
    around, down = np.meshgrid(
        np.linspace(-np.pi, np.pi, steps), np.linspace(0.02, np.pi - 0.02, steps), indexing="ij"
    )
    vertices = radius * np.stack(
        [np.sin(around) * np.sin(down), np.cos(down), np.cos(around) * np.sin(down)], axis=-1
    ).reshape(-1, 3)
    uv = np.stack([around / (2 * np.pi) + 0.5, down / np.pi], axis=-1).reshape(-1, 2) * 0.999
    first = np.arange(steps * steps).reshape(steps, steps)[:-1, :-1].ravel()
    triangles = np.concatenate(
        [
            np.stack([first, first + 1, first + steps], axis=1),
            np.stack([first + 1, first + steps + 1, first + steps], axis=1),
        ]
    )
    turn = np.linspace(-np.pi / 2, np.pi / 2, 17)
    wanted = [radius * np.array([np.sin(t), -np.cos(t), 0.05]) for t in turn]
    rng = np.random.default_rng(0)
    inner = rng.normal(0, 0.3, (51, 3)) + [0, 0, 1]
    inner[16] = 0, 0, 1  # point 33 is the middle of the face
    wanted += [radius * p / np.linalg.norm(p) for p in inner]
    points = [int(((vertices - p) ** 2).sum(axis=1).argmin()) for p in wanted]
    return Head(
        neutral=vertices.astype(np.float32),
        identity=np.zeros((60, len(vertices), 3), np.float32),
        expressions=np.zeros((2, len(vertices), 3), np.float32),
        expression_names=("jawOpen", "eyeBlink_L"),
        triangles=triangles,
        part=np.zeros(len(triangles), int),
        uv=uv[triangles].astype(np.float32),
        points=np.array(points),
    )


def hand_points(photo):
    return np.loadtxt(photo.with_suffix(".lm68.csv"), delimiter=",", skiprows=1)


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


def test_the_command_renders_faces_and_their_evidence(shared_data, tmp_path):
    clean = shared_data.resolve() / "clean"
    photos = [clean / "webmorph_stim" / f"{name}.webp" for name in ("canada_003f", "canada_026f")]
    points = [hand_points(photo) for photo in photos]
    labelled = [
        Labelled(*pair, split="train", source="canada", by="hand")
        for pair in zip(photos, points, strict=True)
    ]
    lists.write(labelled, tmp_path / "photos.csv")

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
