"""How two passes are combined to the landmarks of a face."""

from typing import Any

import numpy as np
import pytest

from evae_tf import geometry, markups
from evae_tf.align import passes
from evae_tf.align.detections import Detections
from evae_tf.align.face_score import probe_squares
from evae_tf.align.passes import faces_in_boxes

IMAGE = np.zeros((100, 100, 3), np.uint8)
SIDE = 40.0
BOX = np.float32([[30, 30, 70, 70]])
MISS = np.float32([0.1, -0.05])  # of the crop, between the second pass and all others
# The crop of these points is that of `BOX`: level eyes, and as large as it.
POINTS = np.float32([[0, 0], [1, 0], [0.5, 0.5], [0.2, 1], [0.8, 1]])


@pytest.fixture
def scores(monkeypatch):
    """Scripted scores of faces, one after the other."""
    scripted: list[float] = []
    monkeypatch.setattr(passes, "face_score", lambda *_: np.float32([scripted.pop(0)]))
    return scripted


class _Scripted:
    """A scripted model: returns the next answer for any image."""

    class metadata:
        markup, input_size, crop_margin = markups.MARKUPS["mtfl_5"], 16, 0.0
        face_box, side_shift = geometry.TIGHT_BOX, None

    def __init__(self, variances: list[float] | None) -> None:
        self.variances = variances
        self.calls = 0

    def predict(self, images: Any) -> dict[str, Any]:
        second = self.calls == 1
        outputs = {"landmarks": (POINTS + MISS * second)[None]}
        if self.variances:
            variance = self.variances[min(self.calls, 1)]
            outputs["covariance"] = np.tile(variance * np.eye(2, dtype=np.float32), (1, 5, 1, 1))
        self.calls += 1
        return outputs


@pytest.mark.parametrize(
    ("variances", "share"), [(None, 0.5), ([1e-4, 1e-4], 0.5), ([3e-4, 1e-4], 0.75)]
)
def test_passes_count_by_how_sure_the_model_is(variances, share, scores):
    """Weight of the second pass, the only one that is off by `MISS`."""
    scores[:] = [0.9]
    ((face,),) = faces_in_boxes(
        _Scripted(variances), [IMAGE], [Detections(BOX)], passes=2, known=True
    )
    expected = 30 + SIDE * (POINTS + share * MISS)
    np.testing.assert_allclose(face.landmarks, expected, atol=1e-3)
    if variances:
        spread = (1 - share) * variances[0] + share * variances[1]
        np.testing.assert_allclose(
            face.covariance, np.tile(SIDE**2 * spread * np.eye(2), (5, 1, 1)), atol=1e-3
        )


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("score", [0.9, 0.1])
def test_of_two_crops_that_show_other_things_one_counts(known, score, scores):
    """Landmarks in a quarter of the box: the second pass confirms them, or has lost the face."""
    scores[:] = [score, 0.12]  # the second is that of the crop turned upside down
    scripted = _Scripted([1e-4, 1e-4])
    wide = np.float32([[30, 30, 190, 190]])

    def predict(images: Any) -> dict[str, Any]:
        outputs = _Scripted.predict(scripted, images)
        if scripted.calls == 1:
            outputs["landmarks"] = outputs["landmarks"] / 4
        elif scripted.calls == 2:
            outputs["landmarks"] = POINTS[None] + MISS
        else:
            outputs["landmarks"] = POINTS[None]
        return outputs

    scripted.predict = predict  # type: ignore[method-assign]
    ((face,),) = faces_in_boxes(
        scripted, [np.zeros((200, 200, 3), np.uint8)], [Detections(wide)], passes=2, known=known
    )
    if score < 0.5:
        np.testing.assert_allclose(face.landmarks, 30 + SIDE * POINTS, atol=0.6)
        np.testing.assert_array_equal(face.box, wide[0])
    elif known:
        np.testing.assert_allclose(face.landmarks, 30 + SIDE * (POINTS + MISS), atol=0.6)
    assert face.score == np.float32(score)


