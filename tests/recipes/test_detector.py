"""The face detector's tiles, targets and loss."""

import numpy as np
import pytest
from keras import ops
from PIL import Image

from evae_tf import geometry, markups
from evae_tf.align.detectors.tflite import TfliteDetector, decoded
from evae_tf.data import synthetic
from recipes import teaching
from recipes.detector import export, mosaic, network, photos
from recipes.detector.canvas import LEAST_PX, TILE_PX, Canvas

IBUG = markups.MARKUPS["ibug_68"]


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """Two synthetic people and an image without faces, written and read again."""
    folder, made = tmp_path_factory.mktemp("photos"), []
    for who in range(2):
        face, _ = synthetic.draw_face(IBUG, (5, who), occluded=False)
        path = folder / f"{who}.png"
        Image.fromarray(face.image).save(path)
        landmarks = face.landmarks[None]
        square = geometry.square_around(geometry.landmark_box(landmarks), 0.0)
        five = teaching.five_points(landmarks, "ibug_68").astype(np.float32)
        made.append(photos.Photo(path, square, five, landmarks, np.zeros((0, 3), np.float32)))
    empty = np.full((120, 160, 3), 200, np.uint8)
    Image.fromarray(empty).save(folder / "empty.png")
    none = [np.zeros((0, *shape), np.float32) for shape in ((3,), (5, 2), (68, 2), (3,))]
    made.append(photos.Photo(folder / "empty.png", *none))
    photos.write(made, folder / "photos.npz")
    return photos.read(folder / "photos.npz")


def test_faces_of_a_tile_are_where_it_says(listed):
    """The five points are in the square of their face; eyes are darker than their surroundings."""
    rng, tiles = np.random.default_rng(0), mosaic.Mosaics(listed)
    drawn = [tiles.draw(rng) for _ in range(40)]
    assert {len(tile.squares) > 0 for tile in drawn} == {True, False}
    for tile in drawn:
        assert tile.image.shape == (TILE_PX, TILE_PX, 3)
        for (x, y, side), five in zip(tile.squares, tile.five, strict=True):
            assert 0.9 * LEAST_PX <= side <= 400
            assert (np.abs(five - [x, y]) < 0.75 * side).all()


BLACK = np.zeros((TILE_PX, TILE_PX, 3), np.uint8)
UNMOVED = np.float64([[1, 0, 0], [0, 1, 0]])


def pasted(*squares):
    """A canvas that shows one photo with these faces, and the faces."""
    squares, no_squares = np.float32(squares), np.zeros((0, 3), np.float32)
    count = len(squares)
    photo = photos.Photo(
        "", squares, np.zeros((count, 5, 2)), np.zeros((count, 68, 2)), no_squares
    )  # fmt: skip
    canvas = Canvas(BLACK.copy())
    canvas.paste(np.full_like(BLACK, 128), photo, UNMOVED)
    return canvas, squares


def test_what_is_covered_does_not_count():
    """A face under another photo does not count; one half visible is ignored."""
    canvas, squares = pasted([200, 100, 60], [50, 100, 60], [110, 100, 60])
    canvas.paste_background(BLACK[:, :100], UNMOVED)
    counted, _, unsure = canvas.visible()
    np.testing.assert_array_equal(counted, squares[[0, 2]])
    assert len(unsure) == 0
    canvas.paste_background(BLACK[:, :115], UNMOVED)
    counted, _, unsure = canvas.visible()
    np.testing.assert_array_equal(counted, squares[:1])
    np.testing.assert_array_equal(unsure, squares[2:])


def test_the_inside_of_a_large_face_is_not_background():
    """A tile inside a face of 900 pixels shows an eighth of it."""
    canvas, squares = pasted([160, 160, 900])
    counted, _, unsure = canvas.visible()
    assert len(counted) == 0
    np.testing.assert_array_equal(unsure, squares)


