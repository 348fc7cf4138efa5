"""Skins that are blended of two and moved to other tones."""

import cv2
import numpy as np

from recipes.free.complexion import blended, recolored


def skin(color, marks=()):
    """A face of one colour with darker marks; both sides are alike."""
    texture = np.full((64, 64, 3), color, np.uint8)
    for row, column in marks:
        for x in (column, 61 - column):
            texture[row : row + 3, x : x + 3] = np.array(color) // 2
    return texture


def lightness(texture):
    return cv2.cvtColor(texture, cv2.COLOR_RGB2LAB)[..., 0].astype(float)


def test_a_skin_blended_with_itself_stays():
    face = skin((205, 156, 126), [(20, 12), (40, 20)])
    found = blended(face, face, np.random.default_rng(0))
    np.testing.assert_allclose(found.astype(int), face, atol=3)  # 8-bit Lab there and back


def test_a_blend_has_the_tone_of_the_first_and_parts_of_both():
    light = skin((222, 176, 150), [(row, 8) for row in range(4, 60, 6)])
    dark = skin((138, 94, 68), [(row, 24) for row in range(4, 60, 6)])
    found = blended(light, dark, np.random.default_rng(3))
    np.testing.assert_allclose(np.median(found, axis=(0, 1)), (222, 176, 150), atol=4)
    level = lightness(found) < 0.75 * np.median(lightness(found))
    ours, theirs = level[5:60:6, 9].mean(), level[5:60:6, 25].mean()
    assert 0 < ours < 1 and 0 < theirs < 1, "one of the two skins is not there"
    np.testing.assert_allclose(found.astype(int), found[:, ::-1], atol=1)


def test_another_tone_keeps_the_contrasts():
    face = skin((176, 126, 96), [(20, 12), (40, 20)])
    middles = []
    for seed in range(30):
        level = lightness(recolored(face, np.random.default_rng(seed)))
        middles.append(np.median(level))
        ratio = level[21, 13] / np.median(level)
        np.testing.assert_allclose(
            ratio, lightness(face)[21, 13] / lightness(face)[0, 0], atol=0.05
        )
    assert min(middles) < 110 and max(middles) > 190
