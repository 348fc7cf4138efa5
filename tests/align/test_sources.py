"""Which files of a folder are photos or videos."""

import pytest

from evae_tf.align.sources import find_sources
from evae_tf.errors import InputError


@pytest.fixture
def folder(tmp_path):
    """Empty files of all kinds, a folder and hidden files."""
    for name in (
        *("a.JPG", "b.png", "clip.MTS", "film.mp4", "IMG_1.HEIC", "IMG_2.heic", "notes.txt"),
        *("scan.pdf", "model.h5", "Makefile", "._a.JPG", ".DS_Store"),
    ):
        (tmp_path / name).touch()
    (tmp_path / "trip.jpg").mkdir()
    return tmp_path


def names(found):
    return [path.name for path in found.photos], [path.rpartition("/")[2] for path in found.videos]


def test_a_folder_is_sorted_out(folder):
    found = find_sources(folder)
    assert names(found) == (["a.JPG", "b.png"], ["clip.MTS", "film.mp4"])
    assert found.left_out == {".heic": 2, ".txt": 1, ".pdf": 1, ".h5": 1, "without ending": 1}
    assert found.describe_left_out().startswith("2 .heic, ")


def test_a_glob_is_sorted_out_likewise(folder):
    assert names(find_sources(f"{folder}/*")) == names(find_sources(folder))
    assert names(find_sources(f"{folder}/*.mp4")) == ([], ["film.mp4"])


def test_a_file_that_a_glob_names_twice_is_one(folder):
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "deep" / "deeper" / "c.jpg").touch()
    assert names(find_sources(f"{folder}/**/**/c.jpg")) == (["c.jpg"], [])


@pytest.mark.parametrize("name", ["*.heic", "*.nothing", "nothing.jpg", "nothing"])
def test_nothing_to_do_is_said(folder, name):
    with pytest.raises(InputError, match=r"nothing|1 \.heic"):
        find_sources(folder / name)


@pytest.mark.parametrize("address", ["https://example.org/a.jpg", "rtsp://example.org/door"])
def test_an_address_is_called_one(address):
    with pytest.raises(InputError, match=f"^{address}: found an address, expected a path; "):
        find_sources(address)


def test_a_folder_without_photos_says_what_it_holds(tmp_path):
    with pytest.raises(InputError, match=r"found nothing, "):
        find_sources(tmp_path)
    (tmp_path / "a.heic").touch()
    with pytest.raises(InputError, match=r"found 1 \.heic, "):
        find_sources(tmp_path)


def test_what_is_named_itself_is_taken(folder):
    """A photo under any ending; a folder whatever it is called; a camera."""
    assert names(find_sources(folder / "notes.txt")) == (["notes.txt"], [])
    assert names(find_sources(folder / "clip.MTS")) == ([], ["clip.MTS"])
    (folder / "clip.mp4").mkdir()
    (folder / "clip.mp4" / "one.jpg").touch()
    assert names(find_sources(folder / "clip.mp4")) == (["one.jpg"], [])
    assert find_sources("camera:0").videos == ["camera:0"]


def test_what_was_drawn_of_others_is_no_source(tmp_path):
    drawn = ("a.png", "a_landmarks.jpg", "b_landmarks.jpg", "c_landmarks.png", "d.mov")
    for name in (*drawn, "d_landmarks.mp4"):
        (tmp_path / name).touch()
    assert names(find_sources(tmp_path)) == (
        ["a.png", "b_landmarks.jpg", "c_landmarks.png"],
        ["d.mov"],
    )