def test_a_part_of_a_photo_is_pasted_where_the_photo_would_be(listed):
    """A part shows the same pixels, and its faces are those of the whole photo."""
    photo = listed[0]
    image = np.asarray(Image.open(photo.path))
    move = np.float64([[0.9, 0, 20], [0, 0.9, 30]])
    whole, part = Canvas(BLACK.copy()), Canvas(BLACK.copy())
    whole.paste(image, photo, move)
    part.paste(image, photo, move, photo.squares[0] * [1, 1, 0.8])
    x, y, side = photo.moved(move).squares[0]
    low = [int(centre - 0.3 * side) for centre in (y, x)]
    inside = tuple(slice(start, start + int(0.6 * side)) for start in low)
    difference = whole.image[inside].astype(int) - part.image[inside]
    assert np.abs(difference).mean() < 0.5 < 5 < whole.image[inside].std()
    assert (part.image == 0).mean() > (whole.image == 0).mean()
    np.testing.assert_array_equal(part.photos[0].five, whole.photos[0].five)


@pytest.mark.parametrize("shape", [(200, 500), (300, 240)])
def test_a_background_covers_the_tile_whichever_way_it_is_turned(shape):
    photo = np.full((*shape, 3), 255, np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(60):
        canvas = Canvas(BLACK.copy())
        canvas.paste_background(photo, mosaic._anywhere(photo, rng))
        assert (canvas.image > 0).mean() > 0.85  # a tilt of a few degrees frees the corners


@pytest.mark.parametrize(("place", "cell"), [(103.4, 25), (103.6, 26), (-0.4, 0), (319.4, 79)])
def test_the_cell_of_a_centre_holds_it(place, cell):
    """Pixel i reaches from i - 0.5 to i + 0.5; a cell has four pixels."""
    squares = np.float32([[place, 60, 20]])
    tile = mosaic.Tile(BLACK, squares, np.zeros((1, 5, 2)), squares[:0])
    label = network.targets(tile)[15, :, 0]
    assert np.flatnonzero(label == 1).tolist() == [cell]


def test_what_the_network_is_to_say_is_read_back_as_the_faces():
    squares = np.float32([[60, 80, 20], [200.5, 150.2, 130]])
    five = np.stack([square[:2] + square[2] * np.float32([[-0.2, -0.3]] * 5) for square in squares])
    tile = mosaic.Tile(BLACK, squares, five, squares[:0])
    target = network.targets(tile)
    np.testing.assert_allclose(target[..., 2].sum(), len(squares), rtol=1e-5)
    rows = decoded(target[..., 0], target[..., 3:], 0.9)
    order = np.argsort(rows[:, 0])
    found = geometry.square_around(rows[order, :4], 0.0)
    np.testing.assert_allclose(found, squares[[0, 1]], atol=1e-3)
    np.testing.assert_allclose(rows[order, 4:14].reshape(-1, 5, 2), five, atol=1e-3)


def test_what_may_be_a_face_is_not_learned():
    unsure = np.float32([[100, 100, 40]])
    tile = mosaic.Tile(BLACK, unsure[:0], np.zeros((0, 5, 2)), unsure)
    counts = network.targets(tile)[..., 1]
    assert (counts[21:29, 21:29] == 0).all()
    assert counts.sum() == counts.size - 100


def test_the_focal_loss_is_that_of_its_formula():
    logits, likely = np.float32([2.0, -1.0, 0.5]), np.float32([1.0, 0.0, 0.8])
    p = 1 / (1 + np.exp(-logits))
    expected = [
        -np.log(p[0]) * (1 - p[0]) ** 2,
        -np.log(1 - p[1]) * p[1] ** 2,
        -np.log(1 - p[2]) * p[2] ** 2 * 0.2**4,
    ]
    np.testing.assert_allclose(network.focal(ops.array(logits), likely), expected, rtol=1e-5)


def test_the_file_says_what_the_network_says(tmp_path):
    """On images of two sizes in turn: doubled maps must not have a constant size."""
    model = network.build()
    export.write(model, tmp_path / "detector.tflite")
    detector = TfliteDetector(tmp_path / "detector.tflite")
    for shape in ((1, 64, 96, 3), (1, 160, 128, 3)):
        images = np.random.default_rng(1).uniform(0, 1, shape).astype(np.float32)
        true = model(images)
        with detector._networks.lend() as run:
            centres, places = run(images)
        np.testing.assert_allclose(centres, ops.sigmoid(true["centres"])[0, ..., 0], atol=1e-5)
        np.testing.assert_allclose(places, true["geometry"][0], atol=1e-4)
