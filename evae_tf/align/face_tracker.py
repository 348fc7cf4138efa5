"""Face tracking in video: stable identities, crops that follow the landmarks, and smoothing.

The next crop is cut around a face's last landmarks, moved by its last shift. If the face is lost,
detections are matched to lost faces by distance and appearance, nearest pairs first. Faces are few:
an optimal assignment gives the same result (see benchmarks/following.py).
"""

# pyright: reportUnnecessaryIsInstance=false
# Arguments are checked at run time too, for callers without a type checker.

import math
import numbers
from collections.abc import Callable, Sequence

from evae_tf import arguments
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.aligner import Aligner
from evae_tf.align.inputs import ImageLike, rgb_image
from evae_tf.align.smoothing import OneEuroFilter, Smoother
from evae_tf.align.track import Track
from evae_tf.array_types import ByteArray
from evae_tf.errors import InputError, UsageError

_PATIENCE_S = 1.0  # how long a lost face keeps its identity


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
        self._tracks: list[Track] = []
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
        for track in seen:
            track.is_beside = any(track.touches(other) for other in seen if other is not track)
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
            if self._is_full():
                return
            track.see(face, seconds)
        for face in found:
            if any(track.face is face for track in self._tracks):
                continue
            if self._is_full():
                return
            smooth = self.create_filter() if self.create_filter else None
            self._tracks.append(Track(self._next_identity, face, seconds, smooth))
            self._next_identity += 1

    def _is_full(self) -> bool:
        """Whether as many faces are seen as the aligner keeps."""
        return sum(not track.missed for track in self._tracks) == self.aligner.max_faces


def _pairs(lost: Sequence[Track], found: Sequence[AlignedFace]) -> list[tuple[Track, AlignedFace]]:
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
