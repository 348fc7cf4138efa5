"""What of two passes becomes the landmarks of a face."""

from typing import Any

import numpy as np
import pytest

from evae_tf import geometry, markups
from evae_tf.align.face_score import probe_squares
from evae_tf.align.passes import faces_in_boxes

IMAGE = np.zeros((100, 100, 3), np.uint8)
SIDE = 40.0
BOX = np.float32([[30, 30, 70, 70]])
MISS = np.float32([0.1, -0.05])  # of the crop, between the second pass and all others
# The crop of these points is that of `BOX`: level eyes, and as large as it.
POINTS = np.float32([[0, 0], [1, 0], [0.5, 0.5], [0.2, 1], [0.8, 1]])


class _Scripted:
    """A model that gives the next of some answers, whatever it sees."""

    class metadata:
        markup, input_size, crop_margin = markups.MARKUPS["mtfl_5"], 16, 0.0
        face_box = geometry.TIGHT_BOX

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
def test_passes_count_by_how_sure_the_model_is(variances, share):
    """The share is that of the second pass, which alone is off by `MISS`."""
    ((face,),) = faces_in_boxes(_Scripted(variances), [IMAGE], [BOX], passes=2, known=True)
    expected = 30 + SIDE * (POINTS + share * MISS)
    np.testing.assert_allclose(face.landmarks, expected, atol=1e-3)
    if variances:
        spread = (1 - share) * variances[0] + share * variances[1]
        np.testing.assert_allclose(
            face.covariance, np.tile(SIDE**2 * spread * np.eye(2), (5, 1, 1)), atol=1e-3
        )


def test_a_first_crop_of_something_else_does_not_count():
    """The landmarks lie in a quarter of the box, so that it is the second pass that sees them."""
    scripted = _Scripted([1e-4, 1e-4])
    wide = np.float32([[30, 30, 190, 190]])

    def predict(images: Any) -> dict[str, Any]:
        outputs = _Scripted.predict(scripted, images)
        if scripted.calls == 1:
            outputs["landmarks"] = outputs["landmarks"] / 4
        return outputs

    scripted.predict = predict  # type: ignore[method-assign]
    ((face,),) = faces_in_boxes(
        scripted, [np.zeros((200, 200, 3), np.uint8)], [wide], passes=2, known=True
    )
    np.testing.assert_allclose(face.landmarks, 30 + SIDE * (POINTS + MISS), atol=0.6)


def test_the_box_of_a_detector_only_says_where_to_look():
    """The landmarks are the mean over the second crop and those of the score."""
    scripted = _Scripted(None)
    ((face,),) = faces_in_boxes(scripted, [IMAGE], [BOX], passes=2, known=False)
    assert scripted.calls == 4
    looked = face.landmarks
    for square, angle in probe_squares(np.float32([[50, 50, SIDE]]), np.float32([0])):
        looked = looked - geometry.crop_to_image(POINTS[None], square, angle)[0] / 3
    np.testing.assert_allclose(looked, (30 + SIDE * (POINTS + MISS)) / 3, atol=1e-3)


def test_one_pass_is_what_its_crop_gives():
    ((face,),) = faces_in_boxes(_Scripted(None), [IMAGE], [BOX], passes=1, known=True)
    np.testing.assert_allclose(face.landmarks, 30 + SIDE * POINTS, atol=1e-3)
