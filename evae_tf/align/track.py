"""One face of a video: where it is expected, and whether another face may be the same person."""

import dataclasses

import cv2
import numpy as np

from evae_tf import geometry
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.smoothing import Smoother, face_size
from evae_tf.array_types import ByteArray, FloatArray

_CHIP_PX = 32
# Highest correlation between the halves of two upright grey chips. On the validation faces of
# 300-W, it is above 0.86 for 99 % of the faces after a shift, blur and a change of light, and above
# 0.6 for 97 % of the faces with a third covered. It is below 0.8 for 98 % of the pairs of different
# people.
_ALIKE, _PERHAPS_ALIKE = 0.8, 0.7
_SURE = 0.9  # below this score, a face may be half hidden, and its centre elsewhere
_STEADY = 0.995  # below this score, chips are not upright enough to be compared
_BLURRED_ALIKE = 0.5
_HALF_HIDDEN_ALIKE = 0.3  # of a face that comes out from behind another
_EXPECTED = 0.5  # largest distance of such a face from its prediction, in sides
_FAST = 0.2  # sides per frame
_SAME_SCENE = 8  # grey levels; the median change of the whole frame is larger at a cut
_UNCHANGED = 20  # grey levels; the median change in a face's square is larger only at a cut
_REACH, _REACH_GROWTH = 1.0, 0.3  # largest distance of a lost face from its prediction, in sides
_LIKE_SIZE = 1.6


@dataclasses.dataclass(eq=False)
class Track:
    """A face that is followed through a video, and what it is recognised by.

    Attributes:
      identity: its number.
      face: the face as last seen, not smoothed.
      seen_at: time at which it was last seen, seconds.
      smooth: its filter, or None.
      shift: float [2], image pixels: its last shift per frame while it was wholly seen.
      missed: number of frames since it was last seen; 1 while the next frame is searched.
      is_beside: whether another head touched this one when it was last seen.
    """

    identity: int
    face: AlignedFace
    seen_at: float
    smooth: Smoother | None
    shift: FloatArray = dataclasses.field(default_factory=lambda: np.zeros(2, np.float32))
    missed: int = 0
    is_beside: bool = False

    def __post_init__(self) -> None:
        self._halves = _grey_halves(self.face)

    @property
    def expected(self) -> AlignedFace:
        """The face, moved by its last shift."""
        return dataclasses.replace(self.face, landmarks=self.face.landmarks + self.shift)

    def see(self, face: AlignedFace, seconds: float) -> None:
        """Updates the track with the face found in a frame."""
        if face.score >= _SURE:
            self.shift = (_centre(face) - _centre(self.face)) / self.missed
        self.face, self.seen_at, self.missed = face, seconds, 0
        if face.score >= _STEADY:
            self._halves = _grey_halves(face)

    def is_alike(self, face: AlignedFace) -> bool:
        """Whether `face` may be the same person.

        Appearance is compared if the image around the face changed abruptly, as at a cut; it is not
        if the face is gradually occluded. A face that moves fast is blurred, so less likeness is
        required while the rest of the frame stays.
        """
        if self.missed == 1:
            if self._is_unchanged(face.image):
                return True
            is_fast = float(np.linalg.norm(self.shift)) >= _FAST * _side(self.face)
            is_blurred = is_fast and self._is_same_scene(face.image)
            return self._likeness(face) >= (_BLURRED_ALIKE if is_blurred else _ALIKE)
        return face.score < _STEADY or self._likeness(face) >= _PERHAPS_ALIKE

    def _is_half_hidden(self, face: AlignedFace) -> bool:
        """Whether `face` may be this one, still half hidden by the face that was beside it."""
        is_expected = self.is_beside and self.distance(face) < _EXPECTED
        return is_expected and self._likeness(face) >= _HALF_HIDDEN_ALIKE

    def touches(self, other: "Track") -> bool:
        """Whether the heads touch: squares half as large again as the faces."""
        squares = geometry.square_around(np.stack([self.face.box, other.face.box]), 0.5)
        return bool(geometry.squares_overlap(*squares) > 0)

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
        expected = _centre(self.face) + self.shift * self.missed
        return float(np.linalg.norm(_centre(face) - expected)) / _side(self.face)

    def may_be(self, face: AlignedFace) -> bool:
        """Whether a detection may be this face: near, of similar size and appearance."""
        ratio = _side(face) / _side(self.face)
        return (
            self.distance(face) < _REACH + _REACH_GROWTH * self.missed
            and 1 / _LIKE_SIZE < ratio < _LIKE_SIZE
            and (self._is_half_hidden(face) or self.is_alike(face))
        )

    def smoothed(self, seconds: float) -> AlignedFace:
        """The face with its identity, through its filter."""
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
