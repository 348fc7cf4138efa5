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
from recipes.detector import covers
from recipes.detector.degrade import degraded
from recipes.detector.photos import Photo

TILE_PX = 320
LEAST_PX, MOST_PX = 11.0, 300.0  # side of the square around landmarks
_MOST_LISTED_PX = 400.0  # larger faces are ignored: neither faces nor background
_STORED_PX = 512  # larger photos are kept in memory at this size
_MOST_ENLARGED = 2.5
_SEEN, _HARDLY_SEEN = 0.55, 0.2  # visible share above which a face counts, or is ignored
_COVERS = (
    (0.18, covers.draw_mask),
    (0.07, covers.draw_sunglasses),
    (0.07, covers.draw_hat),
    (0.07, covers.draw_hand),
)


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


@dataclasses.dataclass
class _Layer:
    """One pasted photo: its faces in the tile's pixels, and its number in the map of owners."""

    number: int
    squares: FloatArray
    five: FloatArray
    landmarks: FloatArray
    unsure: FloatArray


class Mosaics:
    """Composes tiles.

    Args:
      photos: of `photos.read`; photos without faces or possible faces serve as background.
      negatives: uint8 images with false detections.
    """

    def __init__(self, photos: Sequence[Photo], negatives: Sequence[ByteArray] = ()) -> None:
        self._photos = [_stored(photo) for photo in photos]
        self._with_faces = [
            index for index, (_, photo) in enumerate(self._photos) if len(photo.squares)
        ]
        self._empty = [
            index
            for index, (_, photo) in enumerate(self._photos)
            if not len(photo.squares) and not len(photo.unsure)
        ]
        self._negatives = list(negatives)

    def draw(self, rng: np.random.Generator) -> Tile:
        """A tile."""
        canvas = np.empty((TILE_PX, TILE_PX, 3), np.uint8)
        owner = np.zeros((TILE_PX, TILE_PX), np.uint8)
        layers: list[_Layer] = []
        self._paint_background(canvas, owner, layers, rng)
        kind = rng.random()
        if kind < 0.4:
            self._paste_photo(canvas, owner, layers, rng)
        elif kind < 0.8:
            self._paste_rows(canvas, owner, layers, rng)
        for layer in layers:
            _cover(canvas, layer, rng)
        squares, five, unsure = _what_counts(owner, layers)
        return Tile(degraded(canvas, rng), squares, five, unsure)

    def _paint_background(
        self, canvas: ByteArray, owner: ByteArray, layers: list[_Layer], rng: np.random.Generator
    ) -> None:
        """Fills the tile: with photos without faces, with parts of others, or with shapes."""
        canvas[:] = _texture(rng)
        kind = rng.random()
        if kind < 0.1:
            return
        if kind < 0.65:
            self._paint_empty(canvas, owner, rng)
        else:  # surroundings of faces; the faces themselves are too large or outside the tile
            index = self._with_faces[rng.integers(len(self._with_faces))]
            image, photo = self._photos[index]
            self._paste(canvas, owner, layers, (image, photo), _anywhere(image, rng))

    def _paint_empty(self, canvas: ByteArray, owner: ByteArray, rng: np.random.Generator) -> None:
        """Pastes a photo without faces, or several smaller ones side by side."""
        count = int(rng.choice([1, 1, 2, 3, 5]))
        for row in range(count):
            for column in range(count):
                if self._negatives and rng.random() < 0.6:
                    image = self._negatives[rng.integers(len(self._negatives))]
                else:
                    image, _ = self._photos[self._empty[rng.integers(len(self._empty))]]
                move = _anywhere(image, rng) / count
                move[:, 2] += np.array([column, row]) * TILE_PX / count
                _lay(canvas, owner, 0, image, move)

    def _paste_photo(
        self, canvas: ByteArray, owner: ByteArray, layers: list[_Layer], rng: np.random.Generator
    ) -> None:
        """Pastes a photo with all its faces, one of them at a random position in the tile."""
        image, photo = self._photos[self._with_faces[rng.integers(len(self._with_faces))]]
        square = photo.squares[rng.integers(len(photo.squares))]
        side = np.exp(rng.uniform(np.log(LEAST_PX), np.log(MOST_PX)))
        scale = min(side / square[2], _MOST_ENLARGED)
        place = rng.uniform(-0.02, 1.02, 2) * TILE_PX
        self._paste(canvas, owner, layers, (image, photo), _move(square[:2], place, scale, rng))

    def _paste_rows(
        self, canvas: ByteArray, owner: ByteArray, layers: list[_Layer], rng: np.random.Generator
    ) -> None:
        """Pastes faces of similar size side by side, from a pair to a crowd."""
        side = np.exp(rng.uniform(np.log(LEAST_PX), np.log(110.0)))
        pitch = side * rng.uniform(1.1, 2.2)
        count = int(np.clip(TILE_PX / pitch, 1, 9))
        rows = int(rng.integers(1, count + 1))
        top = rng.uniform(0, max(TILE_PX - rows * pitch, 1))
        for row in range(rows):
            for column in range(count):
                if rng.random() < 0.2 or len(layers) > 60:
                    continue
                image, photo = self._photos[self._with_faces[rng.integers(len(self._with_faces))]]
                square = photo.squares[rng.integers(len(photo.squares))]
                scale = side * np.exp(rng.normal(0, 0.15)) / square[2]
                if scale > _MOST_ENLARGED:
                    continue
                place = np.array([column + 0.5, row + 0.5]) * pitch + [0, top]
                place = place + rng.normal(0, 0.12, 2) * pitch
                move = _move(square[:2], place, scale, rng)
                self._paste(
                    canvas, owner, layers, (image, photo), move, square, rng.uniform(1.3, 2.4),
                    is_round=rng.random() < 0.5,
                )  # fmt: skip

    def _paste(
        self,
        canvas: ByteArray,
        owner: ByteArray,
        layers: list[_Layer],
        source: tuple[ByteArray, Photo],
        move: FloatArray,
        around: FloatArray | None = None,
        context: float = 0.0,
        *,
        is_round: bool = False,
    ) -> None:
        """Pastes a photo, or the part around one of its faces, over the tile."""
        image, photo = source
        part, first = image, np.zeros(2)
        if around is not None:
            reach = around[2] * context / 2
            low = np.clip(np.floor(around[:2] - reach), 0, None).astype(int)
            high = np.ceil(around[:2] + reach).astype(int) + 1
            part, first = image[low[1] : high[1], low[0] : high[0]], low
        if not part.size:
            return
        number = len(layers) + 1
        moved = move.copy()
        moved[:, 2] += move[:, :2] @ first
        _lay(canvas, owner, number, part, moved, is_round=is_round)
        scale = float(np.hypot(*move[:, 0]))
        layers.append(
            _Layer(
                number,
                _moved_squares(photo.squares, move, scale),
                _moved(photo.five, move),
                _moved(photo.landmarks, move),
                _moved_squares(photo.unsure, move, scale),
            )
        )


