"""The pixel convention by hand, and square crops against a bilinear sample written out here."""

import numpy as np
import pytest

from evae_tf import geometry


def test_one_based_files():
    np.testing.assert_array_equal(geometry.from_one_based([[1, 1], [3.5, 2]]), [[0, 0], [2.5, 1]])
    points = np.random.default_rng(0).uniform(-5, 90, (2, 5, 2)).astype(np.float32)
    back = geometry.to_one_based(geometry.from_one_based(points))
    np.testing.assert_allclose(back, points, atol=1e-5)


def test_fractions_of_four_pixels():
    """Four pixels: centres at 1/8, 3/8, 5/8 and 7/8, edges at 0 and 1."""
    fractions = np.array([0, 1 / 8, 3 / 8, 7 / 8, 1])
    pixels = np.array([-0.5, 0, 1, 3, 3.5])
    np.testing.assert_allclose(geometry.fraction_to_pixel(fractions, 4), pixels)
    np.testing.assert_allclose(geometry.pixel_to_fraction(pixels, 4), fractions)


def test_boxes_worked_by_hand():
    landmarks = np.float32([[[4, 9], [7, 5], [5, 8]], [[-1, 0], [2, 16], [0, 3]]])
    boxes = geometry.landmark_box(landmarks)
    np.testing.assert_array_equal(boxes, [[4, 5, 7, 9], [-1, 0, 2, 16]])
    np.testing.assert_allclose(geometry.box_diagonal(boxes), [5, np.sqrt(9 + 256)])
    np.testing.assert_allclose(geometry.box_size(boxes), [np.sqrt(12), np.sqrt(48)])
    square = geometry.square_around(boxes, margin=0.25)
    np.testing.assert_allclose(square, [[5.5, 7, 5], [0.5, 8, 20]])


def test_where_boxes_lie_is_found_and_put_back():
    landmarks = np.float32([[[10, 20], [30, 60]], [[0, 0], [10, 5]], [[5, 5], [6, 25]]])
    tight = geometry.landmark_box(landmarks)
    assert geometry.relative_box(tight, landmarks) == geometry.TIGHT_BOX
    # Twice as large as the tight ones; their centres are a tenth of a longer side to the left.
    boxes = np.float32([[-4, 0, 36, 80], [-6, -2.5, 14, 7.5], [2.5, -5, 4.5, 35]])
    x, y, scale = geometry.relative_box(boxes, landmarks)
    assert (x, y, scale) == pytest.approx((-0.1, 0.0, 2.0), abs=1e-4)
    found = geometry.box_of_landmarks(landmarks, (x, y, scale))
    np.testing.assert_allclose(found, boxes, atol=1e-3)
    np.testing.assert_array_equal(geometry.box_of_landmarks(landmarks), tight)


def test_boxes_leave_out_points_that_are_not_annotated():
    nan = np.nan
    landmarks = np.float32(
        [[[4, 9], [nan, nan], [5, 8]], [[nan, nan], [2, 16], [-1, 3]], [[nan, nan]] * 3]
    )
    boxes = geometry.landmark_box(landmarks)
    np.testing.assert_array_equal(boxes, [[4, 8, 5, 9], [-1, 3, 2, 16], [nan] * 4])
    np.testing.assert_array_equal(geometry.box_of_landmarks(landmarks[:2]), boxes[:2])
    wider = boxes[:2] + np.float32([[-0.5, -0.5, 0.5, 0.5], [-6.5, -6.5, 6.5, 6.5]])
    assert geometry.relative_box(wider, landmarks[:2]) == (0.0, 0.0, 2.0)


def test_the_square_of_the_whole_image_has_the_image_s_own_fractions():
    """An image of 64 pixels covers -0.5 to 63.5: its middle is 31.5."""
    square = np.float32([31.5, 31.5, 64])
    points = np.float32([[-0.5, 63.5], [0, 31.5], [16, 63]])
    expected = [[0, 1], [0.5 / 64, 0.5], [16.5 / 64, 63.5 / 64]]
    np.testing.assert_allclose(geometry.image_to_crop(points, square), expected, atol=1e-6)


def test_image_to_crop_and_back_for_a_batch():
    rng = np.random.default_rng(1)
    points = rng.uniform(-50, 3000, (3, 5, 2)).astype(np.float32)
    squares = np.float32([[100, 90, 37.5], [1500, 800, 900], [-3, 5, 64]])
    fractions = geometry.image_to_crop(points, squares)
    assert fractions.shape == (3, 5, 2)
    np.testing.assert_allclose(geometry.crop_to_image(fractions, squares), points, atol=1e-3)
    by_one = geometry.image_to_crop(points[1], squares[1])
    np.testing.assert_array_equal(fractions[1], by_one)