def test_the_box_of_a_detector_only_says_where_to_look(scores):
    """The landmarks are the mean over the second crop and those of the score."""
    scores[:] = [0.9]
    scripted = _Scripted(None)
    ((face,),) = faces_in_boxes(scripted, [IMAGE], [Detections(BOX)], passes=2, known=False)
    assert scripted.calls == 4
    looked = face.landmarks
    for square, angle in probe_squares(np.float32([[50, 50, SIDE]]), np.float32([0])):
        looked = looked - geometry.crop_to_image(POINTS[None], square, angle)[0] / 3
    np.testing.assert_allclose(looked, (30 + SIDE * (POINTS + MISS)) / 3, atol=1e-3)


@pytest.mark.parametrize(("other", "kept"), [(0.9, 0.9), (0.42, 0.4)])
def test_a_face_that_does_not_hold_still_is_tried_upside_down(other, kept, scores):
    scores[:] = [0.4, other]
    scripted = _Scripted(None)
    ((face,),) = faces_in_boxes(scripted, [IMAGE], [Detections(BOX)], passes=2, known=False)
    assert scores == []
    assert face.score == np.float32(kept)
    # Points lie as in their crop: level eyes above, or below where it was upside down.
    assert (face.landmarks[0, 1] > face.landmarks[3, 1]) == (kept == 0.9)


@pytest.mark.parametrize(("side_shift", "mirrored"), [(None, False), (0.0, True)])
def test_the_first_crop_is_mirrored_for_a_model_that_knows_mirrored_faces(side_shift, mirrored):
    seen = []

    class _Seeing(_Scripted):
        class metadata(_Scripted.metadata):
            pass

        metadata.side_shift = side_shift

        def predict(self, images: Any) -> dict[str, Any]:
            seen.append(images[0, :, :, 0].mean(axis=0))
            return {**super().predict(images), "presence": np.float32([0.9])}

    brighter = np.zeros((100, 100, 3), np.uint8) + np.arange(100, dtype=np.uint8)[None, :, None]
    faces_in_boxes(_Seeing(None), [brighter], [Detections(BOX)], passes=2, known=True)
    first, second = (columns[-1] > columns[0] for columns in seen)
    assert (first, second) == (not mirrored, True)


def test_one_pass_is_what_its_crop_gives():
    ((face,),) = faces_in_boxes(_Scripted(None), [IMAGE], [Detections(BOX)], passes=1, known=True)
    np.testing.assert_allclose(face.landmarks, 30 + SIDE * POINTS, atol=1e-3)


@pytest.mark.parametrize("known", [True, False])
def test_a_model_that_knows_faces_needs_no_further_crops(known):
    """Two runs a face; the score is the mean of both, the landmarks that of both passes."""
    scripted = _Scripted(None)

    def predict(images: Any) -> dict[str, Any]:
        outputs = _Scripted.predict(scripted, images)
        return {**outputs, "presence": np.float32([0.7 if scripted.calls == 1 else 0.9])}

    scripted.predict = predict
    ((face,),) = faces_in_boxes(scripted, [IMAGE], [Detections(BOX)], passes=2, known=known)
    assert scripted.calls == 2
    assert face.score == pytest.approx(0.8)
    np.testing.assert_allclose(face.landmarks, 30 + SIDE * (POINTS + 0.5 * MISS), atol=1e-3)


def test_a_face_that_is_followed_costs_one_run_of_such_a_model():
    scripted = _Scripted(None)

    def predict(images: Any) -> dict[str, Any]:
        return {**_Scripted.predict(scripted, images), "presence": np.float32([0.6])}

    scripted.predict = predict
    (face,) = passes.faces_around(scripted, [IMAGE], 30 + SIDE * POINTS[None])
    assert scripted.calls == 1
    assert face.score == pytest.approx(0.6)
