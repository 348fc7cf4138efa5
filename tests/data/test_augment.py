"""Augmentation of images and landmarks, eagerly and inside tf.data."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from evae_tf import markups
from evae_tf.config import Augmentation
from evae_tf.data import augment
from evae_tf.data.augment import DRAWS

SIZE, CONTEXT = 64, 12
OLD = SIZE + 2 * CONTEXT
PERMUTATION = markups.MARKUPS["mtfl_5"].flip_permutation
STILL = Augmentation(
    **{field.name: 0.0 for field in dataclasses.fields(Augmentation)},
)


def draws(count=2, seed=None, **named):
    """Draws that are 0.5 (no change at all) unless seeded or named."""
    values = np.full((count, len(DRAWS)), 0.5, np.float32)
    if seed is not None:
        values = np.random.default_rng(seed).random((count, len(DRAWS)), np.float32)
    for name, value in named.items():
        values[:, DRAWS.index(name)] = value
    return values


def blobs(landmarks):
    """Black crops [B, OLD, OLD, 3] with a bright Gaussian of width two pixels at each landmark."""
    position = landmarks * SIZE - 0.5 + CONTEXT
    grid = np.arange(OLD)
    x = np.exp(-((grid - position[..., :1]) ** 2) / 8)
    y = np.exp(-((grid - position[..., 1:]) ** 2) / 8)
    maps = y[:, :, :, None] * x[:, :, None, :]
    return np.repeat(maps[..., None] * 255, 3, axis=-1).astype(np.float32)


def centroids(images):
    """Centre of mass of each picture [N, S, S, 3], as crop fractions."""
    weights = ops.convert_to_numpy(images)[..., 0]
    position = (np.arange(SIZE) + 0.5) / SIZE
    total = weights.sum(axis=(1, 2))
    x = (weights.sum(axis=1) * position).sum(axis=1) / total
    y = (weights.sum(axis=2) * position).sum(axis=1) / total
    return np.stack([x, y], axis=1)


def warp(crops, landmarks, draw, strength, permutation=PERMUTATION):
    visible = np.ones(landmarks.shape[:2], np.float32)
    images, moved, _ = augment.warp(
        crops, landmarks, visible, draw, size=SIZE, flip_permutation=permutation, strength=strength
    )
    return ops.convert_to_numpy(images), ops.convert_to_numpy(moved)


def test_still_augmentation_is_the_middle_of_the_crop():
    crops = np.random.default_rng(0).integers(0, 256, (3, OLD, OLD, 3), np.uint8)
    landmarks = np.random.default_rng(1).uniform(0, 1, (3, 5, 2)).astype(np.float32)
    visible = np.random.default_rng(2).random((3, 5)) < 0.5
    images, moved, seen = augment.augment(
        crops, landmarks, visible, draws(3), size=SIZE, flip_permutation=PERMUTATION, strength=STILL
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(seen), visible)
    middle = crops[:, CONTEXT:-CONTEXT, CONTEXT:-CONTEXT] / np.float32(255)
    np.testing.assert_allclose(ops.convert_to_numpy(images), middle, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(moved), landmarks, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_landmarks_go_where_the_picture_goes(seed):
    """One blob per image: its centre of mass after the warp is the moved landmark."""
    rng = np.random.default_rng(seed)
    landmarks = rng.uniform(0.35, 0.65, (6, 1, 2)).astype(np.float32)
    strength = Augmentation(rotation_degrees=40, scale=0.3, shift=0.1)
    images, moved = warp(blobs(landmarks)[:, 0], landmarks, draws(6, seed), strength, [0])
    np.testing.assert_allclose(centroids(images), moved[:, 0], atol=0.15 / SIZE)


def test_some_crops_are_turned_by_any_angle():
    """The lowest quarter of the draws rotates by any angle, the others by up to 20 degrees."""
    strength = dataclasses.replace(STILL, rotation_degrees=20.0, any_angle_rate=0.25)
    values = (np.arange(400) + 0.5) / 400
    draw = draws(400)
    draw[:, DRAWS.index("rotation")] = values
    _, moved = warp(
        np.zeros((400, OLD, OLD, 3)), np.full((400, 1, 2), [0.75, 0.5]), draw, strength, [0]
    )
    x, y = (moved[:, 0] - 0.5).T
    angles = np.degrees(np.arctan2(-y, x))
    by_draw = np.where(values < 0.25, 8 * values * 180 - 180, (values - 0.625) / 0.375 * 20)
    np.testing.assert_allclose(angles, by_draw, atol=1e-3)


def test_some_pictures_are_darkened_and_lose_grey_values():
    strength = dataclasses.replace(STILL, dark_rate=0.5)
    image = np.tile(np.linspace(0, 1, 8, dtype=np.float32)[:, None, None], (1, 8, 3))
    draw = draws(3)
    draw[:, DRAWS.index("dark")] = [0.0, 0.25, 0.5]
    changed, _ = augment.change_appearance(
        np.stack([image] * 3), np.zeros((3, 1, 2), np.float32), draw, strength
    )
    least, middle, not_at_all = ops.convert_to_numpy(changed)
    np.testing.assert_allclose(least, np.round(image * 255) / 255, atol=1e-6)
    np.testing.assert_allclose(middle, np.round(image * 255 * 0.05**0.5) / 255, atol=1e-6)
    np.testing.assert_array_equal(not_at_all, image)


def test_rotation_scale_and_shift_worked_by_hand():
    landmarks = np.float32([[[0.75, 0.5]]])
    strength = dataclasses.replace(STILL, rotation_degrees=90.0)
    _, moved = warp(np.zeros((1, OLD, OLD, 3)), landmarks, draws(1, rotation=1.0), strength, [0])
    # Sampling is rotated by +90 degrees (x towards y), so the image rotates the other way.
    np.testing.assert_allclose(moved[0, 0], [0.5, 0.25], atol=1e-6)
    strength = dataclasses.replace(STILL, scale=1.0)
    _, moved = warp(np.zeros((1, OLD, OLD, 3)), landmarks, draws(1, scale=1.0), strength, [0])
    np.testing.assert_allclose(moved[0, 0], [0.625, 0.5], atol=1e-6)
    strength = dataclasses.replace(STILL, shift=0.1)
    _, moved = warp(np.zeros((1, OLD, OLD, 3)), landmarks, draws(1, shift_y=0.0), strength, [0])
    np.testing.assert_allclose(moved[0, 0], [0.75, 0.6], atol=1e-6)


def test_mirroring_flips_the_picture_and_the_order_of_points():
    crops = np.random.default_rng(0).integers(0, 256, (2, OLD, OLD, 3), np.uint8)
    landmarks = np.random.default_rng(1).uniform(0, 1, (2, 5, 2)).astype(np.float32)
    strength = dataclasses.replace(STILL, mirror_rate=0.5)
    draw = draws(2)
    draw[:, DRAWS.index("mirror")] = [0.4, 0.6]
    images, moved = warp(crops, landmarks, draw, strength)
    middle = crops[:, CONTEXT:-CONTEXT, CONTEXT:-CONTEXT] / np.float32(255)
    np.testing.assert_allclose(images[0], middle[0, :, ::-1], atol=1e-5)
    np.testing.assert_allclose(images[1], middle[1], atol=1e-5)
    np.testing.assert_allclose(moved[0, :, 0], 1 - landmarks[0, PERMUTATION, 0], atol=1e-6)
    np.testing.assert_allclose(moved[0, :, 1], landmarks[0, PERMUTATION, 1], atol=1e-6)
    np.testing.assert_allclose(moved[1], landmarks[1], atol=1e-6)


def appearance(images, draw, **strength):
    landmarks = np.full((len(images), 5, 2), 0.5, np.float32)
    strength = dataclasses.replace(STILL, **strength)
    changed, _ = augment.change_appearance(images, landmarks, draw, strength)
    return ops.convert_to_numpy(changed)


def test_grey_makes_channels_equal_and_keeps_the_mean():
    images = np.random.default_rng(0).uniform(0, 1, (4, SIZE, SIZE, 3)).astype(np.float32)
    grey = appearance(images, draws(4), grey_rate=1.0)
    np.testing.assert_allclose(grey, grey[..., :1].repeat(3, axis=-1), atol=1e-6)
    np.testing.assert_allclose(grey[..., 0], images.mean(axis=-1), atol=1e-5)


def test_contrast_keeps_the_mean_and_brightness_moves_it():
    images = np.random.default_rng(0).uniform(0.4, 0.6, (4, SIZE, SIZE, 3)).astype(np.float32)
    flat = appearance(images, draws(4, contrast=0.0), color=0.4)
    assert flat.std() == pytest.approx(0.6 * images.std(), rel=0.01)
    assert flat.mean() == pytest.approx(images.mean(), abs=0.002)
    bright = appearance(images, draws(4, brightness=1.0), color=0.4)
    assert bright.mean() - images.mean() == pytest.approx(0.2, abs=1e-3)


def test_occluders_cover_the_first_of_a_batch_and_the_landmarks_under_them():
    images = np.full((4, SIZE, SIZE, 3), 0.5, np.float32)
    # A rectangle of half sides 0.1 and 0.2 around (0.5, 0.25), in plain red.
    draw = draws(
        4, occluder_kind=0.3, occluder_angle=0.5, occluder_texture=0.0, occluder_red=0.9,
        occluder_x=0.5, occluder_y=0.25, occluder_width=0.25, occluder_height=0.75,
    )  # fmt: skip
    landmarks = np.tile(
        np.float32([[0.5, 0.25], [0.59, 0.44], [0.61, 0.25], [0.5, 0.5]]), (4, 1, 1)
    )
    strength = dataclasses.replace(STILL, occluder_rate=0.5)
    changed, uncovered = augment.change_appearance(images, landmarks, draw, strength)
    changed = ops.convert_to_numpy(changed)
    red = np.isclose(changed[0, :, :, 0], 0.9)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert (columns.min(), columns.max()) == (26, 37)
    assert (rows.min(), rows.max()) == (3, 28)
    assert red.sum() == len(rows) * len(columns)
    np.testing.assert_array_equal(changed[2:], images[2:])
    expected = [[0, 0, 1, 1]] * 2 + [[1, 1, 1, 1]] * 2
    np.testing.assert_array_equal(ops.convert_to_numpy(uncovered), expected)


def test_mirroring_exchanges_what_is_hidden_and_leaving_the_crop_hides():
    crops = np.zeros((2, OLD, OLD, 3), np.uint8)
    landmarks = np.tile(
        np.float32([[0.3, 0.3], [0.7, 0.3], [0.5, 0.5], [0.3, 0.7], [0.99, 0.7]]), (2, 1, 1)
    )
    visible = np.array([[0, 1, 1, 1, 1]] * 2, bool)
    strength = dataclasses.replace(STILL, mirror_rate=0.5, shift=0.1)
    draw = draws(2, shift_x=0.25)  # the crop moves left by 5 % of its side
    draw[:, DRAWS.index("mirror")] = [0.4, 0.6]
    _, moved, seen = augment.augment(
        crops, landmarks, visible, draw, size=SIZE, flip_permutation=PERMUTATION, strength=strength
    )
    seen = ops.convert_to_numpy(seen)
    assert ops.convert_to_numpy(moved)[1, 4, 0] == pytest.approx(1.04, abs=1e-5)
    mirrored = np.array([0, 1, 1, 1, 0])[PERMUTATION]
    np.testing.assert_array_equal(seen, [mirrored, [0, 1, 1, 1, 0]])


@pytest.mark.parametrize("inside_tf_data", [False, True])
def test_points_that_are_not_annotated_stay_so_and_change_sides_in_a_mirror(inside_tf_data):
    """All augmentations at full strength; the left eye and one mouth corner are not annotated."""
    count = 16
    crops = np.random.default_rng(0).integers(0, 256, (count, OLD, OLD, 3), np.uint8)
    full = np.float32([[0.4, 0.4], [0.6, 0.4], [0.5, 0.5], [0.4, 0.6], [0.6, 0.6]])
    full = np.tile(full, (count, 1, 1))
    visible = np.ones((count, 5), bool)
    partial = full.copy()
    partial[:, [0, 4]] = np.nan
    strength = Augmentation(occluder_rate=1.0, blur_rate=0.0, jpeg_rate=0.0)
    draw = draws(count, seed=3)

    def augmented(landmarks):
        batch = (crops, landmarks, visible, draw)
        arguments = {"size": SIZE, "flip_permutation": PERMUTATION, "strength": strength}
        if inside_tf_data:
            data = tf.data.Dataset.from_tensors(batch)
            result = next(iter(data.map(lambda *batch: augment.augment(*batch, **arguments))))
        else:
            result = augment.augment(*batch, **arguments)
        return [ops.convert_to_numpy(part) for part in result]

    images, moved, seen = augmented(partial)
    all_images, all_moved, all_seen = augmented(full)
    mirrored = draw[:, DRAWS.index("mirror")] < strength.mirror_rate
    assert 0 < mirrored.sum() < count
    absent = np.where(mirrored[:, None], [[0, 1, 0, 1, 0]], [[1, 0, 0, 0, 1]]).astype(bool)
    np.testing.assert_array_equal(images, all_images)
    np.testing.assert_array_equal(np.isnan(moved), np.stack([absent] * 2, axis=-1))
    np.testing.assert_array_equal(moved[~absent], all_moved[~absent])
    np.testing.assert_array_equal(seen, all_seen * ~absent)
    assert 0 < seen.sum() < (~absent).sum(), "an occluder should cover some of the others"


def test_blur_is_the_mean_of_its_neighbours():
    images = np.random.default_rng(0).uniform(0, 1, (4, SIZE, SIZE, 3)).astype(np.float32)
    changed = appearance(images, draws(4, blur=1.0), blur_rate=0.5)
    np.testing.assert_array_equal(changed[:2], images[:2])
    expected = images[3, 18:23, 28:33].mean(axis=(0, 1))
    np.testing.assert_allclose(changed[3, 20, 30], expected, atol=1e-5)


def test_jpeg_noise_keeps_flat_blocks_and_drops_fine_detail():
    flat = np.full((4, SIZE, SIZE, 3), 128 / 255, np.float32)
    np.testing.assert_allclose(appearance(flat, draws(4), jpeg_rate=1.0), flat, atol=3 / 255)
    noise = np.random.default_rng(0).normal(0, 0.06, flat.shape).astype(np.float32)
    little, much = (
        appearance(flat + noise, draws(4, jpeg=amount), jpeg_rate=1.0).std()
        for amount in (0.0, 1.0)
    )
    assert much < 0.5 * noise.std()
    assert 0.7 * noise.std() < little


@pytest.mark.parametrize(("count", "shares"), [(32, (10, 8, 8)), (1, (0, 0, 0))])
def test_fixed_rows_get_an_occluder_or_blur_or_jpeg_noise(count, shares):
    """At the default rates 0.3, 0.25 and 0.25, no row gets two, and a batch of one gets none."""
    images = np.random.default_rng(0).uniform(0, 1, (count, SIZE, SIZE, 3)).astype(np.float32)
    default, rows = Augmentation(), []
    for name in ("occluder_rate", "blur_rate", "jpeg_rate"):
        changed = appearance(images, draws(count, seed=1), **{name: getattr(default, name)})
        rows.append(np.flatnonzero(np.abs(changed - images).max(axis=(1, 2, 3)) > 1e-3))
    assert tuple(map(len, rows)) == shares
    assert len(set(np.concatenate(rows))) == sum(shares)


def test_cosine_basis_is_orthonormal():
    basis = augment.cosine_basis()
    np.testing.assert_allclose(basis @ basis.T, np.eye(8), atol=1e-12)
    assert basis[0, 0] == pytest.approx(1 / math.sqrt(8))


def test_the_same_draws_give_the_same_batch_inside_tf_data():
    crops = np.random.default_rng(0).integers(0, 256, (8, OLD, OLD, 3), np.uint8)
    landmarks = np.random.default_rng(1).uniform(0, 1, (8, 5, 2)).astype(np.float32)
    arguments = {"size": SIZE, "flip_permutation": PERMUTATION, "strength": Augmentation()}
    draw = draws(8, seed=2)
    visible = np.ones((8, 5), bool)
    images, moved, seen = augment.augment(crops, landmarks, visible, draw, **arguments)
    data = tf.data.Dataset.from_tensors((crops, landmarks, visible, draw))
    data = data.map(lambda *batch: augment.augment(*batch, **arguments))
    inside_images, inside_moved, inside_seen = next(iter(data))
    np.testing.assert_array_equal(inside_seen.numpy(), ops.convert_to_numpy(seen))
    np.testing.assert_allclose(inside_images.numpy(), ops.convert_to_numpy(images), atol=1e-5)
    np.testing.assert_allclose(inside_moved.numpy(), ops.convert_to_numpy(moved), atol=1e-6)
    assert images.shape == (8, SIZE, SIZE, 3)
    assert float(ops.min(images)) >= 0
    assert float(ops.max(images)) <= 1
