"""The area under a ROC curve is a share of pairs."""

import numpy as np
import pytest

from benchmarks.roc import roc_area


def test_areas_counted_by_hand():
    assert roc_area(np.array([3.0, 2.0]), np.array([1.0, 2.0])) == pytest.approx(3.5 / 4)
    assert roc_area(np.array([5.0]), np.array([1.0, 2.0])) == 1
    assert np.isnan(roc_area(np.array([]), np.array([1.0])))
