"""Frames of a made-up video: matplotlib's portrait, moved over grey."""

import cv2
import numpy as np

from evae_tf.data.images import read_image
from tests.portrait import PORTRAIT

HEIGHT, WIDTH, COUNT, RATE = 260, 400, 24, 25.0


def frame_with(places):
    """A grey frame with the portrait's head at each (left, top)."""
    head = cv2.resize(
        read_image(PORTRAIT)[20:420, 90:440], (160, 183), interpolation=cv2.INTER_AREA
    )
    frame = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for left, top in places:
        frame[top : top + 183, left : left + 160] = head
    return frame


def crossing():
    """Two heads that cross the frame slowly in opposite directions, one above the other's path."""
    return [frame_with([(10 + t, 20), (230 - t, 40)]) for t in range(COUNT)]
