"""Lists of labelled pictures: joined, and their evidence checked."""

import csv
import json
import shutil

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
    lists.write(pictures, tmp_path / "photos" / "landmarks.csv", teacher=evidence.TEACHER)

    drawn = tmp_path / "drawn"
    (drawn / "images").mkdir(parents=True)
    names = [f"images/{number}.jpg" for number in range(2)]
    for number, name in enumerate(names):
        Image.new("RGB", (100, 100), (9, number, 9)).save(drawn / name)
    skin = tmp_path / "clean" / "pif_fellows" / "pif_1.webp"
    record = {
        "drawn": True,
        "head_sha256": evidence.HEAD,
        "skins": {str(skin): lists.sha256(skin)},
        "pictures": {name: lists.sha256(drawn / name) for name in names},
    }
    (drawn / "evidence.json").write_text(json.dumps(record))
    with (drawn / "landmarks.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column for column in lists.COLUMNS if column not in ("source", "by")])
        writer.writerows([[name, *FACE.ravel(), "train"] for name in names])
    return tmp_path


def joined(made, copies=(2, 1)):
    paths = [made / name / "landmarks.csv" for name in ("photos", "drawn")]
    join.join(paths, copies, made / "all" / "landmarks.csv")
    return made / "all" / "landmarks.csv"


def test_a_list_is_read_as_written(made):
    found = lists.read(made / "photos" / "landmarks.csv")
    assert [(each.split, each.source, each.by) for each in found] == [
        *(("train", "london", "mesh"), ("train", "london", "mesh"), ("val", "london", "mesh")),
    ]
    np.testing.assert_allclose(found[0].landmarks, FACE, atol=1e-3)


def test_lists_with_different_columns_are_joined(made):
    path = joined(made, copies=(3, 2))
    train = datasets.read_faces("csv", path, "train", IBUG)
    assert [face.image.stem for face in train] == [
        *(3 * ["neutral_front_001_03"] + 3 * ["A1"]),
        *"0011",
    ]
    assert [face.attributes["copy"] for face in train] == [*"012012", *"0101"]
    assert [face.attributes["source"] for face in train] == [*6 * ["london"], *4 * [""]]
    (held_out,) = datasets.read_faces("csv", path, "val", IBUG)
    assert held_out.image.stem == "neutral_front_003_03"
    assert evidence.read(path.parent)["teacher"] == evidence.TEACHER
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
    skin = made / "clean" / photo
    Image.new("RGB", (100, 100), "blue").save(skin) if "other" in photo else None
    record["skins"][str(skin)] = lists.sha256(skin)
    (made / "drawn" / "evidence.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="its skin is in .*drawn, not of a photo to train on"):
        evidence.check(path, made / "clean")


def test_drawn_faces_are_of_the_known_head_with_known_skin(made):
    path, record = joined(made), made / "drawn" / "evidence.json"
    facts = json.loads(record.read_text())
    for change in ({"head_sha256": "0"}, {"skins": {}}):
        record.write_text(json.dumps({**facts, **change}))
        with pytest.raises(InputError, match="drawn with another head, or with unknown skin"):
            evidence.check(path, made / "clean")


def test_who_labelled_a_list_is_known(made):
    path = made / "photos" / "landmarks.csv"
    facts = json.loads(path.with_name("evidence.json").read_text())
    path.with_name("evidence.json").write_text(json.dumps({**facts, "teacher": "0"}))
    with pytest.raises(InputError, match="labelled by another file than MediaPipe"):
        evidence.check(path, made / "clean")
    path.with_name("evidence.json").write_text(json.dumps({"pictures": facts["pictures"]}))
    with pytest.raises(InputError, match="labelled by another file than MediaPipe"):
        evidence.check(path, made / "clean")
    path.with_name("evidence.json").write_text(json.dumps({**facts, "model": "0"}))
    with pytest.raises(InputError, match="labelled by a model of unknown origin"):
        evidence.check(path, made / "clean")


def test_turned_photos_have_labels_of_the_teacher(made):
    path, record = joined(made), made / "drawn" / "evidence.json"
    facts = {**json.loads(record.read_text()), "labels_sha256": "1"}
    for teacher in (None, "0"):
        record.write_text(json.dumps({**facts, "teacher": teacher}))
        with pytest.raises(InputError, match="drawn: labelled by another file than MediaPipe"):
            evidence.check(path, made / "clean")
    record.write_text(json.dumps({**facts, "teacher": evidence.TEACHER}))
    assert evidence.check(path, made / "clean") == 5


def test_lists_of_two_teachers_are_not_joined(made):
    path = made / "photos" / "landmarks.csv"
    other = made / "others" / "landmarks.csv"
    shutil.copytree(path.parent, other.parent)
    facts = {**evidence.read(path.parent), "teacher": "0"}
    other.with_name("evidence.json").write_text(json.dumps(facts))
    for order in ((path, other), (other, path)):
        with pytest.raises(InputError, match="another teacher than the lists before it"):
            join.join(order, (1, 1), made / "all" / "landmarks.csv")


def test_a_file_in_the_folder_that_is_no_photo_of_it_is_foreign(made):
    path, other = joined(made), made / "clean" / "more" / "x.webp"
    other.parent.mkdir()
    Image.new("RGB", (100, 100)).save(other)
    path.write_text(path.read_text().replace(str(made / "drawn/images/1.jpg"), str(other)))
    facts = json.loads(path.with_name("evidence.json").read_text())
    facts["pictures"][str(other)] = {"sha256": lists.sha256(other), "source": "london"}
    path.with_name("evidence.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="x.webp: neither a recorded photo"):
        evidence.check(path, made / "clean")


def test_damaged_evidence_is_named(made):
    path = joined(made)
    path.with_name("evidence.json").write_text("{")
    with pytest.raises(InputError, match="evidence.json: not a JSON file"):
        evidence.check(path, made / "clean")
