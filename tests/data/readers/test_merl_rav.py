"""The MERL-RAV reader, on tiny copies that the test writes in both official layouts."""

import numpy as np
import pytest

from evae_tf.data.datasets import read_faces
from evae_tf.data.splits import read_training_faces
from evae_tf.errors import InputError

POINTS = np.stack([np.linspace(2, 130.5, 68), np.linspace(90, 7.25, 68)], axis=1)
LINES = [f"{x} {y}" for x, y in POINTS.tolist()]
POSES = ("frontal", "left", "lefthalf", "right", "righthalf")


def pts_text(changed=None, lines=LINES):
    """The text of a .pts file; `changed` maps indices of points, from 0, to other lines."""
    lines = [(changed or {}).get(i, line) for i, line in enumerate(lines)]
    return "\n".join(["version: 1", "n_points:  68", "{", *lines, "}", ""])


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def label(root, name, text=None):
    """A label of the repository, which has a folder `labels` in each part."""
    pose, part, stem = name.split("/")
    path = root / "merl_rav_labels" / pose / part / "labels" / f"{stem}.pts"
    touch(path)
    path.write_text(text or pts_text())
    return path


def organized(root, name, text=None):
    """A label and its image in the layout of the release's script."""
    path = root / "merl_rav_organized" / f"{name}.pts"
    touch(path)
    path.write_text(text or pts_text())
    path.with_suffix(".jpg").touch()
    return path


def read(root, subset):
    return read_faces("merl_rav", root, subset)


def names(root, subset):
    return [face.name for face in read(root, subset)]


def test_points_are_seen_covered_or_hidden_by_the_head(tmp_path):
    lines = {0: "-1 -1", 3: "-1443.54 -474.32", 4: "1382.78 680.12"}
    lines |= {5: "-1.0 -1.5", 6: "0 12", 7: "-0.0 -12"}
    organized(tmp_path, "left/testset/image00120", pts_text(lines))
    (face,) = read(tmp_path, "test")
    places = face.landmarks
    assert np.isnan(places[0]).all()
    assert np.isfinite(places[1:]).all()
    np.testing.assert_allclose(places[3], [1443.54, 474.32], rtol=1e-6)
    np.testing.assert_allclose(places[4], [1382.78, 680.12], rtol=1e-6)
    assert places[5].tolist() == [1, 1.5]  # near the corner, but annotated
    assert places[6].tolist() == places[7].tolist() == [0, 12]
    np.testing.assert_allclose(places[8:], POINTS[8:], rtol=1e-6)
    assert np.flatnonzero(~face.visible).tolist() == [0, 3, 5, 7]
    assert face.markup.name == "ibug_68"


def test_the_box_is_that_of_the_points_with_a_place(tmp_path):
    lines = dict.fromkeys(range(68), "-1 -1") | {1: "40 50", 2: "-70 -20", 3: "60 30"}
    organized(tmp_path, "left/testset/image00120", pts_text(lines))
    (face,) = read(tmp_path, "test")
    assert face.box.tolist() == [40, 20, 70, 50]


def test_labels_with_the_photos_of_aflw(tmp_path):
    stems = ("image00002", "image00013_1", "image00013_2", "image00020")
    for stem in stems:
        label(tmp_path, f"frontal/trainset/{stem}")
    photos = [
        tmp_path / "aflw" / "flickr" / name for name in ("0/image00002.jpg", "3/image00013.jpg")
    ]
    for photo in photos:
        touch(photo)
    touch(tmp_path / "aflw" / "flickr" / "1" / "image00020.jpg")  # AFLW has no such folder
    found = {face.name: face.image for face in read(tmp_path, "train")}
    assert found == {
        "frontal/trainset/image00002": photos[0],
        "frontal/trainset/image00013_1": photos[1],
        "frontal/trainset/image00013_2": photos[1],
    }
    touch(tmp_path / "aflw" / "flickr" / "2" / "image00020.jpg")
    assert len(read(tmp_path, "train")) == 4


def test_labels_as_the_release_s_readme_draws_them(tmp_path):
    path = label(tmp_path, "right/testset/image00074")
    path.rename(path.parents[1] / path.name)
    touch(tmp_path / "aflw" / "flickr" / "2" / "image00074.jpg")
    assert names(tmp_path, "test") == ["right/testset/image00074"]


