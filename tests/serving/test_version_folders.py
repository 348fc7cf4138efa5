"""Which versions a folder of models gets, and what is left alone."""

import pytest
import tensorflow as tf

from evae_tf import config, markups
from evae_tf.config_text import override
from evae_tf.data import synthetic
from evae_tf.errors import InputError
from evae_tf.exporting.export import export_model
from evae_tf.models.build import build_model
from evae_tf.serving import warm_up


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """(an untrained 5-point model, faces), which is fast to export."""
    folder, five = tmp_path_factory.mktemp("tiny"), markups.MARKUPS["mtfl_5"]
    sizes = ["input_size=32", "encoder_filters=4,4,4", "decoder_filters=4,4,4"]
    build_model(override(config.Config(), sizes), five).save(folder / "model.keras")
    return folder / "model.keras", synthetic.read("val", five, count=2)


def test_versions_are_counted_up(tiny, tmp_path):
    model, faces = tiny
    (entry,) = export_model(model, tmp_path, ["serving"], faces=faces)
    assert entry["path"] == "1"
    (tmp_path / "1").rename(tmp_path / "7")
    (tmp_path / "notes").mkdir()
    (entry,) = export_model(model, tmp_path, ["serving"], faces=faces, outputs=["landmarks"])
    assert entry["path"] == "8"
    assert {path.name for path in tmp_path.iterdir()} == {"7", "8", "notes", "export.json"}
    outputs = tf.saved_model.load(str(tmp_path / "8")).signatures["align_bytes"].structured_outputs
    assert set(outputs) == {"landmarks", "valid"}


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_another_model_is_left_alone(served, tiny):
    (model, faces), before = tiny, contents(served[1].parent)
    with pytest.raises(InputError, match="ibug_68, 68 points.*mtfl_5, 5 points"):
        export_model(model, served[1].parent, ["serving"], faces=faces)
    assert contents(served[1].parent) == before


def test_a_folder_with_a_model_of_others_is_left_alone(tiny, tmp_path):
    model, faces = tiny
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "saved_model.pb").write_bytes(b"theirs")
    with pytest.raises(InputError, match="3.*description"):
        export_model(model, tmp_path, ["serving"], faces=faces)
    assert contents(tmp_path) == {tmp_path / "3" / "saved_model.pb": b"theirs"}


@pytest.mark.parametrize("wrong", ["it differs", "it is interrupted"])
def test_a_version_that_is_not_right_is_not_kept(tiny, tmp_path, monkeypatch, wrong):
    (model, faces), expected = tiny, InputError

    def interrupted(*_):
        raise KeyboardInterrupt

    if wrong == "it differs":
        monkeypatch.setitem(warm_up.TOLERANCES, "align_bytes", 0.0)
    else:
        monkeypatch.setattr(warm_up, "compare_signatures", interrupted)
        expected = KeyboardInterrupt
    with pytest.raises(expected):
        export_model(model, tmp_path, ["serving"], faces=faces)
    assert list(tmp_path.iterdir()) == []
