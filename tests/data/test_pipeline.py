"""From files to crops to batches."""

import dataclasses
import os

import numpy as np
import pytest
from PIL import Image

from evae_tf import geometry, markups
from evae_tf.config import Augmentation
from evae_tf.data.augment import DRAWS
from evae_tf.data.crop_files import CropStore
from evae_tf.data.crops import Crops, cut_crops, fingerprint
from evae_tf.data.face import make_face
from evae_tf.data.pipeline import TrainingBatches, training_data
from evae_tf.errors import InputError

MTFL = markups.MARKUPS["mtfl_5"]
POINTS = np.float32([[40, 30], [60, 31], [50, 42], [42, 55], [58, 54]])


def face(image, box=None, name="face"):
    return make_face(image, POINTS, markup=MTFL, subset="train", name=name, box=box)


def noise_image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (90, 110, 3), np.uint8)


def test_crops_hold_the_model_s_crop_in_their_middle():
    faces = [face(noise_image(i), name=str(i)) for i in range(5)]
    crops = cut_crops(faces, size=32, margin=0.5, context=8)
    square = geometry.square_around(faces[0].box, 0.5)
    assert crops.images.shape == (5, 48, 48, 3)
    for i in range(5):
        middle = geometry.cut_square(noise_image(i), square, 32)
        # OpenCV's warp rounds positions to 1/32 pixel, so noise may differ by some grey values.
        difference = np.abs(crops.images[i, 8:-8, 8:-8].astype(int) - middle)
        assert difference.mean() < 3
    np.testing.assert_allclose(
        geometry.crop_to_image(crops.landmarks[3], crops.squares[3]), POINTS, atol=1e-4
    )


def test_crops_in_a_file_are_those_in_memory_and_are_used_again(tmp_path):
    faces = [face(noise_image(i), name=str(i)) for i in range(3)]
    in_memory = cut_crops(faces, size=32, margin=0.5)
    in_file = cut_crops(faces, size=32, margin=0.5, store=CropStore(tmp_path))
    np.testing.assert_array_equal(in_file.images[:], in_memory.images)
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    cut_crops(faces, size=32, margin=0.5, store=CropStore(tmp_path))
    assert file.stat().st_mtime_ns == written
    cut_crops(faces, size=32, margin=0.4, store=CropStore(tmp_path))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_photo_replaced_under_its_name_is_cut_anew(tmp_path):
    """A file of the same size and date, as a copying tool may create it."""
    path, crops = tmp_path / "photo.bmp", tmp_path / "crops"
    crops.mkdir()
    Image.fromarray(noise_image(1)).save(path)
    before = path.stat()
    faces = [face(path)]
    first = cut_crops(faces, size=32, margin=0.5, store=CropStore(crops)).images[:]
    Image.fromarray(noise_image(2)).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    second = cut_crops(faces, size=32, margin=0.5, store=CropStore(crops)).images[:]
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(second, cut_crops(faces, size=32, margin=0.5).images)


def test_a_fingerprint_tells_apart_all_that_is_in_a_face(tmp_path):
    path, copied = tmp_path / "photo.png", tmp_path / "elsewhere" / "photo.png"
    copied.parent.mkdir()
    Image.fromarray(noise_image(1)).save(path)
    copied.write_bytes(path.read_bytes())
    own = face(path)
    of_file = fingerprint([own, own])
    assert fingerprint([face(copied), face(copied)]) == of_file
    absent = POINTS.copy()
    absent[0] = np.nan
    changed = [
        face(path, name="other"),
        face(path, box=[30, 20, 70, 60]),
        dataclasses.replace(own, landmarks=POINTS + np.float32(0.25)),
        dataclasses.replace(own, landmarks=absent),
        dataclasses.replace(own, visible=np.ones(5, bool)),
        dataclasses.replace(own, visible=np.array([1, 1, 0, 1, 1], bool)),
        face(noise_image(1)),
        face(noise_image(2)),
    ]
    found = [of_file, fingerprint([own]), *(fingerprint([own, other]) for other in changed)]
    assert len(set(found)) == len(found)
    assert fingerprint([own, changed[0]]) != fingerprint([changed[0], own])
    assert fingerprint([face(noise_image(2))]) == fingerprint([face(noise_image(2))])
    with pytest.raises(InputError, match=r"nowhere\.png: cannot be read \(No such file"):
        fingerprint([face(tmp_path / "nowhere.png")])


def batches(count=7, batch_size=3, seed=11):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 40, 40, 3), np.uint8)
    landmarks = rng.uniform(0.2, 0.8, (count, 5, 2)).astype(np.float32)
    visible = rng.random((count, 5)) < 0.7
    crops = Crops(images, landmarks, visible, np.ones((count, 3)), 32)
    return TrainingBatches(crops, batch_size, seed)


def test_every_epoch_shows_each_face_once_in_another_order():
    source = batches()
    assert source.steps_per_epoch == 3
    shown = np.concatenate([source.batch(step)["landmarks"][:, 0, 0] for step in range(7)])
    of_all = source.crops.landmarks[:, 0, 0]
    orders = shown.reshape(3, 7)
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.sort(of_all))
    assert not np.array_equal(orders[0], orders[1])


