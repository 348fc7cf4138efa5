"""Which clean photos there are, and which are held out."""

from pathlib import Path

import numpy as np
import pytest

from evae_tf.errors import InputError
from recipes.free import clean_photos
from recipes.free.clean_photos import Photo


@pytest.fixture
def clean(tmp_path):
    for name in (
        *("webmorph_stim/neutral_front_001_03", "webmorph_stim/smiling_front_001_08"),
        *("webmorph_stim/canada_003f", "webmorph_stim/composite_f_multi"),
        *("webmorph_stim/lisa_lisa1", "webmorph_stim/zoom_15cm"),
        *("pif_fellows/pif_000", "congress_pictorial/A000014"),
    ):
        path = tmp_path / f"{name}.webp"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    points = tmp_path / "webmorph_stim" / "canada_003f.lm68.csv"
    np.savetxt(points, np.arange(136.0).reshape(68, 2), "%.2f", ",", header="x,y", comments="")
    return tmp_path


def test_each_photo_has_its_set_and_person(clean):
    found = {photo.image.stem: photo for photo in clean_photos.read(clean)}
    assert {photo.source for photo in found.values()} == {
        *("london", "canada", "composite", "lisa", "zoom", "pif", "congress")
    }
    assert found["canada_003f"].person == "canada_003f"
    assert found["neutral_front_001_03"].person == "london_001"
    assert found["smiling_front_001_08"].person == "london_001"
    assert found["canada_003f"].hand_points()[67].tolist() == [134, 135]
    with pytest.raises(InputError, match="canada_003f.pts.csv: no hand-placed points"):
        found["canada_003f"].template()
    assert not found["zoom_15cm"].pointed


def test_people_are_held_out_by_the_hash_of_their_name():
    """The numbers end in 9, 1 and 0; that of other sets does not matter."""
    held_out = {
        person: Photo(Path(f"{person}.webp"), person.split("_")[0], person, False).held_out
        for person in ("london_001", "london_003", "london_004", "lisa_003", "pif_004")
    }
    assert [person for person, held in held_out.items() if held] == ["london_003", "london_004"]


def test_damage_is_named(clean):
    photos = {photo.image.stem: photo for photo in clean_photos.read(clean)}
    points = clean / "webmorph_stim" / "canada_003f.lm68.csv"
    with pytest.raises(InputError, match="zoom_15cm.lm68.csv: no hand-placed points"):
        photos["zoom_15cm"].hand_points()
    points.write_text("x,y\n1,2\n")
    with pytest.raises(InputError, match="expected 68 rows"):
        photos["canada_003f"].hand_points()
    (clean / "webmorph_stim" / "stranger.webp").touch()
    with pytest.raises(InputError, match="stranger.webp: of no known set"):
        clean_photos.read(clean)
    with pytest.raises(InputError, match="no .webp pictures"):
        clean_photos.read(clean / "webmorph_stim")


def test_the_real_folder_is_complete(shared_data):
    photos = clean_photos.read(shared_data / "clean")
    assert len(photos) == 262 + 263 + 813
    pointed = [photo for photo in photos if photo.pointed]
    assert (len(pointed), sum(photo.held_out for photo in pointed)) == (152, 39)
    assert sum(photo.held_out for photo in photos) == 68
