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

PORTRAIT = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
BOX = (181, 160, 352, 336)
# The mean of both models' landmarks, checked by eye on the portrait.
RECORDED = np.array(
    [
        (178.9, 206.1), (182.9, 229.3), (186.5, 251.1), (190.2, 273.2), (195.6, 294.2),
        (207.5, 311.7), (225.6, 324.8), (246.0, 333.6), (269.9, 334.4), (293.8, 331.3),
        (313.3, 319.9), (328.2, 304.1), (338.6, 284.8), (342.6, 263.3), (344.6, 241.6),
        (347.0, 218.8), (348.8, 196.4), (189.5, 180.3), (199.2, 169.2), (214.4, 165.0),
        (230.7, 165.9), (247.0, 171.2), (280.1, 169.2), (295.1, 162.6), (311.0, 160.2),
        (326.7, 163.4), (337.7, 174.3), (265.1, 188.8), (266.5, 204.8), (267.8, 220.6),
        (268.8, 236.8), (249.4, 247.9), (258.6, 250.5), (268.4, 253.0), (278.2, 249.6),
        (287.1, 245.8), (209.6, 195.1), (218.5, 188.9), (229.5, 188.4), (239.8, 195.0),
        (229.3, 196.9), (218.6, 197.5), (288.2, 192.4), (298.0, 184.4), (309.6, 183.6),
        (318.9, 189.3), (310.3, 192.7), (299.2, 193.4), (232.7, 279.8), (245.8, 274.2),
        (258.9, 271.2), (268.8, 273.3), (278.4, 270.7), (290.9, 272.2), (303.1, 275.9),
        (291.6, 284.3), (279.7, 287.8), (269.5, 289.0), (258.9, 288.6), (245.8, 286.1),
        (237.6, 279.8), (258.8, 278.3), (269.0, 279.1), (279.0, 277.8), (298.3, 276.8),
        (279.3, 278.0), (269.2, 279.2), (259.0, 278.4),
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
