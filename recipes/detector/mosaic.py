"""Composes training tiles for a face detector: faces of all sizes, rotated, in rows, occluded.

A tile is composed of photos that are rotated, resized and pasted over each other. Annotations are
transformed along with them. The visible share of a face decides whether it counts.
"""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.data.images import read_image
from recipes.detector.canvas import LEAST_PX, TILE_PX, Canvas
from recipes.detector.degrade import degraded
from recipes.detector.photos import Photo

_MOST_PX = 300.0  # side of the square around the landmarks of a face
_STORED_PX = 512  # larger photos are kept in memory at this size
_MOST_ENLARGED = 2.5


@dataclasses.dataclass(frozen=True, eq=False)
class Tile:
    """An image and the faces in it.

    Attributes:
      image: uint8 [TILE_PX, TILE_PX, 3], RGB.
      squares: float32 [N, 3], centre x, centre y and side around the landmarks of each face.
      five: float32 [N, 5, 2].
      unsure: float32 [M, 3], squares to ignore: neither faces nor background.
    """

    image: ByteArray
    squares: FloatArray
    five: FloatArray
    unsure: FloatArray


class Mosaics:
    """Composes tiles.

    Args:
      photos: of `photos.read`; photos without faces or possible faces serve as background.
      negatives: uint8 images with false detections.
    """

    def __init__(self, photos: Sequence[Photo], negatives: Sequence[ByteArray] = ()) -> None:
        stored = [_stored(photo) for photo in photos]
        self._with_faces = [(image, photo) for image, photo in stored if len(photo.squares)]
        self._empty = [
            image for image, photo in stored if not len(photo.squares) and not len(photo.unsure)
        ]
        self._negatives = list(negatives)

    def draw(self, rng: np.random.Generator) -> Tile:
        """A tile."""
        canvas = Canvas(_texture(rng))
        self._paint_background(canvas, rng)
        kind = rng.random()
        if kind < 0.4:
            self._paste_photo(canvas, rng)
        elif kind < 0.8:
            self._paste_rows(canvas, rng)
        canvas.cover_faces(rng)
        squares, five, unsure = canvas.visible()
        return Tile(degraded(canvas.image, rng), squares, five, unsure)

    def _paint_background(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Pastes photos without faces, or parts of others, or nothing."""
        kind = rng.random()
        if kind < 0.1:
            return
        if kind < 0.65:
            self._paint_empty(canvas, rng)
        else:  # surroundings of faces; the faces themselves are too large or outside the tile
            image, photo = self._any_with_faces(rng)
            canvas.paste(image, photo, _anywhere(image, rng))

    def _paint_empty(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Pastes a photo without faces, or several smaller ones side by side."""
        count = int(rng.choice([1, 1, 2, 3, 5]))
        for row in range(count):
            for column in range(count):
                if self._negatives and rng.random() < 0.6:
                    image = self._negatives[rng.integers(len(self._negatives))]
                else:
                    image = self._empty[rng.integers(len(self._empty))]
                move = _anywhere(image, rng) / count
                move[:, 2] += np.array([column, row]) * TILE_PX / count
                canvas.paste_background(image, move)

    def _paste_photo(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Pastes a photo with all its faces, one of them at a random position in the tile."""
        image, photo = self._any_with_faces(rng)
        square = photo.squares[rng.integers(len(photo.squares))]
        side = np.exp(rng.uniform(np.log(LEAST_PX), np.log(_MOST_PX)))
        scale = min(side / square[2], _MOST_ENLARGED)
        place = rng.uniform(-0.02, 1.02, 2) * TILE_PX
        canvas.paste(image, photo, _move(square[:2], place, scale, rng))

    def _paste_rows(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Pastes faces of similar size side by side, from a pair to a crowd."""
        side = np.exp(rng.uniform(np.log(LEAST_PX), np.log(110.0)))
        pitch = side * rng.uniform(1.1, 2.2)
        count = int(np.clip(TILE_PX / pitch, 1, 9))
        rows = int(rng.integers(1, count + 1))
        top = rng.uniform(0, max(TILE_PX - rows * pitch, 1))
        for row in range(rows):
            for column in range(count):
                if rng.random() < 0.2 or len(canvas.photos) > 60:
                    continue
                image, photo = self._any_with_faces(rng)
                square = photo.squares[rng.integers(len(photo.squares))]
                scale = side * np.exp(rng.normal(0, 0.15)) / square[2]
                if scale > _MOST_ENLARGED:
                    continue
                place = np.array([column + 0.5, row + 0.5]) * pitch + [0, top]
                place = place + rng.normal(0, 0.12, 2) * pitch
                move = _move(square[:2], place, scale, rng)
                around = square * np.float32([1, 1, rng.uniform(1.3, 2.4)])
                canvas.paste(image, photo, move, around, is_round=rng.random() < 0.5)

    def _any_with_faces(self, rng: np.random.Generator) -> tuple[ByteArray, Photo]:
        return self._with_faces[rng.integers(len(self._with_faces))]


def _stored(photo: Photo) -> tuple[ByteArray, Photo]:
    """The image of a photo and its faces, reduced to the size that is kept in memory."""
    image = read_image(photo.path)
    scale = min(1.0, _STORED_PX / max(image.shape))
    if scale == 1:
        return image, photo
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    move = np.float64([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]])
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), photo.moved(move)


def _move(
    source: FloatArray, target: FloatArray, scale: float, rng: np.random.Generator
) -> FloatArray:
    """The affine map [2, 3] from one position to another, with rotation."""
    kind = rng.random()
    degrees = rng.normal(0, 10) if kind < 0.7 else rng.normal(0, 35)
    if kind > 0.9:
        degrees = rng.uniform(-180, 180)
    turn = np.radians(degrees)
    axes = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([axes, target - axes @ source])


def _anywhere(image: ByteArray, rng: np.random.Generator) -> FloatArray:
    """A map that covers the tile with a photo, enlarged up to three times beyond need."""
    height, width = image.shape[:2]
    scale = TILE_PX / min(height, width) * np.exp(rng.uniform(0, np.log(3)))
    quarters = int(rng.choice([0, 0, 0, 1, 2, 3]))
    turn = np.radians(90 * quarters + rng.normal(0, 5))
    axes = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    size = (height, width) if quarters % 2 else (width, height)  # as it lies in the tile
    free = np.maximum(np.array(size) * scale - TILE_PX, 0) / 2
    target = TILE_PX / 2 + rng.uniform(-1, 1, 2) * free
    return np.column_stack([axes, target - axes @ [width / 2, height / 2]])


def _texture(rng: np.random.Generator) -> ByteArray:
    """A synthetic background: noise of random scale and colours, with a few shapes."""
    cells = int(rng.choice([1, 2, 4, 8, 20, 60]))
    noise = rng.normal(128, 60, (cells, cells, 3)).clip(0, 255).astype(np.uint8)
    image = cv2.resize(noise, (TILE_PX, TILE_PX), interpolation=int(rng.choice([0, 1, 2])))
    for _ in range(int(rng.integers(0, 12)) if rng.random() < 0.4 else 0):
        centre = rng.integers(0, TILE_PX, 2).tolist()
        axes = np.exp(rng.uniform(np.log(3), np.log(90), 2)).astype(int).tolist()
        colour = rng.uniform(0, 255, 3).tolist()
        cv2.ellipse(image, centre, axes, rng.uniform(0, 180), 0, 360, colour, cv2.FILLED)
    return image
