"""Detectors of the user's own: functions that return boxes, scores and keypoints."""

import numpy as np
import pytest

from evae_tf import Aligner, geometry
from evae_tf.align.detections import Detections
from evae_tf.errors import InputError

BOX = (183, 158, 347, 335)  # of the face in the portrait


@pytest.mark.parametrize(
    ("found", "score"),
    [
        ([BOX], None),
        (np.float64([[*BOX, 0.75]]), 0.75),
        (Detections(np.float32([BOX]), np.float32([0.5])), 0.5),
    ],
)
def test_a_detector_may_be_a_function_of_the_users(portrait, found, score):
    once = Aligner.load(detector=lambda image: found, passes=1)
    (face,) = once(portrait)
    (expected,) = once(portrait, boxes=[BOX])
    np.testing.assert_array_equal(face.landmarks, expected.landmarks)
    assert face.detection_score == score
    assert expected.detection_score is None
    assert face.confidence == (face.score if score is None else (face.score + score) / 2)
    assert face.to_dict().get("detection_score") == score


def test_both_scores_decide_what_is_a_face(portrait):
    """Only one of the two scores may be low for a face."""
    background = (5, 5, 60, 60)
    boxes = [(*BOX, 0.0), (*background, 0.95), (*background, 0.1)]
    kept = [Aligner.load(detector=lambda image, box=box: [box])(portrait) for box in boxes]
    assert [len(faces) for faces in kept] == [1, 1, 0]
    assert kept[0][0].score > 0.9 > 0.3 > kept[1][0].score


def test_keypoints_set_the_first_crop_upright(portrait):
    """A head on its side, which one pass does not find in an upright crop."""
    (upright,) = Aligner.load(passes=1)(portrait)
    lying = np.ascontiguousarray(np.rot90(portrait))  # (x, y) -> (y, 511 - x)

    def turned(points):
        return np.stack([points[..., 1], 511 - points[..., 0]], axis=-1)

    five = np.stack([points.mean(axis=0) for points in np.split(upright.landmarks[36:48], 2)])
    five = np.concatenate([five, upright.landmarks[[30, 48, 54]]])
    expected = turned(upright.landmarks)
    box = geometry.landmark_box(expected)[None]
    once = Aligner.load(
        detector=lambda image: Detections(box, np.ones(1), turned(five)[None]), passes=1
    )
    (face,) = once(lying)
    off = np.linalg.norm(face.landmarks - expected, axis=1).mean()
    assert off < 0.03 * np.linalg.norm(expected[36] - expected[45])
    (without,) = once(lying, boxes=box)
    assert np.linalg.norm(without.landmarks - expected, axis=1).mean() > 5 * off


def test_a_face_whose_landmarks_fail_keeps_the_box_that_was_found(portrait):
    """On noise, landmarks are meaningless; the box of a confident detection is kept."""
    scene = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    box = np.float32([150, 100, 172, 122])
    (face,) = Aligner.load(detector=lambda image: [[*box, 0.99]])(scene)
    assert face.score < 0.1
    squares = geometry.square_around(np.stack([face.box, box]), 0.0)
    assert geometry.squares_overlap(*squares) > 0.5


def test_a_box_that_is_far_too_large_does_not_mislead(portrait):
    """Given or detected, a box only initialises the search."""
    right, large = np.array([183, 158, 347, 335]), np.array([120, 95, 410, 400])
    twice = Aligner.load(detector=lambda image: large[None])
    (expected,) = twice(portrait, boxes=[right])
    for (face,) in (twice(portrait), twice(portrait, boxes=[large])):
        off = np.linalg.norm(face.landmarks - expected.landmarks, axis=1).mean()
        assert off < 0.02 * (right[2] - right[0])


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (None, r"shape \[\]"),
        ([[1, 2, 3, 4, 0.9, 7]], r"shape \[1, 6\], expected \[N, 4\]"),
        ([[1, 2, np.nan, 4]], "nan"),
        ([[5, 5, 4, 4]], "is empty"),
        ([[1, 2, 3, 4], [1, 2]], "expected a numeric array"),
        ([[1, 2, 3, 4, 1.5]], "scores are outside"),
        (
            Detections(np.ones((1, 4)) * [1, 1, 9, 9], np.ones(2)),
            r"scores: .* \[2\], expected .* \[1\]",
        ),
        (
            Detections(np.ones((1, 4)) * [1, 1, 9, 9], np.ones(1), np.ones((1, 4, 2))),
            r"keypoints: .* \[1, 4, 2\], expected .* \[1, 5, 2\]",
        ),
    ],
)
def test_what_is_no_boxes_is_refused(portrait, found, sentence):
    with pytest.raises(InputError, match=f"the detector: .*{sentence}"):
        Aligner.load(detector=lambda image: found)(portrait)


@pytest.mark.parametrize("found", [[], np.zeros((0, 4)), np.zeros((0, 5))])
def test_a_detector_may_find_nothing(portrait, found):
    assert Aligner.load(detector=lambda image: found)(portrait) == []
