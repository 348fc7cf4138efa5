"""The image of a tile: photos pasted over each other, and which of their faces stay visible."""

import cv2
import numpy as np

from evae_tf.array_types import ByteArray, FloatArray
from recipes.detector import covers
from recipes.detector.photos import Photo

TILE_PX = 320
LEAST_PX = 11.0  # side of the square around the landmarks of the smallest face
_MOST_PX = 400.0  # larger faces are ignored: neither faces nor background
_SEEN, _HARDLY_SEEN = 0.55, 0.2  # visible share above which a face counts, or is ignored
_COVERS = (
    (0.18, covers.draw_mask),
    (0.07, covers.draw_sunglasses),
    (0.07, covers.draw_hat),
    (0.07, covers.draw_hand),
)


class Canvas:
    """Photos pasted over each other.

    Args:
      image: uint8 [TILE_PX, TILE_PX, 3], RGB, the background. It is drawn on.

    Attributes:
      image: the image with what was pasted.
      photos: the pasted photos, with their faces in pixels of the tile.
    """

    def __init__(self, image: ByteArray) -> None:
        self.image = image
        self.photos: list[Photo] = []
        # The number of the photo that each pixel shows, from 1; 0 for the background.
        self._owner = np.zeros(image.shape[:2], np.uint8)

    def paste_background(self, image: ByteArray, move: FloatArray) -> None:
        """Pastes an image without faces.

        Args:
          image: uint8 [H, W, 3].
          move: the affine map [2, 3] from its pixels to those of the tile.
        """
        self._paste(image, move, 0)

    def paste(
        self,
        image: ByteArray,
        photo: Photo,
        move: FloatArray,
        around: FloatArray | None = None,
        *,
        is_round: bool = False,
    ) -> None:
        """Pastes a photo, or a part of it.

        Args:
          image: uint8 [H, W, 3].
          photo: its faces, in its pixels.
          move: see `paste_background`.
          around: the centre and side of a square, of which the part consists; None: everything.
          is_round: whether the part is an ellipse.
        """
        first = np.zeros(2, int)
        if around is not None:
            reach = around[2] / 2
            first = np.clip(np.floor(around[:2] - reach), 0, None).astype(int)
            last = np.ceil(around[:2] + reach).astype(int) + 1
            image = image[first[1] : last[1], first[0] : last[0]]
        if not image.size:
            return
        self.photos.append(photo.moved(move))
        move = np.column_stack([move[:, :2], move[:, 2] + move[:, :2] @ first])
        self._paste(image, move, len(self.photos), is_round=is_round)

    def cover_faces(self, rng: np.random.Generator) -> None:
        """Draws masks, glasses, hats and hands on some faces."""
        for photo in self.photos:
            for landmarks in photo.landmarks:
                if np.isnan(landmarks).any():
                    continue
                for rate, draw in _COVERS:
                    if rng.random() < rate:
                        draw(self.image, landmarks, rng)

    def visible(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Squares [N, 3] and five points [N, 5, 2] of visible faces; squares [M, 3] to ignore."""
        squares: list[FloatArray] = []
        five: list[FloatArray] = []
        unsure: list[FloatArray] = []
        for number, photo in enumerate(self.photos, 1):
            for square, points in zip(photo.squares, photo.five, strict=True):
                seen = self._seen(number, square)
                is_large = square[2] > _MOST_PX  # a part of it can fill the tile
                if seen > _SEEN and square[2] >= LEAST_PX * 0.9 and not is_large:
                    squares.append(square)
                    five.append(points)
                elif seen > (0 if is_large else _HARDLY_SEEN):
                    unsure.append(square)
            unsure += [
                square for square in photo.unsure if self._seen(number, square) > _HARDLY_SEEN
            ]
        return (
            np.array(squares, np.float32).reshape(-1, 3),
            np.array(five, np.float32).reshape(-1, 5, 2),
            np.array(unsure, np.float32).reshape(-1, 3),
        )

    def _seen(self, number: int, square: FloatArray) -> float:
        """Visible share of a square, parts outside the tile included."""
        x, y, side = square.tolist()
        low = [max(0, round(centre - side / 2)) for centre in (x, y)]
        high = [max(0, round(centre + side / 2)) for centre in (x, y)]
        part = self._owner[low[1] : high[1], low[0] : high[0]]
        return float(np.count_nonzero(part == number)) / max(side * side, 1.0)

    def _paste(
        self, image: ByteArray, move: FloatArray, number: int, *, is_round: bool = False
    ) -> None:
        image, move = _shrunk(image, move)
        height, width = image.shape[:2]
        corners = np.float64([[0, 0], [width, 0], [0, height], [width, height]])
        corners = corners @ move[:, :2].T + move[:, 2]
        left, top = np.clip(np.floor(corners.min(axis=0)) - 1, 0, TILE_PX).astype(int).tolist()
        right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 2, 0, TILE_PX).astype(int).tolist()
        if left >= right or top >= bottom:
            return
        move = np.column_stack([move[:, :2], move[:, 2] - [left, top]])
        mask = np.full((height, width), 255, np.uint8)
        if is_round:
            mask[:] = 0
            middle = (width / 2 - 0.5, height / 2 - 0.5)
            cv2.ellipse(mask, (middle, (width, height), 0), 255, cv2.FILLED)
        shape = (right - left, bottom - top)
        shown = cv2.warpAffine(mask, move, shape, flags=cv2.INTER_LINEAR) > 127
        moved = cv2.warpAffine(
            image, move, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        self.image[top:bottom, left:right][shown] = moved[shown]
        self._owner[top:bottom, left:right][shown] = number


def _shrunk(image: ByteArray, move: FloatArray) -> tuple[ByteArray, FloatArray]:
    """An image reduced by a whole number where one sample a pixel would alias, and its map."""
    shrink = int(1 / np.hypot(*move[:, 0]))
    if shrink <= 1:
        return image, move
    size = (max(1, image.shape[1] // shrink), max(1, image.shape[0] // shrink))
    factors = np.array([image.shape[1] / size[0], image.shape[0] / size[1]])
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    axes = move[:, :2] * factors
    return image, np.column_stack([axes, move[:, 2] + move[:, :2] @ ((factors - 1) / 2)])
