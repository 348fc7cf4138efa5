"""Tracking: whether faces keep their numbers in synthetic videos with crossings, occlusion, cuts.

  python -m benchmarks.following

Each clip has 60 frames at 25 per second and one row: the share of visible faces found, how many
numbers each person got (1 is right), and how many numbers several people shared. Each clip is
tracked twice: with the greedy nearest pairs of `FaceTracker` and with SciPy's optimal assignment.
"""

import collections
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import cv2
import numpy as np
from absl import app
from scipy.optimize import linear_sum_assignment
from tabulate import tabulate
from tqdm import tqdm

from evae_tf import Aligner, FaceTracker, geometry, markups
from evae_tf.align import face_tracker
from evae_tf.align.inputs import rgb_image
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.data import synthetic

_WIDTH, _HEIGHT, _FRAMES, _RATE = 640, 360, 60, 25.0
_HEAD_PX = 150
_MARKUP = markups.MARKUPS["ibug_68"]
_FOUND = 0.3

# (who, left, top) of the head of each person in a frame; later ones are in front.
_Scene: TypeAlias = list[tuple[int, float, float]]


def main(_: list[str]) -> None:
    """Prints the table."""
    aligner = Aligner.load("mobile_68")
    rows = []
    for name, scene in CLIPS.items():
        scenes = [scene(frame) for frame in range(_FRAMES)]
        clip = [draw(each, frame) for frame, each in enumerate(scenes)]
        row = {"clip": name}
        for kind, pairs in (("nearest", face_tracker._pairs), ("optimal", _optimal)):
            face_tracker._pairs, kept = pairs, face_tracker._pairs
            started = time.process_time()
            found = _followed(aligner, clip)
            spent = 1e3 * (time.process_time() - started) / _FRAMES
            face_tracker._pairs = kept
            seen, numbers, shared = _judged(found, clip)
            row[f"{kind}: found %"] = f"{100 * seen:.1f}"
            row[f"{kind}: numbers"] = " ".join(map(str, numbers)) or "-"
            row[f"{kind}: shared"] = shared
            row[f"{kind}: ms a frame"] = f"{spent:.1f}"
        rows.append(row)
    print(tabulate(rows, headers="keys", tablefmt="github"))


class Frame:
    """An image, and the square around the landmarks of each visible person."""

    def __init__(self, image: ByteArray, squares: dict[int, FloatArray]) -> None:
        self.image = image
        self.squares = squares


def draw(scene: _Scene, index: int) -> Frame:
    """A frame of a clip, with sensor noise."""
    rng = np.random.default_rng(index)
    y, x = np.mgrid[:_HEIGHT, :_WIDTH]
    canvas = np.stack([90 + x / 9, 100 + y / 7, 120 + (x + y) / 20], axis=-1).astype(np.uint8)
    owner = np.full((_HEIGHT, _WIDTH), -1)
    places = {}
    for who, left, top in scene:
        head, mask, landmarks = _person(who)
        move = np.float64([[1, 0, left], [0, 1, top]])
        size = (_WIDTH, _HEIGHT)
        moved, shown = (cv2.warpAffine(each, move, size) for each in (head, mask))
        canvas[shown > 127] = moved[shown > 127]
        owner[shown > 127] = who
        places[who] = geometry.square_around(
            geometry.landmark_box(landmarks + np.float32([left, top])), 0.0
        )
    canvas[:, 300:340] = np.where(_has_pillar(scene), 60, canvas[:, 300:340])
    owner[:, 300:340] = np.where(_has_pillar(scene), -1, owner[:, 300:340])
    noisy = (canvas + rng.normal(0, 3, canvas.shape)).clip(0, 255).astype(np.uint8)
    squares = {who: square for who, square in places.items() if _visible(owner, who, square) > 0.6}
    return Frame(noisy, squares)


def _has_pillar(scene: _Scene) -> bool:
    return any(who == 5 for who, _, _ in scene)


def _visible(owner: FloatArray, who: int, square: FloatArray) -> float:
    x, y, side = square.tolist()
    left, top = (max(0, round(each - side / 2)) for each in (x, y))
    part = owner[top : max(0, round(y + side / 2)), left : max(0, round(x + side / 2))]
    return float((part == who).sum()) / side**2 * 1.1


