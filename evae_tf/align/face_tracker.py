"""Faces of a video: each keeps its number, its crop follows its landmarks, no point trembles."""

# pyright: reportUnnecessaryIsInstance=false
# Who does not check types gets a sentence all the same.

import dataclasses
import math
import numbers
from collections.abc import Callable
from numbers import Integral

from evae_tf import geometry
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.aligner import Aligner
from evae_tf.align.inputs import ImageLike
from evae_tf.align.smoothing import OneEuroFilter, Smoother, face_size
from evae_tf.errors import InputError


class FaceTracker:
    """Follows the faces of one video, whose frames it gets one after the other.

    The detector searches where no face is followed or one was just lost, and from time to time for
    new ones. In between, each crop is cut around the landmarks of the frame before.

    Args:
      aligner: `Aligner`; its `max_faces` are followed at most.
      create_filter: makes what smooths the landmarks of a face, see `OneEuroFilter`; None leaves
        them as they are found.
      search_every: after how many frames, 1 or more, new faces are searched while others are
        followed. 1 searches in every frame; the larger, the faster.

    Raises:
      InputError: `search_every` is no whole number above 0.
    """

    def __init__(
        self,
        aligner: Aligner,
        create_filter: Callable[[], Smoother] | None = OneEuroFilter,
        *,
        search_every: int = 10,
    ) -> None:
        if not isinstance(search_every, Integral) or search_every < 1:
            raise InputError(
                f"search_every={search_every}: expected a number of frames, 1 or more."
            )
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
        kept = self._followed(frame)
        lost_one = len(kept) < len(self._tracks)
        if not kept or lost_one or self._until_search == 0:
            self._add_new(frame, kept)
            self._until_search = self.search_every
        self._until_search -= 1
        self._tracks = kept
        return [track.smoothed(seconds) for track in kept]

    def _followed(self, frame: ImageLike) -> "list[_Track]":
        """The tracks whose face is found again."""
        kept: list[_Track] = []
        found = self.aligner.follow(frame, [track.face for track in self._tracks])
        for track, face in zip(self._tracks, found, strict=True):
            # Two that come to follow one face: the older one keeps it.
            is_new = not any(face.is_same(other.face) for other in kept)
            if self.aligner.is_face(face) and is_new:
                kept.append(track)
                track.face = face
        return kept

    def _add_new(self, frame: ImageLike, tracks: "list[_Track]") -> None:
        """Searches the frame for faces that `tracks` lacks, and adds them."""
        if len(tracks) == self.aligner.max_faces:
            return
        for face in self.aligner(frame):
            is_new = not any(face.is_same(track.face) for track in tracks)
            if is_new and len(tracks) != self.aligner.max_faces:
                smooth = self.create_filter() if self.create_filter else None
                tracks.append(_Track(self._next_identity, face, smooth))
                self._next_identity += 1


@dataclasses.dataclass
class _Track:
    """A face that is followed: as it was found last, not smoothed."""

    identity: int
    face: AlignedFace
    smooth: Smoother | None

    def smoothed(self, seconds: float) -> AlignedFace:
        face = dataclasses.replace(self.face, identity=self.identity)
        if self.smooth is None:
            return face
        landmarks = self.smooth(face.landmarks, seconds, face_size(face.landmarks), face.covariance)
        moved = geometry.landmark_box(landmarks) - geometry.landmark_box(face.landmarks)
        return dataclasses.replace(face, landmarks=landmarks, box=face.box + moved)
