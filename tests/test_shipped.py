"""Each shipped file on a portrait: landmarks as recorded, after they were seen to be right."""

import functools

import keras
import matplotlib.cbook
import matplotlib.image
import numpy as np
import pytest

from evae_tf import Aligner, geometry, load_pretrained
from evae_tf.artifacts import pretrained
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.head_pose import HeadPose
from evae_tf.markups import MARKUPS
from tests.portrait import PORTRAIT

BOX = (181, 160, 352, 336)
# The mean of both models' landmarks, checked by eye on the portrait.
RECORDED = np.array(
    [
        (180.0, 199.6), (181.5, 224.2), (186.6, 248.5), (192.1, 269.6), (198.5, 291.0),
        (208.7, 310.3), (224.4, 324.4), (245.9, 332.1), (270.0, 332.4), (293.2, 329.5),
        (313.2, 320.6), (328.7, 305.8), (337.4, 286.8), (341.5, 265.6), (344.3, 243.1),
        (348.4, 218.6), (349.4, 194.3), (191.9, 176.3), (202.5, 164.6), (217.7, 159.4),
        (233.3, 162.1), (247.5, 171.4), (280.3, 168.5), (294.1, 158.1), (309.7, 155.4),
        (324.4, 160.1), (334.5, 171.4), (264.3, 188.3), (265.7, 205.6), (267.3, 222.4),
        (268.5, 239.5), (247.2, 246.8), (256.9, 250.1), (267.9, 253.2), (278.6, 250.0),
        (288.0, 246.1), (209.3, 193.2), (218.1, 187.1), (229.2, 188.2), (238.4, 194.1),
        (228.8, 196.5), (218.2, 196.7), (290.3, 191.5), (299.4, 184.1), (309.8, 182.9),
        (318.3, 187.7), (310.9, 191.2), (300.7, 192.0), (234.3, 280.9), (245.9, 273.9),
        (258.1, 271.3), (267.6, 274.0), (277.9, 271.6), (290.3, 273.7), (302.6, 277.1),
        (291.1, 283.2), (279.3, 287.0), (267.9, 288.7), (257.8, 288.2), (246.0, 285.6),
        (238.4, 280.3), (258.0, 278.8), (267.5, 279.5), (278.1, 278.0), (298.5, 277.3),
        (278.0, 278.5), (267.5, 280.0), (257.9, 279.2),
    ]
)  # fmt: skip
RECORDED_FIVE = np.array(
    [(222.4, 190.3), (305.3, 185.8), (267.2, 240.1), (232.2, 279.4), (301.6, 275.7)]
)
FILES = ("mobile_68.tflite", "mobile_68.keras", "server_68.keras")


@functools.cache
def aligner_of(name):
    """Opened once: Keras takes seconds to open a file and to trace its network."""
    stem, _, kind = name.partition(".")
    return Aligner.load(pretrained.find(stem, f".{kind}"))