def test_organized_copies_have_an_image_for_each_face(tmp_path):
    for stem in ("image00013_1", "image00013_2"):
        organized(tmp_path, f"righthalf/trainset/{stem}")
    label(tmp_path, "frontal/trainset/image00002")  # stays there when the script has run
    touch(tmp_path / "aflw" / "flickr" / "0" / "image00013.jpg")
    folder = tmp_path / "merl_rav_organized" / "righthalf" / "trainset"
    assert [face.image for face in read(tmp_path, "train")] == [
        folder / "image00013_1.jpg",
        folder / "image00013_2.jpg",
    ]
    (folder / "image00013_2.jpg").unlink()
    assert names(tmp_path, "train") == ["righthalf/trainset/image00013_1"]


def test_poses_are_parts_of_the_test(tmp_path):
    for number, pose in enumerate(POSES):
        organized(tmp_path, f"{pose}/testset/image0000{number}")
        organized(tmp_path, f"{pose}/trainset/image0001{number}")
    found = {
        subset: {face.name.partition("/")[0] for face in read(tmp_path, subset)}
        for subset in ("frontal", "halfprofile", "profile", "test")
    }
    assert found == {
        "frontal": {"frontal"},
        "halfprofile": {"lefthalf", "righthalf"},
        "profile": {"left", "right"},
        "test": set(POSES),
    }
    assert {name.split("/")[1] for name in names(tmp_path, "test")} == {"testset"}
    assert {name.split("/")[1] for name in names(tmp_path, "train")} == {"trainset"}
    assert {face.subset for face in read(tmp_path, "profile")} == {"profile"}
    for face in read(tmp_path, "test"):
        assert face.attributes == {"pose": face.name.partition("/")[0]}
    with pytest.raises(InputError, match="no subset 'val' of merl_rav; known: train, test, front"):
        read(tmp_path, "val")


@pytest.mark.parametrize("layout", [label, organized])
def test_a_photo_in_val_txt_never_trains(layout, tmp_path):
    """Also its other faces, which may have another pose and a copy of the image."""
    for name in ("frontal/trainset/image00447_1", "left/trainset/image00447_4"):
        layout(tmp_path, name)
    layout(tmp_path, "frontal/trainset/image00448")
    for photo in ("image00447", "image00448"):
        touch(tmp_path / "aflw" / "flickr" / "0" / f"{photo}.jpg")
    (tmp_path / "val.txt").write_text("left/trainset/image00447_4\n")
    training, validation = read_training_faces("merl_rav", tmp_path)
    assert [face.name for face in training] == ["frontal/trainset/image00448"]
    assert [face.name for face in validation] == ["left/trainset/image00447_4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (pts_text(lines=LINES[:67]), "n_points is '68', but the file has 67 points"),
        (pts_text(lines=[]), "n_points is '68', but the file has 0 points"),
        ("\n".join(LINES[:67]), "67 points found, ibug_68 has 68"),
        (pts_text({6: "-3.5 90"}), r"point 7 of 68 lies at \[-3.5, 90.0\]; expected two finite"),
        (pts_text({6: "3.5 -90"}), r"point 7 of 68 lies at \[3.5, -90.0\].*both negative"),
        (pts_text({67: "nan 5"}), r"point 68 of 68 lies at \[nan, 5.0\]"),
        (pts_text({67: "nan nan"}), r"point 68 of 68 lies at \[nan, nan\]"),
        (pts_text({0: "5 inf"}), r"point 1 of 68 lies at \[5.0, inf\]"),
        (pts_text({0: "5"}), "expected lines of x and y, found '5'"),
        (pts_text({0: "5 x"}), "expected lines of x and y, found '5 x'"),
        (pts_text(dict.fromkeys(range(67), "-1 -1")), "1 of 68 points annotated"),
        ("\n", "the file is empty"),
    ],
)
def test_damage_is_told_in_one_sentence_that_names_the_file(text, message, tmp_path):
    path = organized(tmp_path, "frontal/testset/image00019", text)
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, "frontal")
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_no_face_at_all(tmp_path):
    (tmp_path / "README.md").touch()
    with pytest.raises(InputError, match="none of the 3865 official faces of merl_rav 'test'"):
        read(tmp_path, "test")
    label(tmp_path, "frontal/testset/image00019")
    with pytest.raises(InputError, match=r"none of .* for example .*flickr.*image00019\.jpg"):
        read(tmp_path, "test")