def _textured(height, width):
    """A smooth image of three different channels."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 3.1) * np.cos(y / 4.3), np.sin((x + 2 * y) / 7.7), np.cos(x / 5 - y / 9)]
    return np.uint8(np.rint(127.5 + 100 * np.stack(waves, axis=-1)))


def _bilinear(image, x, y):
    """The four neighbours of (x, y) weighted by hand; black outside."""
    height, width, channels = image.shape
    value = np.zeros(channels)
    for column in (int(np.floor(x)), int(np.floor(x)) + 1):
        for row in (int(np.floor(y)), int(np.floor(y)) + 1):
            if 0 <= column < width and 0 <= row < height:
                weight = (1 - abs(x - column)) * (1 - abs(y - row))
                value += weight * image[row, column]
    return value


@pytest.mark.parametrize("square", [(30.2, 25.9, 20), (31.5, 23.5, 31.3), (3, 44, 45.1)])
def test_cut_square_is_a_bilinear_sample(square):
    """Magnified, nearly as it is, and shrunk with two sides outside the image."""
    image, size = _textured(48, 64), 24
    crop = geometry.cut_square(image, np.float32(square), size)
    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8
    fractions = (np.arange(size) + 0.5) / size
    grid = np.stack(np.meshgrid(fractions, fractions), axis=-1)
    positions = geometry.crop_to_image(grid.reshape(1, -1, 2), np.float32([square]))[0]
    expected = np.array([_bilinear(image, x, y) for x, y in positions]).reshape(size, size, 3)
    # OpenCV rounds positions to 1/32 of a pixel, and this image rises by 40 a pixel.
    assert np.abs(crop - expected).max() <= 2
    assert np.abs(crop - expected).mean() < 0.6


@pytest.mark.parametrize("first_column", [48, 51])  # the crop's blocks need not meet ours
def test_cut_square_shrinks_by_the_mean_of_each_block(first_column):
    y, x = np.mgrid[:160, :224]
    image = np.uint8(np.rint(np.stack([x, y + 50, 250 - (x + y) / 2], axis=-1)))
    # 128 pixels from the left edge of `first_column` and the upper edge of row 16 on, to 16.
    square = np.float32([first_column - 0.5 + 64, 16 - 0.5 + 64, 128])
    crop = geometry.cut_square(image, square, 16)
    blocks = image[16:144, first_column:][:, :128].reshape(16, 8, 16, 8, 3).mean(axis=(1, 3))
    assert np.abs(crop - blocks).max() <= 1


@pytest.mark.parametrize("step", [2.0, 3.3, 8.0])
def test_cut_square_averages_noise_away_instead_of_picking_pixels(step):
    image = np.random.default_rng(2).integers(0, 256, (400, 460, 3), np.uint8)
    crop = geometry.cut_square(image, np.float32([230, 200, 48 * step]), 48)
    assert crop.std() < 1.05 * image.std() / int(step)
    assert crop.mean() == pytest.approx(image.mean(), abs=2)


SIZE = 48


def _blob(height, width, centre, sigma):
    y, x = np.mgrid[:height, :width]
    squared = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    blob = np.rint(250 * np.exp(-squared / (2 * sigma**2))).astype(np.uint8)
    return np.repeat(blob[..., None], 3, axis=-1)


def _centroid_fraction(crop):
    weights = crop[..., 0] / crop[..., 0].sum(dtype=np.float64)
    position = (np.arange(len(crop)) + 0.5) / len(crop)
    return np.array([weights.sum(axis=0) @ position, weights.sum(axis=1) @ position])


@pytest.mark.parametrize("step", [0.5, 1.0, 1.7, 2.0, 3.3, 8.0])
@pytest.mark.parametrize("place", ["inside", "over the corner"])
def test_what_is_seen_lies_where_image_to_crop_says(step, place):
    """A blob stays within 1/25 of a crop pixel of its place, from magnified to shrunk 8 times."""
    side, sigma = step * SIZE, max(2.0, 2.5 * step)
    height, width = int(1.6 * side) + 41, int(2.1 * side) + 30
    if place == "inside":
        centre = np.array([0.45 * width + 0.3, 0.5 * height - 0.4])
        middle = centre + (0.13 * side, -0.11 * side)
    else:
        centre = np.array([0.3 * side + 0.37, 0.3 * side - 0.21])
        middle = centre + (-0.05 * side, 0.07 * side)  # reaches 0.25 side out to the left
    square = np.float32([*middle, side])
    crop = geometry.cut_square(_blob(height, width, centre, sigma), square, SIZE)
    expected = geometry.image_to_crop(centre[None], square)[0]
    error_px = (_centroid_fraction(crop) - expected) * SIZE
    assert np.abs(error_px).max() < 0.04


@pytest.mark.parametrize("degrees", [-160, -30, 45, 90])
@pytest.mark.parametrize("step", [0.5, 1.7, 3.3])
def test_what_a_turned_square_shows_lies_where_crop_to_image_says(step, degrees):
    side, angle = step * SIZE, np.radians(degrees)
    middle = np.array([0.9 * side + 20.3, 0.8 * side + 15.6])
    fraction = np.array([0.62, 0.41])
    square = np.float32([*middle, side])
    (centre,) = geometry.crop_to_image(fraction[None], square, angle)
    assert np.linalg.norm(centre - middle) == pytest.approx(0.15 * side, rel=1e-4)
    image = _blob(int(1.7 * side) + 30, int(1.9 * side) + 40, centre, max(2.0, 2.5 * step))
    crop = geometry.cut_square(image, square, SIZE, angle)
    assert np.abs((_centroid_fraction(crop) - fraction) * SIZE).max() < 0.06


def test_a_positive_angle_turns_from_x_towards_y():
    turned = geometry.rotate(np.float32([[[1, 0], [0, 2]]]), np.float32([np.pi / 2]))
    np.testing.assert_allclose(turned, [[[0, 1], [-2, 0]]], atol=1e-6)


@pytest.mark.parametrize("side", [40, 90])
def test_an_image_of_any_width_is_cut(side):
    """OpenCV itself stops at 32,767 pixels."""
    photo = np.random.default_rng(0).integers(0, 256, (100, 400, 3), dtype=np.uint8)
    wide = np.zeros((100, 40000, 3), np.uint8)
    wide[:, 35000:35400] = photo
    cut = geometry.cut_square(wide, np.float32([35200, 50, side]), 32, 0.3)
    expected = geometry.cut_square(photo, np.float32([200, 50, side]), 32, 0.3)
    np.testing.assert_array_equal(cut, expected)


def test_a_square_outside_the_image_is_black():
    image = np.full((40, 60, 3), 200, np.uint8)
    for square in [(-900, 20, 300), (30, 900, 300), (500, 500, 20), (-40, -40, 30)]:
        assert not geometry.cut_square(image, np.float32(square), 16).any()


@pytest.mark.parametrize("side", [24, 200])
def test_what_lies_outside_the_image_is_black_and_the_rest_is_not(side):
    image = np.full((300, 300, 3), 200, np.uint8)
    square = np.float32([-0.5, 150, side])  # its left half lies outside
    crop = geometry.cut_square(image, square, 24)
    assert not crop[:, :11].any()
    assert (crop[:, 13:] == 200).all()


def test_jittered_boxes_keep_their_shape_and_stay_within_the_stated_bounds():
    rng = np.random.default_rng(3)
    corner, extent = rng.uniform(0, 500, (400, 2)), rng.uniform(20, 300, (400, 2))
    boxes = np.concatenate([corner, corner + extent], axis=1).astype(np.float32)
    jittered = geometry.jitter_boxes(boxes, seed=20260)
    assert jittered.dtype == np.float32
    scale = (jittered[:, 2:] - jittered[:, :2]) / extent
    np.testing.assert_allclose(scale[:, 0], scale[:, 1], rtol=1e-3)
    assert 0.849 < scale.min() < 0.86
    assert 1.14 < scale.max() < 1.151
    middle = (jittered[:, :2] + jittered[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2
    shift = middle / extent.max(axis=1, keepdims=True)
    assert 0.075 < np.abs(shift).max() < 0.0801
    assert abs(np.corrcoef(shift.T)[0, 1]) < 0.15
    np.testing.assert_array_equal(jittered, geometry.jitter_boxes(boxes, seed=20260))


def test_squares_overlap_worked_by_hand():
    square = [10, 10, 4]
    others = np.float32([[10, 10, 4], [12, 10, 4], [10, 10, 2], [11, 11, 2], [30, 10, 4]])
    found = geometry.squares_overlap(square, others)
    np.testing.assert_allclose(found, [1, 8 / 24, 4 / 16, 4 / 16, 0], atol=1e-6)
