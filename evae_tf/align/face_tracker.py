"""Face tracking in video: stable identities, crops that follow the landmarks, and smoothing.

The next crop is cut around a face's last landmarks, moved by its last shift. If the face is lost,
detections are matched to lost faces by distance and appearance, nearest pairs first. Faces are few:
an optimal assignment gives the same result (see benchmarks/following.py).
"""

# pyright: reportUnnecessaryIsInstance=false
# Arguments are checked at run time too, for callers without a type checker.

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

_PATIENCE_S = 1.0  # how long a lost face keeps its identity
_CHIP_PX = 32
# Highest correlation between the halves of two upright grey chips. On the validation faces of
# 300-W, it is above 0.86 for 99 % of the faces after a shift, blur and a change of light, and above
# 0.6 for 97 % of the faces with a third covered. It is below 0.8 for 98 % of the pairs of different
# people.
_ALIKE, _PERHAPS_ALIKE = 0.8, 0.7
_STEADY = 0.995  # below this score, chips are not upright enough to be compared
_BLURRED_ALIKE = 0.5
_FAST = 0.1  # sides per frame
_SAME_SCENE = 8  # grey levels; the median change of the whole frame is larger at a cut
_UNCHANGED = 20  # grey levels; the median change in a face's square is larger only at a cut
_REACH, _REACH_GROWTH = 1.0, 0.3  # largest distance of a lost face from its prediction, in sides
_LIKE_SIZE = 1.6


class FaceTracker:
    """Tracks the faces of one video, frame by frame.

    The detector runs when no face is tracked, when one was just lost, and periodically to find new
    faces. A lost face keeps its identity for one second. A face whose appearance changes from one
    frame to the next, as at a cut, gets a new identity.

    Args:
      aligner: `Aligner`; at most its `max_faces` are tracked.
      create_filter: creates the smoothing filter of a face, see `OneEuroFilter`; None disables
        smoothing.
      search_every: interval in frames, 1 or more, at which new faces are searched while others are
        tracked. Larger is faster.

    Raises:
      InputError: an argument has the wrong type, or `search_every` is below 1.
    """

    def __init__(
        self,
        aligner: Aligner,
        create_filter: Callable[[], Smoother] | None = OneEuroFilter,
        *,
        search_every: int = 10,
    ) -> None:
        if not isinstance(aligner, Aligner):
            raise UsageError(f"aligner={aligner!r:.60}: expected an Aligner; use Aligner.load.")
        if create_filter is not None and not callable(create_filter):
            raise UsageError(
                f"create_filter={create_filter!r:.60}: expected a function that creates a filter, "
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
          frame: uint8 [H, W, 3], RGB, or any other input of `Aligner`.
          seconds: time since the start of the video.

        Returns:
          List of `AlignedFace` with an `identity`, oldest track first.

        Raises:
          InputError: the frame cannot be used, or the time is not a finite number.
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
        """Aligns each tracked face at its predicted place; lost faces have none."""
        seen = [track for track in self._tracks if not track.missed]
        found = self.aligner.follow(image, [track.expected for track in seen])
        kept: list[AlignedFace] = []
        for track in self._tracks:
            track.missed += 1
        for track, face in zip(seen, found, strict=True):
            # If two tracks meet on one face, the older one keeps it.
            is_new = not any(face.is_same(other) for other in kept)
            if self.aligner.is_face(face) and is_new and track.is_alike(face):
                kept.append(face)
                track.see(face, seconds)

    def _search(self, image: ByteArray, seconds: float) -> None:
        """Matches detections to lost faces; the others start new tracks."""
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
    """Matches detections to lost faces, nearest possible pairs first."""
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
    """A tracked face.

    Attributes:
      identity: its number.
      face: the face as last seen, not smoothed.
      seen_at: time at which it was last seen, seconds.
      smooth: its filter, or None.
      shift: float [2], image pixels: its last shift per frame.
      missed: number of frames since it was last seen.
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
        """The face, moved by its last shift."""
        return dataclasses.replace(self.face, landmarks=self.face.landmarks + self.shift)

    def see(self, face: AlignedFace, seconds: float) -> None:
        """Updates the track with the face found in a frame."""
        self.shift = (_centre(face) - _centre(self.face)) / (self.missed + 1)
        self.face, self.seen_at, self.missed = face, seconds, 0
        if face.score >= _STEADY:
            self._halves = _grey_halves(face)

    def is_alike(self, face: AlignedFace) -> bool:
        """Whether `face` may be the same person.

        Appearance is compared if the image around the face changed abruptly, as at a cut. A face
        that is gradually occluded is accepted without. A face that moves fast is blurred, so less
        likeness is required while the rest of the frame stays.
        """
        if self.missed == 1:
            if self._is_unchanged(face.image):
                return True
            is_fast = float(np.linalg.norm(self.shift)) >= _FAST * _side(self.face)
            is_blurred = is_fast and self._is_same_scene(face.image)
            return self._likeness(face) >= (_BLURRED_ALIKE if is_blurred else _ALIKE)
        return face.score < _STEADY or self._likeness(face) >= _PERHAPS_ALIKE

    def _is_unchanged(self, image: ByteArray) -> bool:
        square = geometry.square_around(self.face.box, 0.0)
        before, now = (_grey(each, square) for each in (self.face.image, image))
        return float(np.median(np.abs(now - before))) <= _UNCHANGED

    def _is_same_scene(self, image: ByteArray) -> bool:
        before, now = (_thumbnail(each) for each in (self.face.image, image))
        return float(np.median(np.abs(now - before))) <= _SAME_SCENE

    def _likeness(self, face: AlignedFace) -> float:
        """Correlation of both chips, -1 to 1, in the half that matches best."""
        return float((self._halves * _grey_halves(face)).sum(axis=1).max())

    def distance(self, face: AlignedFace) -> float:
        """Distance of `face` from the predicted place, in sides of the tracked face."""
        expected = _centre(self.face) + self.shift * (self.missed + 1)
        return float(np.linalg.norm(_centre(face) - expected)) / _side(self.face)

    def may_be(self, face: AlignedFace) -> bool:
        """Whether `face` may be this one: near, of similar size and appearance."""
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
    """The grey content of a square, float [32, 32]."""
    crop = geometry.cut_square(image, square, _CHIP_PX)
    return cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _thumbnail(image: ByteArray) -> FloatArray:
    """The grey content of a whole frame, float [32, 32]."""
    small = cv2.resize(image, (_CHIP_PX, _CHIP_PX), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _normalized(grey: FloatArray) -> FloatArray:
    """The values with mean 0 and norm 1."""
    grey = grey - grey.mean()
    return grey / max(float(np.linalg.norm(grey)), 1e-6)


def _centre(face: AlignedFace) -> FloatArray:
    return geometry.square_around(face.box, 0.0)[:2]


def _side(face: AlignedFace) -> float:
    return float(geometry.square_around(face.box, 0.0)[2])
