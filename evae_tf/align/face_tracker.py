"""Faces of a video: each keeps its number, its crop follows its landmarks, no point trembles.

A face is followed by its landmarks, moved on as they moved before. Where that fails, what the
detector finds goes to the lost face that it lies near to and looks like, the nearest pairs first:
faces are few, and an optimal assignment changes nothing (see benchmarks/following.py).
"""

# pyright: reportUnnecessaryIsInstance=false
# Who does not check types gets a sentence all the same.

import dataclasses
import math
import numbers
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from evae_tf import arguments, geometry
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.aligner import Aligner
from evae_tf.align.inputs import ImageLike, rgb_image
from evae_tf.align.smoothing import OneEuroFilter, Smoother, face_size
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.errors import InputError, UsageError

_PATIENCE_S = 1.0  # for so long a face that is lost may come back
_CHIP_PX = 32
# Correlations of the halves of upright grey chips that are most alike. On the validation faces of
# 300-W, 99 % of faces that were moved, blurred and lit anew are above 0.86, and 97 % of those of
# which a third was covered above 0.6; 98 % of the pairs of two people are below 0.8.
_ALIKE, _PERHAPS_ALIKE = 0.8, 0.7
_STEADY = 0.995  # with a lower score, chips are not upright enough to be compared
_UNCHANGED = 20  # grey levels by which half of a face's square changes at most, if not at a cut
_REACH, _REACH_GROWTH = 1.0, 0.3  # how far a lost face may be from where it should be, in its sides
_LIKE_SIZE = 1.6


class FaceTracker:
    """Follows the faces of one video, whose frames it gets one after the other.

    The detector searches where no face is followed or one was just lost, and from time to time for
    new ones. A face that is lost keeps its number for a second. A face that looks like
    somebody else from one frame to the next, as after a cut, gets a new one.

    Args:
      aligner: `Aligner`; its `max_faces` are followed at most.
      create_filter: makes what smooths the landmarks of a face, see `OneEuroFilter`; None leaves
        them as they are found.
      search_every: after how many frames, 1 or more, new faces are searched while others are
        followed. 1 searches in every frame; the larger, the faster.

    Raises:
      InputError: an argument is of another type, or `search_every` is below 1.
    """

    def __init__(
        self,
        aligner: Aligner,
        create_filter: Callable[[], Smoother] | None = OneEuroFilter,
        *,
        search_every: int = 10,
    ) -> None:
        if not isinstance(aligner, Aligner):
            raise UsageError(f"aligner={aligner!r:.60}: expected an Aligner, as of Aligner.load.")
        if create_filter is not None and not callable(create_filter):
            raise UsageError(
                f"create_filter={create_filter!r:.60}: expected a function that makes a filter, "
                "such as OneEuroFilter, or None."
            )
        arguments.whole_number("search_every", search_every)
        self.aligner = aligner
        self.create_filter = create_filter
        self.search_every = search_every
        self._tracks: list[_Track] = []
        self._next_identity = 0
        self._until_search = 0

    def __call__(self, frame: ImageLike, seconds: float) -> list[AlignedFace]:
        """The faces of the next frame.

        Args:
          frame: uint8 [H, W, 3], RGB, or what else `Aligner` takes.
          seconds: since the video began.

        Returns:
          List of `AlignedFace` with their `identity`, the one followed longest first.

        Raises:
          InputError: the frame cannot be used, or the time is no finite number.
        """
        if not isinstance(seconds, numbers.Real) or not math.isfinite(seconds):
            raise InputError(f"the time of a frame is {seconds!r}, expected seconds as a number.")
        image = rgb_image(frame)
        self._follow(image, seconds)
        if self._until_search == 0 or not self._tracks or any(t.missed for t in self._tracks):
            self._search(image, seconds)
            self._until_search = self.search_every
        self._until_search -= 1
        self._tracks = [
            track for track in self._tracks if abs(seconds - track.seen_at) <= _PATIENCE_S
        ]
        return [track.smoothed(seconds) for track in self._tracks if not track.missed]

    def _follow(self, image: ByteArray, seconds: float) -> None:
        """Looks for each face where it should be; of the lost ones nothing is known."""
        seen = [track for track in self._tracks if not track.missed]
        found = self.aligner.follow(image, [track.expected for track in seen])
        kept: list[AlignedFace] = []
        for track in self._tracks:
            track.missed += 1
        for track, face in zip(seen, found, strict=True):
            # Two that come to follow one face: the older one keeps it.
            is_new = not any(face.is_same(other) for other in kept)
            if self.aligner.is_face(face) and is_new and track.is_alike(face):
                kept.append(face)
                track.see(face, seconds)

    def _search(self, image: ByteArray, seconds: float) -> None:
        """Gives what the detector finds to lost faces, or new numbers."""
        followed = [track.face for track in self._tracks if not track.missed]
        found = self.aligner.search(image, followed)
        lost = [track for track in self._tracks if track.missed]
        for track, face in _pairs(lost, found):
            track.see(face, seconds)
        for face in found:
            if any(track.face is face for track in self._tracks):
                continue
            if sum(not track.missed for track in self._tracks) == self.aligner.max_faces:
                return
            smooth = self.create_filter() if self.create_filter else None
            self._tracks.append(_Track(self._next_identity, face, seconds, smooth))
            self._next_identity += 1