@pytest.mark.parametrize("name", FILES)
def test_a_shipped_file_finds_the_recorded_landmarks(name):
    (face,) = aligner_of(name)(PORTRAIT, boxes=[BOX])
    errors = np.linalg.norm(face.landmarks - RECORDED, axis=1)
    assert errors.mean() < 0.02 * np.linalg.norm(RECORDED[36] - RECORDED[45])
    assert face.score > 0.9
    assert face.covariance.shape == (68, 2, 2)
    assert face.visibility.min() > 0.5


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_face_that_lies_or_is_upside_down_is_found_as_well(name, quarters):
    portrait = matplotlib.image.imread(PORTRAIT)
    corners, expected = np.float32(BOX).reshape(2, 2), RECORDED
    for _ in range(quarters):  # counter-clockwise
        width = portrait.shape[1]
        portrait = np.rot90(portrait)
        corners, expected = (
            np.stack([points[:, 1], width - 1 - points[:, 0]], axis=1)
            for points in (corners, expected)
        )
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    (face,) = aligner_of(name)(np.ascontiguousarray(portrait), boxes=[box])
    errors = np.linalg.norm(face.landmarks - expected, axis=1)
    assert errors.mean() < 0.03 * np.linalg.norm(expected[36] - expected[45])
    assert face.score > 0.9


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("yaw", [-80, 80])
def test_of_a_profile_the_seen_side_is_found_and_the_other_one_known_to_be_hidden(name, yaw):
    markup = MARKUPS["ibug_68"]
    drawn, _ = synthetic.draw_face(markup, (0, 2, 8), pose=HeadPose(yaw, 0, 0), occluded=False)
    (face,) = aligner_of(name)(drawn.image, boxes=[drawn.box])
    errors = np.linalg.norm(face.landmarks - drawn.landmarks, axis=1)
    assert errors[drawn.visible].mean() < 0.06 * geometry.box_size(drawn.box)
    nearer = range(42, 48) if yaw < 0 else range(36, 42)
    seen, hidden = (face.visibility[list(eye)] for eye in (nearer, [*{*range(36, 48)} - {*nearer}]))
    assert seen.mean() > 0.8 > 0.3 > hidden.mean()


@pytest.mark.parametrize("kind", [".tflite", ".keras"])
def test_the_free_model_finds_the_recorded_landmarks_less_precisely(kind):
    """Its jaw and brows follow another definition; the inner points do not."""
    (face,) = Aligner.load(pretrained.find("free_68", kind))(PORTRAIT, boxes=[BOX])
    errors = np.linalg.norm(face.landmarks - RECORDED, axis=1)
    errors /= np.linalg.norm(RECORDED[36] - RECORDED[45])
    assert errors.mean() < 0.035
    assert errors[27:].mean() < 0.025
    assert face.score > 0.9
    assert face.visibility.min() > 0.5


@pytest.mark.parametrize("kind", [".tflite", ".keras"])
def test_five_points_are_found_without_a_box(kind):
    """Also at the second pass, whose crop is not the one around the tight box of five points."""
    (face,) = Aligner.load(pretrained.find("mobile_5", kind))(PORTRAIT)
    errors = np.linalg.norm(face.landmarks - RECORDED_FIVE, axis=1)
    assert errors.mean() < 0.02 * np.linalg.norm(RECORDED_FIVE[0] - RECORDED_FIVE[1])
    assert face.score > 0.9
    # The box is one of a face, as MTFL's detector gives it: eyes and mouth fill half of it.
    extent, side = (np.ptp(p, axis=0).max() for p in (face.landmarks, face.box.reshape(2, 2)))
    assert extent < 0.6 * side


def test_models_are_found_by_name_and_small_enough_for_git():
    assert pretrained.pretrained_names() == ["free_68", "mobile_5", "mobile_68", "server_68"]
    assert load_pretrained("mobile_68").metadata["preset"] == "mobile"
    for name in ("free_68", "mobile_5", "mobile_68"):
        assert pretrained.find(name, ".tflite").stat().st_size < 1.2e6
    folder = pretrained.find("mobile_68", ".tflite").parent
    assert sum(path.stat().st_size for path in folder.iterdir()) < 40e6


@pytest.mark.parametrize("name", ["free_68", "mobile_68", "server_68"])
def test_the_regressor_of_a_shipped_model_is_alive(name):
    """Of two faces it says different things: it is no constant beside the maps."""
    model = load_pretrained(name)
    faces = [synthetic.draw_face(MARKUPS["ibug_68"], seed)[0] for seed in range(2)]
    size, margin = model.metadata["input_size"], model.metadata["crop_margin"]
    crops = cut_crops(faces, size=size, margin=margin).model_input()
    early_features, _, outputs = model.evae.respond(keras.ops.convert_to_tensor(crops))
    features = keras.ops.concatenate([early_features, outputs["response_maps"]], axis=-1)
    offsets = keras.ops.convert_to_numpy(model.regressor(features)[0])
    assert np.abs(offsets[0] - offsets[1]).mean() > 1e-4
