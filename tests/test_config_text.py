"""Configurations as files."""

import json

import pytest

from evae_tf import config as configs
from evae_tf import config_text
from evae_tf.errors import InputError
from evae_tf.presets import PRESETS


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_preset_survives_the_file(preset, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(config_text.dump(PRESETS[preset]))
    assert config_text.read(path) == PRESETS[preset]


def test_some_fields_are_enough(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"epochs": 3, "encoder_filters": [8, 8, 8], "augmentation": {"scale": 0.1}}')
    config = config_text.read(path)
    assert (config.epochs, config.encoder_filters) == (3, (8, 8, 8))
    assert config.augmentation.scale == 0.1
    assert config.learning_rate == configs.Config().learning_rate


def test_the_file_of_a_training_folder_is_one(tmp_path):
    path = tmp_path / "config.json"
    record = {"config": {"epochs": 5}, "data": {"markup": "mtfl_5"}}
    path.write_text(json.dumps(record))
    assert config_text.read(path).epochs == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs: 3", ["not a JSON file"]),
        ("[1, 2]", ["a list", "JSON object"]),
        ('{"epoch": 3}', ["epoch", "epochs", "learning_rate"]),
        ('{"epochs": "many"}', ["epochs='many'", "an integer"]),
        ('{"epochs": 0}', ["epochs=0", "between 1"]),
        ('{"augmentation": {"twist": 1}}', ["augmentation.twist"]),
        ('{"augmentation": 3}', ["augmentation"]),
        ('{"optimizer": {"a": 1}}', ["optimizer.a"]),
    ],
)
def test_a_wrong_file_is_one_sentence(text, words, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        config_text.read(path)
    message = str(raised.value)
    assert message.startswith(str(path))
    assert all(word in message for word in words), message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        config_text.read(tmp_path / "none.json")