def _stored(photo: Photo) -> tuple[ByteArray, Photo]:
    image = read_image(photo.path)
    scale = min(1.0, _STORED_PX / max(image.shape))
    if scale == 1:
        return image, photo
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    move = np.float64([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]])
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), dataclasses.replace(
        photo,
        squares=_moved_squares(photo.squares, move, scale),
        five=_moved(photo.five, move),
        landmarks=_moved(photo.landmarks, move),
        unsure=_moved_squares(photo.unsure, move, scale),
    )


def _moved(points: FloatArray, move: FloatArray) -> FloatArray:
    return (points @ move[:, :2].T + move[:, 2]).astype(np.float32)


def _moved_squares(squares: FloatArray, move: FloatArray, scale: float) -> FloatArray:
    return np.concatenate([_moved(squares[:, :2], move), squares[:, 2:] * np.float32(scale)], 1)


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


def _lay(
    canvas: ByteArray, owner: ByteArray, number: int, image: ByteArray, move: FloatArray, *,
    is_round: bool = False,
) -> None:  # fmt: skip
    """Draws an image over the canvas and writes `number` to its pixels in `owner`."""
    shrink = max(1, int(1 / np.hypot(*move[:, 0])))
    if shrink > 1:  # one sample a pixel would alias
        size = (max(1, image.shape[1] // shrink), max(1, image.shape[0] // shrink))
        factors = np.array([image.shape[1] / size[0], image.shape[0] / size[1]])
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        axes = move[:, :2] * factors
        move = np.column_stack([axes, move[:, 2] + move[:, :2] @ ((factors - 1) / 2)])
    height, width = image.shape[:2]
    corners = _moved(np.float64([[0, 0], [width, 0], [0, height], [width, height]]), move)
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
    canvas[top:bottom, left:right][shown] = moved[shown]
    owner[top:bottom, left:right][shown] = number


def _cover(canvas: ByteArray, layer: _Layer, rng: np.random.Generator) -> None:
    for landmarks in layer.landmarks:
        if np.isnan(landmarks).any():
            continue
        for rate, draw in _COVERS:
            if rng.random() < rate:
                draw(canvas, landmarks, rng)


def _what_counts(
    owner: ByteArray, layers: Sequence[_Layer]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(squares, five points) of the visible faces; squares of the hardly visible ones."""
    squares: list[FloatArray] = []
    five: list[FloatArray] = []
    unsure: list[FloatArray] = []
    for layer in layers:
        for square, points in zip(layer.squares, layer.five, strict=True):
            seen = _seen(owner, layer.number, square)
            is_large = square[2] > _MOST_LISTED_PX  # a part of it can fill the tile
            if seen > _SEEN and square[2] >= LEAST_PX * 0.9 and not is_large:
                squares.append(square)
                five.append(points)
            elif seen > (0 if is_large else _HARDLY_SEEN):
                unsure.append(square)
        unsure += [
            square for square in layer.unsure if _seen(owner, layer.number, square) > _HARDLY_SEEN
        ]
    return (
        np.array(squares, np.float32).reshape(-1, 3),
        np.array(five, np.float32).reshape(-1, 5, 2),
        np.array(unsure, np.float32).reshape(-1, 3),
    )


def _seen(owner: ByteArray, number: int, square: FloatArray) -> float:
    """Visible share of a square, parts outside the tile included."""
    x, y, side = square.tolist()
    low = [max(0, round(centre - side / 2)) for centre in (x, y)]
    high = [max(0, round(centre + side / 2)) for centre in (x, y)]
    part = owner[low[1] : high[1], low[0] : high[0]]
    return float(np.count_nonzero(part == number)) / max(side * side, 1.0)


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
