"""Faces tracked through frames made of matplotlib's portrait."""

import cv2
import numpy as np
import pytest

from evae_tf import Aligner
from evae_tf.align.face_tracker import FaceTracker
from evae_tf.align.frames import Video
from evae_tf.align.smoothing import face_size
from evae_tf.data import synthetic
from evae_tf.data.images import read_image
from evae_tf.errors import InputError
from tests.align.two_heads import COUNT, RATE, crossing, frame_with
from tests.portrait import PORTRAIT


@pytest.fixture(scope="module")
def aligner():
    return Aligner.load("mobile_68")


@pytest.fixture(scope="module")
def frames():
    return crossing()


def test_faces_keep_their_numbers_while_they_move(aligner, frames):
    track = FaceTracker(aligner, create_filter=None)
    centres = {}
    for index, frame in enumerate(frames):
        faces = track(frame, index / RATE)
        assert len(faces) == 2
        for face in faces:
            centres.setdefault(face.identity, []).append(face.landmarks.mean(axis=0))
    assert set(centres) == {0, 1}
    speeds = sorted(
        np.polyfit(range(COUNT), np.array(path)[:, 0], 1)[0] for path in centres.values()
    )
    np.testing.assert_allclose(speeds, [-1, 1], atol=0.15)


def test_the_detector_rests_while_faces_are_followed(aligner, frames):
    calls = []

    class Counting(Aligner):
        def search(self, image, known):
            calls.append(image)
            return super().search(image, known)

    track = FaceTracker(Counting(aligner.predictor, aligner.detector))
    for index, frame in enumerate(frames):
        track(frame, index / RATE)
    assert len(calls) == 3  # the first frame, and each tenth after it


@pytest.mark.parametrize(("search_every", "searches"), [(1, 24), (7, 4), (24, 1), (100, 1)])
def test_new_faces_are_searched_as_often_as_asked(aligner, frames, search_every, searches):
    calls = []

    def detector(image):
        calls.append(image)
        return aligner.detector(image)

    counting = Aligner(aligner.predictor, detector)
    track = FaceTracker(counting, search_every=search_every)
    for index, frame in enumerate(frames):
        track(frame, index / RATE)
    assert len(calls) == searches


@pytest.mark.parametrize("search_every", [0, -3, 2.5, None])
def test_an_impossible_search_interval_is_refused(aligner, search_every):
    with pytest.raises(InputError, match="search_every="):
        FaceTracker(aligner, search_every=search_every)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), None, "0"])
def test_a_time_that_is_no_number_is_refused_and_changes_nothing(aligner, frames, seconds):
    track, untroubled = FaceTracker(aligner), FaceTracker(aligner)
    for tracker in (track, untroubled):
        tracker(frames[0], 0.0)
    with pytest.raises(InputError, match="the time of a frame is"):
        track(frames[1], seconds)
    for face, expected in zip(track(frames[2], 0.08), untroubled(frames[2], 0.08), strict=True):
        np.testing.assert_array_equal(face.landmarks, expected.landmarks)


def test_no_more_faces_are_followed_than_the_aligner_keeps(aligner, frames):
    track = FaceTracker(Aligner(aligner.predictor, aligner.detector, max_faces=1), search_every=1)
    first = track(frames[0], 0.0)
    assert [face.identity for face in first] == [0]
    assert [face.identity for face in track(frames[1], 0.04)] == [0]


def test_a_face_that_comes_back_does_not_exceed_what_the_aligner_keeps(aligner):
    """One is seen, lost while the other appears, and comes back beside it."""
    one = Aligner(aligner.predictor, aligner.detector, max_faces=1)
    track = FaceTracker(one, search_every=1)
    left, right = (10, 30), (225, 30)
    found = [
        track(frame_with(places), t / RATE)
        for t, places in enumerate(([left], [right], [left, right]))
    ]
    assert [len(faces) for faces in found] == [1, 1, 1]


def test_a_face_that_scores_too_little_is_not_followed(aligner, frames):
    assert (
        FaceTracker(Aligner(aligner.predictor, aligner.detector, min_score=1.0))(frames[0], 0.0)
        == []
    )


