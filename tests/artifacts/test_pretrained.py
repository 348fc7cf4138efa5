"""Names of shipped models."""

import pytest

from evae_tf.artifacts import pretrained
from evae_tf.errors import InputError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two models, in place of the real one."""
    for name in ("small.keras", "small.tflite", "large.keras"):
        (tmp_path / name).touch()
    monkeypatch.setattr(pretrained, "_FOLDERS", (tmp_path / "not there", tmp_path))
    return tmp_path


def test_the_first_kind_that_exists_is_found(folder):
    assert pretrained.pretrained_names() == ["large", "small"]
    assert pretrained.find("small", ".tflite", ".keras") == folder / "small.tflite"
    assert pretrained.find("large", ".tflite", ".keras") == folder / "large.keras"


def test_an_unknown_name_is_answered_with_the_known_ones(folder):
    with pytest.raises(InputError, match=r"medium.*\['large', 'small'\]"):
        pretrained.find("medium", ".keras")
    with pytest.raises(InputError, match=r"large.*\.tflite"):
        pretrained.find("large", ".tflite")


def test_a_path_wins_over_a_name_when_something_is_there(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pretrained.locate("small", ".keras") == folder / "small.keras"
    (tmp_path / "small").mkdir()
    assert str(pretrained.locate("small", ".keras")) == "small"
    assert str(pretrained.locate("elsewhere/mine.keras", ".keras")) == "elsewhere/mine.keras"
