"""Faces of a video: each keeps its number, its crop follows its landmarks, no point trembles."""

import dataclasses

from evae_tf import geometry
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.aligner import MIN_SCORE
from evae_tf.align.smoothing import OneEuroFilter

_SEARCH_EVERY = 10  # frames


class FaceTracker:
    """Follows the faces of one video.

    The detector searches where no face is followed or one was just lost, and every tenth frame for
    new ones. In between, each crop is cut around the landmarks of the frame before.

    Args:
      aligner: `Aligner`.
      create_filter: makes what smooths the landmarks of a face, see `OneEuroFilter`; None leaves
        them as they are found.
    """

    def __init__(self, aligner, create_filter=OneEuroFilter):
        self.aligner = aligner
        self.create_filter = create_filter
        self._tracks = []
        self._next_identity = 0
        self._until_search = 0

    def __call__(self, frame, seconds):
        """The faces of the next frame.

        Args:
          frame: uint8 [H, W, 3], RGB.
          seconds: since the video began.

        Returns:
          List of `AlignedFace` with their `identity`, the one followed longest first.
        """
        found = self.aligner.follow(frame, [track.face for track in self._tracks])
        kept = []
        for track, face in zip(self._tracks, found, strict=True):
            # Two that come to follow one face: the older one keeps it.
            if face.score >= MIN_SCORE and not any(face.is_same(other.face) for other in kept):
                kept.append(track)
                track.face = face
        if not kept or len(kept) < len(self._tracks) or self._until_search == 0:
            for face in self.aligner(frame):
                if not any(face.is_same(track.face) for track in kept):
                    kept.append(self._new_track(face))
            self._until_search = _SEARCH_EVERY
        self._until_search -= 1
        self._tracks = kept
        return [track.smoothed(seconds) for track in kept]

    def _new_track(self, face):
        self._next_identity += 1
        smooth = self.create_filter() if self.create_filter else None
        return _Track(self._next_identity - 1, face, smooth)


@dataclasses.dataclass
class _Track:
    """A face that is followed: as it was found last, not smoothed."""

    identity: int
    face: AlignedFace
    smooth: OneEuroFilter | None

    def smoothed(self, seconds):
        face = dataclasses.replace(self.face, identity=self.identity)
        if self.smooth is None:
            return face
        size = float(geometry.square_around(face.box, 0.0)[2])
        landmarks = self.smooth(face.landmarks, seconds, size, face.covariance)
        moved = geometry.landmark_box(landmarks) - geometry.landmark_box(face.landmarks)
        return dataclasses.replace(face, landmarks=landmarks, box=face.box + moved)
