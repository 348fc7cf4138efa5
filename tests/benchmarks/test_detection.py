"""Which detections count as which faces in `benchmarks.detection` and `benchmarks.face_scores`."""

import numpy as np
import pytest

from benchmarks.detection import matched


@pytest.mark.parametrize(
    ("overlaps", "faces"),
    [
        ([[0.9, 0.1], [0.1, 0.8]], [0, 1]),
        ([[0.5, 0.1], [0.7, 0.1]], [-1, 0]),  # two detections of one face: the closer one counts
        ([[0.5, 0.4], [0.7, 0.1]], [1, 0]),  # the other counts for a face that is free
        ([[0.2, 0.1]], [-1]),
        (np.zeros((2, 0)), [-1, -1]),
        (np.zeros((0, 2)), []),
    ],
)
def test_a_face_is_matched_once_by_the_largest_overlap(overlaps, faces):
    assert matched(np.array(overlaps)).tolist() == faces
