"""The golden vectors of `recipes.golden_crops`, and the comparison with an implementation."""

import json

import numpy as np

from recipes import golden_crops

VECTORS = json.loads(golden_crops.TARGET.read_text(encoding="utf-8"))
IMAGE = np.uint8(VECTORS.pop("image")["rgb"]).reshape(golden_crops.HEIGHT, golden_crops.WIDTH, 3)
_TOLERANCE = 5e-4  # image pixels, or radians: single precision far from the origin


def given(name):
    """The inputs of the function `name` in each of its cases: list of dicts."""
    return [case["given"] for case in VECTORS[name]]


def check(name, found):
    """Checks the outputs of an implementation, in any nesting, for each case.

    Pixels must be equal.
    """
    tolerance = 0 if name == "cut_square" else _TOLERANCE
    for case, numbers in zip(VECTORS[name], found, strict=True):
        np.testing.assert_allclose(
            np.ravel(numbers),
            np.ravel(case["expected"]),
            rtol=0,
            atol=tolerance,
            err_msg=f"{name} of {case['given']}",
        )
