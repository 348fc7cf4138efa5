"""The landmark schemes: facts known from outside, and what mirroring must leave unchanged."""

import json
import re

import pytest

from evae_tf import markups
from evae_tf.errors import InputError

ALL = list(markups.MARKUPS.values())
each_markup = pytest.mark.parametrize("markup", ALL, ids=lambda markup: markup.name)


def _own(**changes):
    record = {
        "name": "cat_3",
        "points": ["left_ear", "nose", "right_ear"],
        "flip_pairs": [[0, 2]],
        "normalizers": {"ear_to_ear": [0, 2], "ears_to_nose": [[0, 2], [1]]},
        "outline": [[0, 1], [1, 2]],
    }
    return {**record, **changes}


def test_numbers_of_points_default_normalizers_and_numbers_of_rigid_points():
    facts = {
        "mtfl_5": (5, "inter_pupil", 0),
        "aflw_19": (19, "box_size", 15),
        "cofw_29": (29, "inter_pupil", 16),
        "ibug_68": (68, "inter_ocular", 21),
        "wflw_98": (98, "inter_ocular", 21),
    }
    found = {m.name: (m.num_points, m.default_normalizer, len(m.rigid_points)) for m in ALL}
    assert found == facts


def test_points_of_the_68_as_everyone_counts_them():
    markup = markups.MARKUPS["ibug_68"]
    known = {0: "jaw_0", 8: "jaw_8", 17: "left_brow_0", 27: "nose_bridge_0", 33: "nose_base_2"}
    known |= {36: "left_eye_0", 42: "right_eye_0", 48: "outer_lip_0", 60: "inner_lip_0"}
    assert {index: markup.points[index] for index in known} == known
    partner = markup.flip_permutation
    known = {0: 16, 17: 26, 31: 35, 36: 45, 39: 42, 41: 46, 48: 54, 59: 55, 60: 64, 67: 65}
    assert {index: partner[index] for index in known} == known
    middle = [i for i in range(68) if partner[i] == i]
    assert middle == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


@each_markup
def test_mirroring_twice_changes_nothing(markup):
    permutation = markup.flip_permutation
    assert [permutation[i] for i in permutation] == list(range(markup.num_points))


@each_markup
def test_a_mirrored_point_is_the_same_part_of_the_other_side(markup):
    sides = {"left": "right", "right": "left"}
    for point, partner in enumerate(markup.flip_permutation):
        part = re.sub(r"_\d+$", "", markup.points[point])
        swapped = "_".join(sides.get(word, word) for word in part.split("_"))
        assert re.sub(r"_\d+$", "", markup.points[partner]) == swapped


@each_markup
def test_outline_and_normalizers_look_the_same_in_a_mirror(markup):
    permutation = markup.flip_permutation
    edges = {frozenset(edge) for edge in markup.outline}
    assert {frozenset(permutation[i] for i in edge) for edge in edges} == edges
    assert len(edges) == len(markup.outline)
    for first, second in markup.normalizers.values():
        assert sorted(permutation[i] for i in first) == sorted(second)


@each_markup
def test_a_markup_survives_json(markup):
    assert markups.Markup.from_dict(json.loads(json.dumps(markup.to_dict()))) == markup


def test_own_markup_from_a_file(tmp_path):
    path = tmp_path / "cat.json"
    path.write_text(json.dumps(_own()), encoding="utf-8")
    markup = markups.Markup.load(str(path))
    assert markup.points == ("left_ear", "nose", "right_ear")
    assert markup.flip_permutation == [2, 1, 0]
    assert markup.normalizers["ears_to_nose"] == ((0, 2), (1,))
    assert markup.default_normalizer == "ear_to_ear"
    assert markup.normalizer_names == ("ear_to_ear", "ears_to_nose", "box_size", "box_diagonal")


def test_without_normalizers_the_box_is_the_default():
    assert markups.Markup.from_dict(_own(normalizers={})).default_normalizer == "box_size"


def test_index_of_a_point_by_its_name():
    markup = markups.MARKUPS["cofw_29"]
    assert markup.points[markup.index("nose_bottom")] == "nose_bottom"
    assert markup.index("left_brow_outer") == 0
    with pytest.raises(InputError, match=r"cofw_29 has no point 'nose_tipp'; expected nose_tip"):
        markup.index("nose_tipp")
    with pytest.raises(InputError, match=r"cat_3 has no point 'x'; expected left_ear, nose, right"):
        markups.Markup.from_dict(_own()).index("x")


@each_markup
def test_rigid_points_look_the_same_in_a_mirror(markup):
    """A mean face is its own mirror image."""
    permutation = markup.flip_permutation
    for index, (x, y, z) in markup.rigid_points.items():
        assert markup.rigid_points[permutation[index]] == (-x, y, z)


PLACES = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [2, 1, 3]]


def _head(places, **changes):
    points = [f"p{i}" for i in range(7)]
    rigid = dict(zip(points, places, strict=False))
    return _own(points=points, rigid_points=rigid, **changes)


