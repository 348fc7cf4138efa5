"""The configuration: strict overrides, and what a preset may not be."""

import dataclasses
import json

import pytest

from evae_tf import config as configs
from evae_tf.config_text import override
from evae_tf.errors import InputError
from evae_tf.presets import PRESETS

DEFAULT = PRESETS["default"]


def test_every_kind_of_field_is_parsed():
    config = override(
        DEFAULT,
        [
            *("epochs=3", "learning_rate=1e-4", "grey=true", "map_label=diamond"),
            *("encoder_filters=8,16,24", "regressor_bottleneck=none", "architecture=fcn"),
        ],
    )
    assert (config.epochs, config.learning_rate, config.grey) == (3, 1e-4, True)
    assert config.map_label == "diamond"
    assert config.encoder_filters == (8, 16, 24)
    assert config.regressor_bottleneck is None
    assert config.architecture == "fcn"


def test_fields_of_the_augmentation_are_set_behind_a_dot():
    config = override(DEFAULT, ["augmentation.scale=0.1", "epochs=3", "augmentation.jpeg_rate=0"])
    changed = dataclasses.replace(configs.Augmentation(), scale=0.1, jpeg_rate=0.0)
    assert config == dataclasses.replace(DEFAULT, epochs=3, augmentation=changed)


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("epoch=3", "learning_rate"),  # the known fields are listed
        ("epochs", "field=value"),
        ("epochs=three", "epochs=three"),
        ("grey=yes", "true or false"),
        ("grey=1", "true or false"),
        ("map_label=square", "gaussian or diamond"),
        ("encoder_filters=8,x", "encoder_filters=8,x"),
        ("encoder_filters=8,16", "one entry per stage"),
        ("input_size=104", "multiple of 16"),
        ("decoder_strides=2,2,2", "concatenated"),
        ("epochs=0", "epochs=0"),
        ("learning_rate=nan", "learning_rate=nan"),
        ("encoder_strides=4,2,17", "encoder_strides=.* between 1 and 16"),
        ("kl_warmup=1.5", "between 0 and 1"),
        ("augmentation.scale=1.5", "augmentation.scale=1.5: must be between 0 and 1"),
        ("augmentation.rotation_degrees=-1", "between 0 and 180"),
        ("augmentation.zoom=0.1", "augmentation.scale"),  # the known fields are listed
        ("augmentation=none", "augmentation.scale"),
        ("seed=-1", "seed=-1"),
        ("dataset=300w", "use the flag"),
        ("architecture=resnet", "evae_cnn"),
    ],
)
def test_a_wrong_override_says_what_was_expected(assignment, told):
    with pytest.raises(InputError, match=told):
        override(DEFAULT, [assignment])


@pytest.mark.parametrize("name", PRESETS)
def test_a_config_survives_its_dict(name):
    config = PRESETS[name]
    assert config.preset == name
    record = json.loads(json.dumps(configs.to_dict(config)))
    tuples = {name: tuple(value) for name, value in record.items() if isinstance(value, list)}
    augmentation = configs.Augmentation(**record["augmentation"])
    assert configs.Config(**{**record, **tuples, "augmentation": augmentation}) == config


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"optimizer": "adam"}, "optimizer='adam': expected adamw or muon"),
        ({"epochs": 2.5}, "epochs=2.5: expected an integer"),
        ({"epochs": True}, "epochs=True: expected an integer"),
        ({"uncertainty": "no"}, "expected true or false"),
        ({"learning_rate": "fast"}, "expected a number"),
        ({"regressor_bottleneck": "x"}, "expected an integer or none"),
        ({"encoder_filters": [48, 64, 128]}, "expected a tuple of integers, one per stage"),
        ({"augmentation": {"scale": 0.1}}, "expected Augmentation"),
        (
            {f"encoder_{name}": () for name in ("filters", "strides", "blocks")},
            "encoder_filters are empty",
        ),
    ],
)
def test_a_value_of_another_type_is_refused(fields, told):
    with pytest.raises(InputError, match=told):
        dataclasses.replace(DEFAULT, **fields)


def test_presets_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT.epochs = 3
