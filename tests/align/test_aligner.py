"""The aligner with the shipped models, on the portrait that comes with matplotlib."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from evae_tf import Aligner, geometry, markups
from evae_tf.align.detection import whole_image
from evae_tf.errors import InputError
from tests.portrait import PORTRAIT


@pytest.fixture(scope="module")
def aligner():
    return Aligner.load("mobile_68")


def eye_distance(landmarks):
    return np.linalg.norm(landmarks[36] - landmarks[45])


def test_the_portrait_has_one_face(aligner, portrait):
    (face,) = aligner(PORTRAIT)
    assert face.score > 0.9
    assert face.landmarks.shape == (68, 2)
    assert face.landmarks.dtype == np.float32
    np.testing.assert_allclose(face.box, geometry.landmark_box(face.landmarks))
    # The portrait is 512 x 600, the head in its upper middle.
    assert 40 < eye_distance(face.landmarks) < 200
    (again,) = aligner(portrait)
    np.testing.assert_array_equal(again.landmarks, face.landmarks)


def test_a_face_is_found_wherever_it_stands_and_as_often(aligner, portrait):
    (alone,) = aligner(portrait)
    height, width, _ = portrait.shape
    twice = np.concatenate([portrait, portrait[:, ::-1]], axis=1)
    faces = sorted(aligner(twice), key=lambda face: face.box[0])
    assert len(faces) == 2
    limit = 0.04 * eye_distance(alone.landmarks)
    assert np.linalg.norm(faces[0].landmarks - alone.landmarks, axis=1).mean() < limit
    mirrored = faces[1].landmarks[list(aligner.markup.flip_permutation)]
    mirrored[:, 0] = 2 * width - 1 - mirrored[:, 0]
    assert np.linalg.norm(mirrored - alone.landmarks, axis=1).mean() < limit


@pytest.mark.parametrize("kind", ["black", "noise", "gradient"])
def test_a_picture_without_a_face_has_none(aligner, kind):
    y, x = np.mgrid[:240, :320]
    image = {
        "black": np.zeros((240, 320, 3)),
        "noise": np.random.default_rng(0).integers(0, 256, (240, 320, 3)),
        "gradient": np.stack([x / 2, y, (x + y) / 3], axis=-1),
    }[kind]
    assert aligner(image.astype(np.uint8)) == []


def test_known_boxes_give_a_face_each_in_their_order(aligner, portrait):
    (found,) = aligner(portrait)
    background = (5, 5, 60, 60)
    face, other = aligner(portrait, boxes=[found.box + [-6, 4, 3, 8], background])
    assert np.linalg.norm(face.landmarks - found.landmarks, axis=1).mean() < 0.03 * eye_distance(
        found.landmarks
    )
    assert other.score < 0.5 < face.score


@pytest.mark.parametrize(
    "box", [(10, 10, 10, 50), (600, 10, 700, 90), (10, 10, np.nan, 90), (-90, -90, -5, -5)]
)
def test_an_impossible_box_is_refused(aligner, portrait, box):
    with pytest.raises(InputError, match="box"):
        aligner(portrait, boxes=[box])


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"passes": 3}, "passes=3"),
        ({"num_threads": 0}, "num_threads=0"),
        ({"num_threads": -1}, "num_threads=-1"),
        ({"min_score": 1.5}, "min_score=1.5"),
        ({"min_score": float("nan")}, "min_score=nan"),
        ({"max_faces": 0}, "max_faces=0"),
        ({"detector": "eyes"}, "'eyes' is unknown"),
        ({"detector": None}, "None is unknown"),
        ({"model": "nosuch"}, "mobile_68"),
    ],
)
def test_a_setting_out_of_its_range_is_named(setting, sentence):
    with pytest.raises(InputError, match=sentence):
        Aligner.load(**setting)


def test_a_model_of_one_landmark_is_refused():
    class Predictor:
        class metadata:
            markup = markups.Markup.from_dict(
                {"name": "m", "points": ["a"], "flip_pairs": [], "normalizers": {}, "outline": []},
                "the test",
            )

    with pytest.raises(InputError, match="one landmark"):
        Aligner(Predictor(), detector=whole_image)


def test_a_batch_gives_what_single_calls_give(aligner, portrait):
    images = [portrait, np.zeros((50, 70, 3), np.uint8), portrait[:, ::-1].copy()]
    together = aligner.batch(images)
    assert [len(faces) for faces in together] == [1, 0, 1]
    for image, faces in zip(images, together, strict=True):
        for face, alone in zip(faces, aligner(image), strict=True):
            np.testing.assert_allclose(face.landmarks, alone.landmarks, atol=1e-3)


def test_of_nothing_there_are_no_faces(aligner, portrait):
    assert aligner.batch([]) == []
    assert aligner.batch([], boxes=[]) == []
    assert aligner(portrait, boxes=[]) == []
    assert aligner.follow(portrait, []) == []
    one, none = aligner.batch([portrait] * 2, boxes=[[(183, 158, 347, 335)], np.zeros((0, 4))])
    assert (len(one), len(none)) == (1, 0)
    with pytest.raises(InputError, match="boxes for 1 images, expected 2"):
        aligner.batch([portrait] * 2, boxes=[[]])


def test_the_best_faces_are_kept(portrait):
    """A clear face beside one of half the size that is blurred until its scores are lower."""
    small = cv2.GaussianBlur(cv2.resize(portrait, (256, 300)), (0, 0), 4)
    scene = np.full((600, 800, 3), 128, np.uint8)
    scene[:, :512], scene[150:450, 530:786] = portrait, small
    clear, blurred = Aligner.load(min_score=0.0)(scene)
    assert clear.score > blurred.score + 0.001
    assert clear.box[0] < 512 < blurred.box[0]
    (kept,) = Aligner.load(min_score=0.0, max_faces=1)(scene)
    np.testing.assert_array_equal(kept.landmarks, clear.landmarks)
    between = (clear.confidence + blurred.confidence) / 2
    (kept,) = Aligner.load(min_score=between)(scene)
    np.testing.assert_array_equal(kept.landmarks, clear.landmarks)
    strict = Aligner.load(min_score=1.0, max_faces=1)
    assert strict(scene) == []
    assert len(strict(scene, boxes=[clear.box, blurred.box])) == 2


def test_a_turned_portrait_turns_landmarks_and_covariance(portrait):
    """The second pass is upright, so a tilted head should be aligned as well as a straight one."""
    aligner = Aligner.load("server_68")
    (face,) = aligner(portrait)
    angle, centre = np.float32(np.radians(20)), np.float32([255.5, 255.5])
    turned = geometry.cut_square(portrait, [*centre, 512.0], 512, -float(angle))
    moved = geometry.rotate(face.landmarks - centre, angle) + centre
    (other,) = aligner(turned, boxes=[geometry.landmark_box(moved)])
    assert np.linalg.norm(other.landmarks - moved, axis=1).mean() < 0.03 * eye_distance(moved)
    cosine, sine = np.cos(angle), np.sin(angle)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    expected = rotation @ face.covariance @ rotation.T
    scale = np.trace(expected.mean(axis=0))
    assert np.abs(other.covariance.mean(axis=0) - expected.mean(axis=0)).max() < 0.12 * scale


def test_a_chip_is_the_face_with_level_eyes(aligner, portrait):
    (face,) = aligner(portrait)
    chip = face.chip(128)
    assert chip.shape == (128, 128, 3)
    (again,) = aligner(chip, boxes=[(13, 13, 115, 115)])
    eyes = [again.landmarks[list(group)].mean(axis=0) for group in ((36, 39), (42, 45))]
    assert abs(eyes[0][1] - eyes[1][1]) < 3
    assert again.score > 0.9


def test_a_tflite_model_needs_no_large_library():
    code = (
        "import sys; from evae_tf.align.aligner import Aligner;"
        "Aligner.load('mobile_68')(sys.argv[1]);"
        "print(sorted({'tensorflow', 'keras', 'tf_keras', 'tensorflow_probability', 'matplotlib',"
        " 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, PORTRAIT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_crowd_is_found(aligner, portrait):
    """300 heads of 45 pixels each in a photo of 1,600 x 1,200."""
    head = cv2.resize(portrait[40:420, 90:440], (74, 80), interpolation=cv2.INTER_AREA)
    crowd = np.full((1200, 1600, 3), 110, np.uint8)
    for index in range(300):
        top, left = 79 * (index // 20) + 1, 80 * (index % 20) + 3
        crowd[top : top + 80, left : left + 74] = head
    faces = aligner(crowd)
    assert len(faces) >= 270
    places = {(int(face.box[1]) // 79, int(face.box[0]) // 80) for face in faces}
    assert len(places) >= 270


def test_a_point_has_a_name(aligner, portrait):
    (face,) = aligner(portrait)
    np.testing.assert_array_equal(face.point("jaw_8"), face.landmarks[8])  # the chin
    assert face.point("nose_bridge_3").shape == (2,)
    with pytest.raises(InputError, match="ibug_68 has no point 'chin'.*jaw_16"):
        face.point("chin")


@pytest.mark.parametrize("size", [0, -1, 112.0, (112, 96)])
def test_a_chip_of_an_impossible_size_is_refused(aligner, portrait, size):
    (face,) = aligner(portrait, boxes=[(183, 158, 347, 335)])
    with pytest.raises(InputError, match="expected an integer"):
        face.chip(size)


@pytest.mark.parametrize("edge", ["left", "right", "top", "bottom"])
def test_a_face_cut_by_the_border_keeps_its_landmarks(aligner, portrait, edge):
    """A quarter of the face is outside; the landmarks inside hardly move."""
    (whole,) = aligner(portrait)
    left, top, right, bottom = np.rint(whole.box).astype(int)
    wide, high = (right - left) // 4, (bottom - top) // 4
    x0, y0, x1, y1 = {
        "left": (left + wide, 0, 512, 600),
        "right": (0, 0, right - wide, 600),
        "top": (0, top + high, 512, 600),
        "bottom": (0, 0, 512, bottom - high),
    }[edge]
    cut = np.ascontiguousarray(portrait[y0:y1, x0:x1])
    (face,) = aligner(cut, boxes=[whole.box - [x0, y0, x0, y0]])
    found = face.landmarks + [x0, y0]
    inside = (whole.landmarks >= [x0, y0]) & (whole.landmarks < [x1, y1])
    errors = np.linalg.norm(found - whole.landmarks, axis=1)[inside.all(axis=1)]
    assert errors.mean() < 0.15 * eye_distance(whole.landmarks)


def test_an_image_of_one_pixel_has_no_face(aligner):
    assert aligner(np.zeros((1, 1, 3), np.uint8)) == []


@pytest.mark.parametrize("method", ["follow", "search"])
@pytest.mark.parametrize("faces", [3, "faces", [np.zeros((68, 2))]])
def test_faces_of_another_type_are_refused(aligner, portrait, method, faces):
    with pytest.raises(InputError, match="aligned faces"):
        getattr(aligner, method)(portrait, faces)
