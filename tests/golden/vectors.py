"""The golden vectors that `recipes.golden_crops` writes, and how a twin is held against them."""

import json

import numpy as np

from recipes import golden_crops

VECTORS = json.loads(golden_crops.TARGET.read_text(encoding="utf-8"))
IMAGE = np.uint8(VECTORS.pop("image")["rgb"]).reshape(golden_crops.HEIGHT, golden_crops.WIDTH, 3)
_TOLERANCE = 5e-4  # image pixels, or radians: single precision far from the origin


def given(name):
    """What the function `name` is given in each of its cases: list of dicts."""
    return [case["given"] for case in VECTORS[name]]


def check(name, found):
    """Whether the numbers that a twin found, in any nesting, are those expected of each case.

    Pixels have to be equal.
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
