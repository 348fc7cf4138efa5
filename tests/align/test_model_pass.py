"""A pass over a mirrored crop gives what a pass over the crop gives."""

import numpy as np
import pytest

from evae_tf import markups
from evae_tf.align.model_pass import ModelPass

SHIFT = 0.03  # of the crop
SIDE = 64
# Left eye, right eye, nose, left and right corner of the mouth: (x, y), channel and brightness.
DOTS = [((34, 40), 0, 250), ((62, 43), 0, 150), ((53, 55), 1, 200), ((39, 70), 2, 250),
        ((60, 72), 2, 100)]  # fmt: skip


class _Symmetric:
    """Finds the dots of a crop, from left to right, and puts all of them too far to the right."""

    class metadata:
        markup, input_size, side_shift = markups.MARKUPS["mtfl_5"], SIDE, SHIFT

    def predict(self, images):
        (image,) = images
        left, right = self._pair(image[..., 0])
        mouth_left, mouth_right = self._pair(image[..., 2])
        found = [left, right, self._dot(image[..., 1]), mouth_left, mouth_right]
        lean = [1, -1, 0, 1, -1]
        return {
            "landmarks": np.float32([[(x + SHIFT, y) for x, y, _ in found]]),
            "visibility": np.float32([[brightness for *_, brightness in found]]),
            "covariance": 1e-4 * np.float32([[[[3, side], [side, 2]] for side in lean]]),
            "presence": np.float32([0.7]),
        }

    def _pair(self, plane):
        columns = np.nonzero(plane.any(axis=0))[0]
        middle = int(columns[np.argmax(np.diff(columns))]) + 1  # before the gap
        return self._dot(plane, stop=middle), self._dot(plane, start=middle)

    def _dot(self, plane, start=0, stop=SIDE):
        rows, columns = np.nonzero(plane[:, start:stop])
        return (
            (columns.mean() + start + 0.5) / SIDE,
            (rows.mean() + 0.5) / SIDE,
            plane[:, start:stop].max(),
        )


@pytest.mark.parametrize("mirrored", [False, True])
def test_outputs_are_those_for_the_image(mirrored):
    image = np.zeros((110, 110, 3), np.uint8)
    for (x, y), channel, brightness in DOTS:
        image[y - 2 : y + 3, x - 2 : x + 3, channel] = brightness
    square = np.float32([[50.5, 55.5, SIDE]])
    found = ModelPass.through(
        _Symmetric(), [image], square, np.float32([0]), mirrored=mirrored
    )  # fmt: skip
    places, _, brightness = zip(*DOTS, strict=True)
    expected = np.float32(places) + [SHIFT * SIDE, 0]
    np.testing.assert_allclose(found.landmarks[0], expected, atol=1e-3)
    np.testing.assert_allclose(found.further["visibility"][0] * 255, brightness, rtol=1e-5)
    lean = 1e-4 * SIDE**2 * np.float32([1, -1, 0, 1, -1])
    np.testing.assert_allclose(found.further["covariance"][0, :, 0, 1], lean, atol=1e-6)
    np.testing.assert_allclose(found.further["covariance"][0, :, 0, 0], 3e-4 * SIDE**2, rtol=1e-5)
    assert found.presence == np.float32([0.7])
