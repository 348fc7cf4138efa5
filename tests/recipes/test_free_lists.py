"""Lists of labelled pictures: joined, and their evidence checked."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from evae_tf import markups
from evae_tf.data import datasets
from evae_tf.errors import InputError, UsageError
from recipes.free import evidence, join, lists
from recipes.free.lists import Labelled

IBUG = markups.MARKUPS["ibug_68"]
FACE = np.random.default_rng(0).uniform(20, 80, (68, 2))


@pytest.fixture
def made(tmp_path):
    """A list of three clean photos, and a folder of two drawn faces."""
    pictures = []
    for number, (name, split) in enumerate(
        (
            ("webmorph_stim/neutral_front_001_03", "train"),
            ("webmorph_stim/neutral_front_003_03", "val"),  # a held-out person
            ("congress_pictorial/A1", "train"),
            ("pif_fellows/pif_1", None),
        )
    ):
        path = tmp_path / "clean" / f"{name}.webp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (100, 100), (number, 90, 9)).save(path)
        if split:
            pictures.append(Labelled(path, FACE + number, split, "london", "mesh"))
    lists.write(pictures, tmp_path / "photos" / "landmarks.csv", teacher="abc")

    drawn = tmp_path / "drawn"
    (drawn / "images").mkdir(parents=True)
    names = [f"images/{number}.jpg" for number in range(2)]
    for number, name in enumerate(names):
        Image.new("RGB", (100, 100), (9, number, 9)).save(drawn / name)
    record = {
        "drawn": True,
        "skins": [str(tmp_path / "clean" / "pif_fellows" / "pif_1.webp")],
        "pictures": {name: lists.sha256(drawn / name) for name in names},
    }
    (drawn / "evidence.json").write_text(json.dumps(record))
    with (drawn / "landmarks.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column for column in lists.COLUMNS if column not in ("source", "by")])
        writer.writerows([[name, *FACE.ravel(), "train"] for name in names])
    return tmp_path


def joined(made, copies=(2, 1), most=(0, 0)):
    paths = [made / name / "landmarks.csv" for name in ("photos", "drawn")]
    join.join(paths, copies, most, made / "all" / "landmarks.csv")
    return made / "all" / "landmarks.csv"


def test_a_list_is_read_as_written(made):
    found = lists.read(made / "photos" / "landmarks.csv")
    assert [(each.split, each.source, each.by) for each in found] == [
        *(("train", "london", "mesh"), ("train", "london", "mesh"), ("val", "london", "mesh")),
    ]
    np.testing.assert_allclose(found[0].landmarks, FACE, atol=1e-3)


def test_lists_with_different_columns_are_joined(made):
    path = joined(made, copies=(3, 2), most=(1, 0))
    train = datasets.read_faces("csv", path, "train", IBUG)
    assert [face.image.stem for face in train] == [*3 * ["neutral_front_001_03"], *"0011"]
    assert [face.attributes["copy"] for face in train] == [*"012", *"0101"]
    assert [face.attributes["source"] for face in train] == [*3 * ["london"], *4 * [""]]
    (held_out,) = datasets.read_faces("csv", path, "val", IBUG)
    assert held_out.image.stem == "neutral_front_003_03"
    assert evidence.read(path.parent)["teacher"] == "abc"
    with pytest.raises(UsageError, match="2 lists, 1 copies"):
        joined(made, copies=(1,))


def test_points_of_a_list_without_flags_are_visible(made):
    drawn = made / "drawn" / "landmarks.csv"
    header, *rows = drawn.read_text().splitlines()
    flags = [f"visible{k}" for k in range(68)]
    lines = [",".join([header, *flags]), *(",".join([row, "0", *67 * ["1"]]) for row in rows)]
    drawn.write_text("\n".join(lines) + "\n")
    photo, *_, face = datasets.read_faces("csv", joined(made, copies=(1, 1)), "train", IBUG)
    assert photo.visible.all()
    assert face.visible.tolist() == [False, *67 * [True]]


def test_clean_and_drawn_pictures_pass(made):
    assert evidence.check(joined(made), made / "clean") == 5
    assert evidence.check(made / "photos" / "landmarks.csv", made / "clean") == 3
    assert evidence.check(made / "drawn" / "landmarks.csv", made / "clean") == 2


@pytest.mark.parametrize(
    "name",
    ["clean/congress_pictorial/A1.webp", "drawn/images/1.jpg"],
)
def test_a_changed_picture_is_named(made, name):
    path = joined(made)
    Image.new("RGB", (100, 100), "red").save(made / name)
    with pytest.raises(InputError, match=f"{name}: changed since"):
        evidence.check(path, made / "clean")


@pytest.mark.parametrize("name", ["elsewhere/f.jpg", "drawn/images/7.jpg", "clean/x.webp"])
def test_a_foreign_picture_is_named(made, name):
    path = joined(made)
    (made / name).parent.mkdir(exist_ok=True)
    Image.new("RGB", (100, 100)).save(made / name)
    text = path.read_text().replace(str(made / "drawn/images/1.jpg"), str(made / name))
    path.write_text(text)
    with pytest.raises(InputError, match=f"{name}: neither a recorded photo"):
        evidence.check(path, made / "clean")


def test_a_held_out_person_is_not_trained_on(made):
    path = joined(made)
    path.write_text(path.read_text().replace(",val,", ",train,"))
    with pytest.raises(InputError, match="neutral_front_003_03.webp: shows a held-out person"):
        evidence.check(path, made / "clean")


@pytest.mark.parametrize("photo", ["webmorph_stim/neutral_front_003_03.webp", "../other.webp"])
def test_the_skin_of_a_drawn_face_is_a_clean_person_to_train_on(made, photo):
    path = joined(made)
    record = json.loads((made / "drawn" / "evidence.json").read_text())
    record["skins"].append(str(made / "clean" / photo))
    (made / "drawn" / "evidence.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="its skin is in .*drawn, not of a photo to train on"):
        evidence.check(path, made / "clean")


def test_damaged_evidence_is_named(made):
    path = joined(made)
    path.with_name("evidence.json").write_text("{")
    with pytest.raises(InputError, match="evidence.json: not a JSON file"):
        evidence.check(path, made / "clean")