def _person(who: int) -> tuple[ByteArray, ByteArray, FloatArray]:
    """A synthetic head, its mask and its landmarks."""
    if who not in _PEOPLE:
        drawn, _ = synthetic.draw_face(_MARKUP, (11, who), occluded=False)
        image = rgb_image(drawn.image)
        scale = _HEAD_PX / image.shape[0]
        mask = np.zeros(image.shape[:2], np.uint8)
        box = geometry.landmark_box(drawn.landmarks)
        middle, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        centre = (float(middle[0]), float(middle[1] - 0.12 * size[1]))
        cv2.ellipse(mask, (centre, (1.35 * float(size[0]), 1.6 * float(size[1])), 0), 255, -1)
        small = [
            cv2.resize(each, (_HEAD_PX, _HEAD_PX), interpolation=cv2.INTER_AREA)
            for each in (image, mask)
        ]
        _PEOPLE[who] = small[0], small[1], (drawn.landmarks + 0.5) * scale - 0.5
    return _PEOPLE[who]


_PEOPLE: dict[int, tuple[ByteArray, ByteArray, FloatArray]] = {}


def _crossing(frame: int) -> _Scene:
    return [(0, 20 + 7.5 * frame, 100), (1, 470 - 7.5 * frame, 110)]


def _leaving(frame: int) -> _Scene:
    """One person leaves on one side; another enters on the other side."""
    return [(2, 400 + 12 * frame, 100), (3, -620 + 12 * frame, 90)]


def _hiding(frame: int) -> _Scene:
    """A person moves slowly behind a pillar, which hides the face for less than a second."""
    return [(5, 60 + 7 * frame, 100)]


def _fast(frame: int) -> _Scene:
    """A person moves to and fro by a quarter of the face's width per frame, turning abruptly."""
    step = 24
    turn = frame % 36
    return [(6, 20 + step * min(turn, 36 - turn), 100)]


def _cut(frame: int) -> _Scene:
    """Every 20 frames, a cut to other people in the same places."""
    first = 7 + 2 * (frame // 20)
    return [(first, 100, 100), (first + 1, 380, 110)]


def _crowd(frame: int) -> _Scene:
    return [
        (20 + i, 5 + 155 * (i % 4) + 6 * np.sin(0.2 * frame + i), 10 + 175 * (i // 4) + frame / 6)
        for i in range(8)
    ]


def _nobody(frame: int) -> _Scene:
    return []


CLIPS: dict[str, Callable[[int], _Scene]] = {
    "crossing": _crossing,
    "leaving": _leaving,
    "hiding": _hiding,
    "fast": _fast,
    "cut": _cut,
    "crowd of 8": _crowd,
    "nobody": _nobody,
}


def _followed(aligner: Aligner, clip: Sequence[Frame]) -> list[list[tuple[int, FloatArray]]]:
    """For each frame, the number and the square of each face."""
    track = FaceTracker(aligner)
    found = []
    for index, frame in enumerate(tqdm(clip, disable=None)):
        faces = track(frame.image, index / _RATE)
        found.append(
            [(face.identity or 0, geometry.square_around(face.box, 0.0)) for face in faces]
        )
    return found


def _judged(
    found: Sequence[Sequence[tuple[int, FloatArray]]], clip: Sequence[Frame]
) -> tuple[float, list[int], int]:
    """(share of visible faces found; numbers per person; numbers shared by several people)."""
    seen, total = 0, 0
    numbers: dict[int, set[int]] = {}
    for faces, frame in zip(found, clip, strict=True):
        for who, square in frame.squares.items():
            total += 1
            given = numbers.setdefault(who, set())
            near = [(geometry.squares_overlap(each, square), number) for number, each in faces]
            shared, number = max(near, default=(0, -1))
            if shared > _FOUND:
                seen += 1
                given.add(number)
    given_to = collections.Counter(number for each in numbers.values() for number in each)
    several = sum(count > 1 for count in given_to.values())
    return seen / max(total, 1), [len(numbers[who]) for who in sorted(numbers)], several


def _optimal(lost: Sequence, found: Sequence) -> Iterator[tuple]:
    """Pairs with the least sum of distances."""
    if not lost or not found:
        return
    never = 1e6
    costs = np.array(
        [
            [track.distance(face) if track.may_be(face) else never for face in found]
            for track in lost
        ]
    )
    for i, j in zip(*linear_sum_assignment(costs), strict=True):
        if costs[i, j] < never:
            yield lost[i], found[j]


if __name__ == "__main__":
    app.run(main)