def _pairs(
    lost: "Sequence[_Track]", found: Sequence[AlignedFace]
) -> "list[tuple[_Track, AlignedFace]]":
    """Which lost face each found one is: the nearest pairs of those that may be."""
    distances = [
        (track.distance(face), i, j)
        for i, track in enumerate(lost)
        for j, face in enumerate(found)
        if track.may_be(face)
    ]
    pairs: dict[int, int] = {}
    for _, i, j in sorted(distances):
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return [(lost[i], found[j]) for i, j in pairs.items()]


@dataclasses.dataclass(eq=False)
class _Track:
    """A face that is followed: as it was found last, not smoothed.

    Attributes:
      identity: its number.
      face: as it was found last.
      seen_at: when that was, in seconds.
      smooth: its filter, or None.
      shift: float [2], image pixels: how far it moved from the frame before the last.
      missed: for how many frames it has not been found.
    """

    identity: int
    face: AlignedFace
    seen_at: float
    smooth: Smoother | None
    shift: FloatArray = dataclasses.field(default_factory=lambda: np.zeros(2, np.float32))
    missed: int = 0

    def __post_init__(self) -> None:
        self._halves = _grey_halves(self.face)

    @property
    def expected(self) -> AlignedFace:
        """The face, moved on as it moved before."""
        return dataclasses.replace(self.face, landmarks=self.face.landmarks + self.shift)

    def see(self, face: AlignedFace, seconds: float) -> None:
        """The face was found again."""
        self.shift = (_centre(face) - _centre(self.face)) / (self.missed + 1)
        self.face, self.seen_at, self.missed = face, seconds, 0
        if face.score >= _STEADY:
            self._halves = _grey_halves(face)

    def is_alike(self, face: AlignedFace) -> bool:
        """Whether what was found may be the same person.

        Where the picture around the face changed at once, as at a cut, it has to look like it; a
        face that something covers bit by bit does not.
        """
        if self.missed == 1:
            return self._is_unchanged(face.image) or self._likeness(face) >= _ALIKE
        return face.score < _STEADY or self._likeness(face) >= _PERHAPS_ALIKE

    def _is_unchanged(self, image: ByteArray) -> bool:
        square = geometry.square_around(self.face.box, 0.0)
        before, now = (_grey(each, square) for each in (self.face.image, image))
        return float(np.median(np.abs(now - before))) <= _UNCHANGED

    def _likeness(self, face: AlignedFace) -> float:
        """The correlation of both chips, -1 to 1, in the half of which less is covered."""
        return float((self._halves * _grey_halves(face)).sum(axis=1).max())

    def distance(self, face: AlignedFace) -> float:
        """From where the face should be by now, in its sides."""
        expected = _centre(self.face) + self.shift * (self.missed + 1)
        return float(np.linalg.norm(_centre(face) - expected)) / _side(self.face)

    def may_be(self, face: AlignedFace) -> bool:
        """Whether what was found may be this face: near, as large, and alike."""
        ratio = _side(face) / _side(self.face)
        return (
            self.distance(face) < _REACH + _REACH_GROWTH * self.missed
            and 1 / _LIKE_SIZE < ratio < _LIKE_SIZE
            and self.is_alike(face)
        )

    def smoothed(self, seconds: float) -> AlignedFace:
        face = dataclasses.replace(self.face, identity=self.identity)
        if self.smooth is None:
            return face
        landmarks = self.smooth(face.landmarks, seconds, face_size(face.landmarks), face.covariance)
        moved = geometry.landmark_box(landmarks) - geometry.landmark_box(face.landmarks)
        return dataclasses.replace(face, landmarks=landmarks, box=face.box + moved)


def _grey_halves(face: AlignedFace) -> FloatArray:
    """Left, right, upper and lower half of the upright face, normalised: float [4, 512]."""
    grey = cv2.cvtColor(face.chip(_CHIP_PX), cv2.COLOR_RGB2GRAY).astype(np.float32)
    half = _CHIP_PX // 2
    parts = [grey[:, :half], grey[:, half:], grey[:half], grey[half:]]
    return np.stack([_normalized(part).ravel() for part in parts])


def _grey(image: ByteArray, square: FloatArray) -> FloatArray:
    """What a square shows, float [32, 32]."""
    crop = geometry.cut_square(image, square, _CHIP_PX)
    return cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _normalized(grey: FloatArray) -> FloatArray:
    """Values of mean 0 and length 1."""
    grey = grey - grey.mean()
    return grey / max(float(np.linalg.norm(grey)), 1e-6)


def _centre(face: AlignedFace) -> FloatArray:
    return geometry.square_around(face.box, 0.0)[:2]


def _side(face: AlignedFace) -> float:
    return float(geometry.square_around(face.box, 0.0)[2])
