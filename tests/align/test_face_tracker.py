"""Faces tracked through frames made of matplotlib's portrait, and video files."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
import pytest

from evae_tf import Aligner
from evae_tf.align.face_tracker import FaceTracker
from evae_tf.align.files import align_files
from evae_tf.align.frames import Video
from evae_tf.align.output import Output
from evae_tf.align.smoothing import face_size
from evae_tf.align.sources import Sources
from evae_tf.align.video_writing import video_file
from evae_tf.data import synthetic
from evae_tf.data.images import read_image
from evae_tf.errors import InputError

ROOT = Path(__file__).parents[2]
PORTRAIT = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
HEIGHT, WIDTH, COUNT, RATE = 260, 400, 24, 25.0


@pytest.fixture(scope="module")
def aligner():
    return Aligner.load("mobile_68")


def frame_with(places):
    """A grey frame with the portrait's head at each (left, top)."""
    head = cv2.resize(
        read_image(PORTRAIT)[20:420, 90:440], (160, 183), interpolation=cv2.INTER_AREA
    )
    frame = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for left, top in places:
        frame[top : top + 183, left : left + 160] = head
    return frame


@pytest.fixture(scope="module")
def frames():
    """Two heads that cross the frame slowly in opposite directions, one above the other's path."""
    return [frame_with([(10 + t, 20), (230 - t, 40)]) for t in range(COUNT)]


@pytest.fixture(scope="module")
def video(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "two_heads.mp4"
    with video_file(path, RATE) as write:
        for frame in frames:
            write(frame)
    return path


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


def test_frames_survive_a_file(video, frames):
    read = list(Video(video))
    assert len(read) == COUNT
    assert Video(video).announced == COUNT
    np.testing.assert_allclose([seconds for seconds, _ in read], np.arange(COUNT) / RATE)
    for (_, frame), written in zip(read, frames, strict=True):
        assert np.abs(frame.astype(int) - written).mean() < 6  # a lossy codec; colours in order


@pytest.mark.parametrize("source", ["clip.mp4", "camera:x", "camera:97"])
def test_what_is_no_video_is_refused(source, tmp_path):
    with pytest.raises(InputError, match=source):
        Video(source if source.startswith("camera") else tmp_path / source)


def test_a_file_that_only_looks_like_a_video_is_refused(tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    with pytest.raises(InputError, match=r"notes\.mp4"):
        Video(tmp_path / "notes.mp4")


def test_what_is_no_file_is_not_called_missing(tmp_path):
    """Opening a pipe would wait for its writer, without end."""
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    for name in ("pipe.mp4", "folder.mp4"):
        with pytest.raises(InputError, match=f"{name}: found a folder, a pipe or a device, "):
            Video(tmp_path / name)


def align(*words):
    command = [sys.executable, "align.py", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_video_becomes_landmarks_and_a_video(video, tmp_path):
    done = align(f"--input={video}", f"--output={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert f"{COUNT} frames" in done.stdout
    assert "2 different faces" in done.stdout
    record = json.loads((tmp_path / "two_heads.json").read_text())
    assert (record["width"], record["height"], record["fps"]) == (WIDTH, HEIGHT, RATE)
    assert [frame["frame"] for frame in record["frames"]] == list(range(COUNT))
    for frame in record["frames"]:
        assert {face["id"] for face in frame["faces"]} == {0, 1}
    assert len(list(Video(tmp_path / "two_heads_landmarks.mp4"))) == COUNT
    again = align(f"--input={video}", f"--output={tmp_path}")
    assert "skipped" in again.stdout
    copy = tmp_path / "copy" / video.name
    copy.parent.mkdir()
    shutil.copy(video, copy)
    other = align(f"--input={copy}", f"--output={tmp_path}")
    assert other.returncode == 1
    assert "two_heads.json: the file exists" in other.stderr


@pytest.mark.parametrize(("ending", "unit"), [("avi", "frames"), ("mkv", "bytes"), ("ts", "bytes")])
def test_a_video_cut_short_keeps_what_came_before(ending, unit, video, tmp_path):
    """These play up to where they were cut; an .mp4 has its table of frames at its end."""
    whole = tmp_path / f"whole.{ending}"
    with video_file(whole, RATE) as write:
        for _, frame in Video(video):
            write(frame)
    cut = tmp_path / f"cut.{ending}"
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    done = align(f"--input={cut}", f"--output={tmp_path / 'out'}", "--format=csv", "--draw=")
    assert done.returncode == 1
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.startswith(f"error: {cut}: ends ")
    assert f" {unit} " in sentence
    with (tmp_path / "out" / "cut.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert 4 < len({row["frame"] for row in rows}) < COUNT
    assert not list((tmp_path / "out").glob("*.mp4"))


class _Camera:
    """A fake camera: yields the video's frames, then calls `end`."""

    def __init__(self, video, end):
        self._capture, self._end = cv2.VideoCapture(str(video)), end
        self.isOpened, self.release = self._capture.isOpened, self._capture.release

    def get(self, _):
        return 0.0  # many cameras report no frame rate, and none reports a number of frames

    def read(self):
        good, frame = self._capture.read()
        return (good, frame) if good else self._end()


def _unplugged():
    return False, None


def _ctrl_c():
    raise KeyboardInterrupt


@pytest.mark.parametrize(("end", "unplugged"), [(_unplugged, True), (_ctrl_c, False)])
def test_what_a_camera_saw_is_written(aligner, video, tmp_path, monkeypatch, end, unplugged):
    camera, opened = _Camera(video, end), cv2.VideoCapture

    def open_source(source, *settings):  # the drawn video is opened, too, to count its frames
        return camera if source == 0 else opened(source, *settings)

    monkeypatch.setattr("evae_tf.align.frames.cv2.VideoCapture", open_source)
    output = Output(tmp_path, "mobile_68", drawings=("points",))
    done = align_files(Sources(videos=["camera:0"]), aligner, output, create_filter=None)
    (summary,) = done.videos
    assert (summary.frames, summary.problem is not None) == (COUNT, unplugged)
    assert len(done.errors) == unplugged
    frames = json.loads((tmp_path / "camera_0.json").read_text())["frames"]
    assert [len(frame["faces"]) for frame in frames] == [2] * COUNT
    seconds = [frame["seconds"] for frame in frames]
    assert seconds == sorted(seconds)
    monkeypatch.undo()
    assert (tmp_path / "camera_0_landmarks.mp4").stat().st_size > 1000


@pytest.mark.parametrize(
    ("flags", "status", "sentence"),
    [
        (["--format=pts"], 2, "for photos"),
        (["--detector=boxes"], 2, "for photos"),
        (["--output=/proc/nowhere"], 1, "cannot write"),
    ],
)
def test_what_a_video_cannot_have_is_said_before_any_work(video, tmp_path, flags, status, sentence):
    done = align(f"--input={video}", f"--output={tmp_path}", *flags)
    assert done.returncode == status
    assert sentence in done.stderr.strip().splitlines()[-1]
    assert not list(tmp_path.iterdir())