def test_smoothing_measures_a_face_by_its_landmarks():
    """Not by its box: with five points, that is the face box, twice as large."""
    seen = []

    def create_filter():
        def smooth(landmarks, seconds, size, covariance):
            seen.append(size)
            return landmarks

        return smooth

    (face,) = FaceTracker(Aligner.load("mobile_5"), create_filter)(read_image(PORTRAIT), 0.0)
    assert seen == [face_size(face.landmarks)]
    # Eyes 83 pixels apart, 94 from the eyes to the mouth.
    assert seen[0] == pytest.approx(88, abs=2)


@pytest.mark.parametrize(("seconds", "is_same"), [(0.9, True), (1.2, False)])
def test_a_face_that_is_gone_for_less_than_a_second_keeps_its_number(aligner, seconds, is_same):
    track = FaceTracker(aligner)
    there, gone = frame_with([(100, 30)]), frame_with([])
    (first,) = track(there, 0.0)
    assert track(gone, 0.04) == []
    assert track(gone, seconds - 0.04) == []
    (again,) = track(there, seconds)
    assert (again.identity == first.identity) == is_same


def test_a_face_that_hurries_keeps_its_number(aligner):
    """By a quarter of its width per frame, back and forth."""
    lefts = [10 + 20 * min(t, 20 - t) for t in range(20)]
    track = FaceTracker(aligner)
    found = [track(frame_with([(left, 40)]), t / RATE) for t, left in enumerate(lefts)]
    assert [[face.identity for face in faces] for faces in found] == [[0]] * 20


def test_a_fast_face_in_a_compressed_video_keeps_its_number(aligner, tmp_path):
    """The codec smears a face that moves by a quarter of its width until the next key frame."""
    head = cv2.resize(read_image(PORTRAIT)[:420, 80:500], (130, 130), interpolation=cv2.INTER_AREA)
    path, code = str(tmp_path / "fast.mp4"), cv2.VideoWriter_fourcc(*"mp4v")
    film = cv2.VideoWriter(path, code, RATE, (480, 240))
    for left in range(10, 310, 16):
        frame = np.full((240, 480, 3), (72, 88, 66), np.uint8)
        frame[55:185, left : left + 130] = head[..., ::-1]
        film.write(frame)
    film.release()
    track = FaceTracker(aligner)
    found = [track(frame, seconds) for seconds, frame in Video(path)]
    assert [[face.identity for face in faces] for faces in found] == [[0]] * 19


def test_a_face_that_another_hides_keeps_its_number(aligner):
    """The one behind is lost for some frames and comes back half hidden."""
    heads = [
        cv2.resize(
            synthetic.draw_face(aligner.markup, (11, who), occluded=False)[0].image, (150,) * 2
        )
        for who in (0, 1)
    ]
    track, numbers = FaceTracker(aligner), set()
    for t in range(60):
        frame = np.full((300, 640, 3), (110, 120, 130), np.uint8)
        lefts = [round(10 + 8 * t), round(480 - 8 * t)]
        for head, left, top in zip(heads, lefts, (60, 80), strict=True):
            frame[top : top + 150, left : left + 150] = head
        found = track(frame, t / RATE)
        numbers |= {face.identity for face in found}
    assert numbers == {0, 1}


def test_after_a_cut_to_somebody_else_the_number_is_new(aligner):
    """Synthetic people one after the other, in the same place."""
    track, places = FaceTracker(aligner), []
    for who in range(3):
        face, _ = synthetic.draw_face(aligner.markup, (3, who), occluded=False)
        for t in range(3):
            (found,) = track(face.image, (3 * who + t) / RATE)
            places.append(found.identity)
    assert places == [0] * 3 + [1] * 3 + [2] * 3


def test_a_frame_without_a_face_asks_the_detector_and_nothing_else(aligner):
    class Blind:
        metadata = aligner.predictor.metadata

        def predict(self, images):
            raise AssertionError("nothing was found that could be aligned")

    track = FaceTracker(Aligner(Blind(), aligner.detector))
    assert track(frame_with([]), 0.0) == []


def test_two_that_follow_one_face_become_one(aligner):
    track = FaceTracker(aligner)
    places = [(10, 30), (225, 30)]
    older, younger = track(frame_with(places), 0.0)
    track._tracks[1].face = track._tracks[0].face
    faces = track(frame_with([places[int(older.box[0] > younger.box[0])]]), 0.04)
    assert [face.identity for face in faces] == [older.identity]
