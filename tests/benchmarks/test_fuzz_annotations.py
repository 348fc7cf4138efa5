"""Damaged annotation files are read or refused with one sentence: a sample of the benchmark."""

import warnings

import numpy as np
import pytest

from benchmarks import damage
from benchmarks.fuzz_annotations import KINDS, drawn_faces, is_sentence, outcome

_SLOW = ("cofw grey", "aflw19")  # these are tested in a separate process


@pytest.mark.parametrize("name", KINDS)
def test_every_damaged_file_is_read_or_refused(name, tmp_path):
    kind = KINDS[name]
    kind.write(tmp_path, drawn_faces(kind.markup))
    intact = (tmp_path / kind.file).read_bytes()
    kind.read(tmp_path)
    numbers = range(8 if name in _SLOW else 28)
    found = [outcome(name, 1, number, tmp_path, intact) for number in numbers]
    assert [each for each in found if each[0] == "other"] == []
    assert "refused" in [word for word, _ in found]


def test_what_is_no_sentence_is_found(tmp_path):
    path = tmp_path / "faces.csv"
    good = f"{path}, row 3: x0 is 'wide', expected a number."
    assert is_sentence(good, tmp_path, path)
    for bad in (good + ".", good[:-1], "faces.csv: wrong.", f"{path}: {good}", f"{path}: a\nb."):
        assert not is_sentence(bad, tmp_path, path)


def test_exceptions_and_warnings_are_no_refusals(tmp_path, monkeypatch):
    def read(_):
        warnings.warn("overflow", RuntimeWarning, stacklevel=2)

    for broken in (read, lambda _: 1 / 0):
        monkeypatch.setitem(
            KINDS, "csv", type(KINDS["csv"])(**vars(KINDS["csv"]) | {"read": broken})
        )
        KINDS["csv"].write(tmp_path, drawn_faces("mtfl_5"))
        assert outcome("csv", 0, 0, tmp_path, b"image,x0\n")[0] == "other"


def test_the_same_seed_makes_the_same_damage(tmp_path):
    contents = []
    for seed in (3, 3, 4):
        path = tmp_path / "list.txt"
        path.write_text("a 1 2\nb 3 4\n" * 20)
        damage.damage_text(path, np.random.default_rng(seed))
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] != contents[2]