def test_a_batch_depends_on_seed_and_step_alone():
    first, second, other = batches(), batches(), batches(seed=12)
    for step in (4, 0, 9):
        again = second.batch(step)
        for name, array in first.batch(step).items():
            np.testing.assert_array_equal(array, again[name])
    assert not np.array_equal(first.batch(4)["draws"], other.batch(4)["draws"])
    assert first.batch(0)["draws"].shape == (3, len(DRAWS))


def test_fewer_faces_than_a_batch_still_fill_it():
    batch = batches(count=2, batch_size=5).batch(0)
    assert batch["crops"].shape == (5, 40, 40, 3)
    assert len(np.unique(batch["landmarks"][:, 0, 0])) == 2


def test_flags_of_visibility_reach_the_batch_and_faces_without_them_count_as_seen():
    flagged = make_face(
        noise_image(), POINTS, markup=MTFL, subset="train", name="flagged", visible=[1, 0, 1, 1, 0]
    )
    crops = cut_crops([face(noise_image()), flagged], size=32, margin=0.5)
    np.testing.assert_array_equal(crops.visible, [[1] * 5, [1, 0, 1, 1, 0]])
    batch = TrainingBatches(crops, 2, seed=3).batch(0)
    assert sorted(batch["visible"].sum(axis=1)) == [3, 5]


def test_points_that_are_not_annotated_reach_the_batch_as_nan():
    """Their visibility is unknown, unless the face has flags: then they are hidden."""
    points = POINTS.copy()
    points[[1, 3]] = np.nan
    partial = make_face(noise_image(), points, markup=MTFL, subset="train", name="partial")
    flagged = dataclasses.replace(partial, visible=np.array([1, 0, 1, 0, 1], bool))
    crops = cut_crops([face(noise_image()), partial, flagged], size=32, margin=0.5)
    absent = np.array([[0] * 5, [0, 1, 0, 1, 0], [0, 1, 0, 1, 0]], bool)
    np.testing.assert_array_equal(np.isnan(crops.landmarks), np.stack([absent] * 2, axis=-1))
    nan = np.nan
    seen = [[1, 1, 1, 1, 1], [1, nan, 1, nan, 1], [1, 0, 1, 0, 1]]
    np.testing.assert_array_equal(crops.visible, seen)
    np.testing.assert_allclose(crops.squares[1], [49, 42, 36])  # x 40 to 58, y 30 to 54
    batch = TrainingBatches(crops, 3, seed=3).batch(0)
    images, landmarks, visible = _run(TrainingBatches(crops, 3, seed=3), 0, 1, 1)[0].values()
    assert np.isfinite(images).all()
    assert np.isnan(landmarks).all(axis=-1).sum(axis=1).tolist() == (
        np.isnan(batch["landmarks"]).all(axis=-1).sum(axis=1).tolist()
    )
    assert sorted(np.isnan(visible).sum(axis=1)) == [0, 0, 2]
    assert not visible[np.isnan(landmarks[..., 0]) & ~np.isnan(visible)].any()


def _run(source, first_step, threads, count):
    data = training_data(
        source,
        first_step,
        flip_permutation=MTFL.flip_permutation,
        augmentation=Augmentation(),
        num_threads=threads,
    )
    return [{key: value.numpy() for key, value in batch.items()} for batch in data.take(count)]


def test_parallel_and_resumed_pipelines_give_the_same_batches():
    one = _run(batches(), 0, 1, 8)
    many = _run(batches(), 0, 4, 8)
    resumed = _run(batches(), 5, 4, 3)
    for reference, other in [*zip(one, many, strict=True), *zip(one[5:], resumed, strict=True)]:
        for name in ("images", "landmarks", "visible"):
            np.testing.assert_array_equal(reference[name], other[name])
    assert one[0]["images"].shape == (3, 32, 32, 3)
    assert one[0]["images"].dtype == np.float32


def test_the_shares_of_several_processes_are_the_whole_batch():
    """Occluders, blur and noise go by the row of the whole batch, textures by the row before."""
    crops = cut_crops([face(noise_image(i), name=str(i)) for i in range(10)], size=32, margin=0.5)
    strength = Augmentation(occluder_rate=0.5, blur_rate=0.4, jpeg_rate=0.4)

    def second_batch(rows):
        data = training_data(
            TrainingBatches(crops, 8, 3, rows),
            1,
            flip_permutation=MTFL.flip_permutation,
            augmentation=strength,
            num_threads=1,
        )
        return next(iter(data))

    whole = second_batch(slice(None))
    for bounds in ((0, 4, 8), (0, 2, 4, 6, 8)):
        shares = [second_batch(slice(*ends)) for ends in zip(bounds, bounds[1:], strict=False)]
        for name, values in whole.items():
            joined = np.concatenate([share[name] for share in shares])
            np.testing.assert_allclose(joined, values, atol=1e-5, err_msg=name)
    assert np.ptp(whole["visible"]) == 1