def test_rigid_points_of_a_file_go_by_the_names_of_points(tmp_path):
    path = tmp_path / "head.json"
    path.write_text(json.dumps(_head(PLACES)), encoding="utf-8")
    markup = markups.Markup.load(path)
    assert markup.rigid_points == {i: tuple(place) for i, place in enumerate(PLACES)}
    assert markup.to_dict()["rigid_points"]["p5"] == [2, 1, 3]
    assert markups.Markup.from_dict(_own()).rigid_points == {}
    assert markups.Markup.from_dict(_own()).to_dict()["rigid_points"] == {}


def test_records_from_before_rigid_points_take_the_known_markup_s():
    for markup in ALL:
        record = markup.to_dict()
        del record["rigid_points"]
        assert markups.Markup.from_dict(record) == markup
    renamed = markups.MARKUPS["aflw_19"].to_dict()
    del renamed["rigid_points"]
    assert markups.Markup.from_dict({**renamed, "name": "mine"}).rigid_points == {}
    assert markups.Markup.from_dict(_own(name="ibug_68")).rigid_points == {}


BAD_RECORDS = {
    "points given twice": (_own(points=["ear", "nose", "ear"]), "ear.* more than once"),
    "no points": (_own(points=[]), "point names"),
    "points that are a number": (_own(points=3), "point names"),
    "points that are one word": (_own(points="ear"), "point names"),
    "points without names": (_own(points=[1, 2, 3]), "points contain 1, expected point names"),
    "an index too high": (_own(outline=[[0, 3]]), "3 is not in 0..2"),
    "a negative index": (_own(flip_pairs=[[0, -1]]), "-1 is not in 0..2"),
    "three of a pair": (_own(flip_pairs=[[0, 1, 2]]), "expected a pair"),
    "a point with two partners": (_own(flip_pairs=[[0, 1], [1, 2]]), "more than once"),
    "an empty group": (_own(normalizers={"ears": [[], [1]]}), "at least one"),
    "normalizers as a list": (_own(normalizers=[[0, 2]]), "normalizers is .*expected an object"),
    "a normalizer of one point": (_own(normalizers={"ears": [1, 1]}), "ears is always 0"),
    "a built-in normalizer": (_own(normalizers={"box_size": [0, 2]}), "box_size is built in"),
    "an index that is no number": (_own(outline=[[True, 2]]), "True is not in 0..2"),
    "an unknown default": (_own(default_normalizer="tail"), "'tail'"),
    "an unknown key": (_own(flips=[]), "unknown keys.*flips"),
    "five rigid points": (_head(PLACES[1:]), "5 points, .* expected six or more"),
    "flat rigid points": (_head([[x, y, 1] for x in (0, 1) for y in (0, 1, 2)]), "not coplanar"),
    "rigid points on one spot": (_head([[1, 2, 3]] * 7), "not coplanar"),
    "an unknown rigid point": (_own(rigid_points={"tail": [0, 0, 0]}), "'tail', .* not one of"),
    "a rigid point by index": (_own(rigid_points={"0": [0, 0, 0]}), "'0', .* not one of"),
    "a flat place": (_head([[0, 0], *PLACES[1:]]), r"p0 is \[0, 0\], expected three"),
    "a place without end": (_head([[0, 0, float("nan")], *PLACES[1:]]), "p0 is .*three numbers"),
    "a number beyond floats": (
        _own(rigid_points={"nose": [10**400, 0, 0]}),
        "rigid_points: nose is .*, expected three numbers",
    ),
    "pairs as a number": (_own(flip_pairs=7), "flip_pairs is 7, expected a list"),
    "rigid points as a list": (_own(rigid_points=PLACES), "rigid_points is .*expected an object"),
    "a missing key": ({"name": "cat", "points": ["nose"]}, "missing keys.*flip_pairs"),
    "not an object": ([1, 2], "expected a JSON object"),
}


@pytest.mark.parametrize("case", BAD_RECORDS)
def test_a_bad_markup_file_is_named_with_its_fault(case, tmp_path):
    record, message = BAD_RECORDS[case]
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match=rf"(?s)bad\.json: .*({message})"):
        markups.Markup.load(str(path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_markup_files_of_windows_editors(encoding, tmp_path):
    """Case 34: a byte-order mark in front, or UTF-16."""
    path = tmp_path / "cat.json"
    path.write_text(json.dumps({**_own(), "name": "Kätzchen"}, ensure_ascii=False), encoding)
    assert markups.Markup.load(path).name == "Kätzchen"


def test_unreadable_markup_files(tmp_path):
    with pytest.raises(InputError, match="unknown markup 'ibug68'.*aflw_19.*ibug_68"):
        markups.Markup.load("ibug68")
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        markups.Markup.load(str(tmp_path / "none.json"))
    half = tmp_path / "half.json"
    half.write_bytes(b"[" * 100000)
    with pytest.raises(InputError, match=r"half\.json: not a JSON file"):
        markups.Markup.load(str(half))
    half.write_bytes(b'{"name": "\xff')
    with pytest.raises(InputError, match=r"half\.json: not a JSON file"):
        markups.Markup.load(str(half))
