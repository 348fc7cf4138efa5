"""Images and boxes of all kinds that users may pass."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evae_tf import Aligner
from evae_tf.align.inputs import known_boxes, rgb_image
from evae_tf.data.images import read_image
from evae_tf.errors import InputError
from tests.portrait import PORTRAIT

PIXELS = np.random.default_rng(3).integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = PIXELS[..., 0]


def test_rgb_is_taken_as_it_is():
    assert np.shares_memory(rgb_image(PIXELS), PIXELS)
    np.testing.assert_array_equal(rgb_image(PIXELS), PIXELS)
    mirrored = rgb_image(PIXELS[:, ::-1])
    assert mirrored.flags.c_contiguous
    np.testing.assert_array_equal(mirrored, PIXELS[:, ::-1])


@pytest.mark.parametrize("grey", [GREY, GREY[..., None]])
def test_grey_is_repeated(grey):
    np.testing.assert_array_equal(rgb_image(grey), np.stack([GREY, GREY, GREY], axis=-1))


def test_alpha_is_dropped():
    transparent = np.concatenate([PIXELS, np.zeros((5, 7, 1), np.uint8)], axis=-1)
    np.testing.assert_array_equal(rgb_image(transparent), PIXELS)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_fractions_of_white(dtype):
    np.testing.assert_array_equal(rgb_image((PIXELS / 255).astype(dtype)), PIXELS)
    np.testing.assert_array_equal(rgb_image((GREY / 255).astype(dtype))[..., 2], GREY)


@pytest.mark.parametrize("as_path", [str, Path])
def test_a_path_is_read(tmp_path, as_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    np.testing.assert_array_equal(rgb_image(as_path(tmp_path / "a.png")), PIXELS)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "I;16"])
def test_a_pil_image_is_as_its_file(tmp_path, mode):
    image = (
        Image.fromarray(GREY.astype(np.uint16) * 257)
        if mode == "I;16"
        else (Image.fromarray(PIXELS).convert(mode))
    )
    image.save(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as opened:
        assert opened.mode == mode
        np.testing.assert_array_equal(rgb_image(opened), read_image(tmp_path / "a.tif"))


@pytest.mark.parametrize("mode", ["PA", "RGBa", "RGBX", "YCbCr", "LAB", "HSV", "I;16B", "I", "La"])
def test_a_pil_image_of_a_rare_mode_is_what_it_shows(mode):
    flat = np.repeat(PIXELS[:1, :1], 9, axis=1)
    grey = np.repeat(flat[..., :1], 3, axis=2)
    raw = {"I;16B": (grey[..., 0].astype(">u2") * 257).tobytes(), "I": grey[..., 0].astype("<i4")}
    if mode in raw:
        expected, image = grey, Image.frombytes(mode, (9, 1), bytes(raw[mode]))
    elif mode == "La":
        expected, image = grey, Image.fromarray(grey).convert("LA").convert("La")
    else:
        expected, image = flat, Image.fromarray(flat)
        image = (image.convert("RGBA") if mode == "RGBa" else image).convert(mode)
    found = rgb_image(image).astype(int)
    limit = 26 if mode == "PA" else 4  # a palette of 216 colours
    assert np.abs(found - expected).max() <= limit
    assert image.mode == mode  # it is not changed


def test_a_pil_image_without_pixels_or_closed_is_refused(tmp_path):
    with pytest.raises(InputError, match="0 x 5 pixels"):
        rgb_image(Image.new("RGB", (0, 5)))
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    image = Image.open(tmp_path / "a.png")
    image.close()
    with pytest.raises(InputError, match="a PIL image: .*closed"):
        rgb_image(image)


def test_arrays_in_any_order_of_memory_give_the_same_face():
    portrait = read_image(PORTRAIT)
    aligner = Aligner.load()
    (expected,) = aligner(portrait)
    locked = portrait.copy()
    locked.flags.writeable = False
    for array in (locked, np.asfortranarray(portrait), portrait[::-1, ::-1].copy()[::-1, ::-1]):
        (face,) = aligner(array)
        np.testing.assert_array_equal(face.landmarks, expected.landmarks)


def test_the_rotation_of_a_pil_image_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # has to be turned clockwise
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(rgb_image(Image.open(tmp_path / "a.png")), np.rot90(PIXELS, -1))


def test_a_pil_image_of_a_cut_file_is_refused(tmp_path):
    Image.fromarray(np.repeat(PIXELS, 40, axis=0)).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[:-30])
    with pytest.raises(InputError, match="a PIL image: the image is damaged"):
        rgb_image(Image.open(tmp_path / "a.jpg"))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, "NoneType"),
        (3, "int"),
        (b"\xff\xd8", "bytes"),
        (PIXELS.tolist(), "list"),
        (PIXELS.astype(np.int16), "int16 and shape .5, 7, 3."),
        (PIXELS > 9, "bool"),
        (PIXELS[0, 0], "uint8 and shape .3."),
        (PIXELS[..., :2], "uint8 and shape .5, 7, 2."),
        (PIXELS[:0], "uint8 and shape .0, 7, 3."),
        (PIXELS[None], "uint8 and shape .1, 5, 7, 3."),
        (PIXELS / 254, r"float values from 0\S* to 1\.0"),
        (PIXELS / 255 - 0.1, "float values from -0.1"),
        (np.full((5, 7), np.nan), "float values from nan"),
    ],
)
def test_anything_else_is_refused_in_one_short_sentence(given, found):
    with pytest.raises(InputError, match=found) as raised:
        rgb_image(given)
    message = str(raised.value)
    assert "expected a path, a PIL image, or an array" in message
    assert len(message) < 250
    assert "\n" not in message


def test_the_image_of_a_face_is_what_was_used():
    grey = (np.arange(48)[:, None] + np.zeros(60)) / 48
    (face,) = Aligner.load("mobile_68")(grey, boxes=[(5, 5, 40, 40)])
    assert face.image.dtype == np.uint8
    np.testing.assert_array_equal(face.image, rgb_image(grey))


@pytest.mark.parametrize(
    ("boxes", "sentence"),
    [
        ([[1, 2, 3]], r"shape \[1, 3\], expected \[N, 4\]"),
        (np.zeros((2, 4, 1)), r"shape \[2, 4, 1\]"),
        ("everywhere", "found str"),
        ([[1, 2, 3, 4], [1, 2]], "found list"),
        ([[1, 2, 3, 4], [1, 2, np.inf, 4]], r"\[1.0, 2.0, inf, 4.0\] is empty or not finite"),
        ([[1, 2, 1, 4]], "is empty"),
        ([[9, 2, 12, 4]], "outside the image of 7 x 5"),
    ],
)
def test_impossible_boxes_are_refused(boxes, sentence):
    with pytest.raises(InputError, match=sentence):
        known_boxes(boxes, PIXELS)


def test_no_boxes_are_none():
    assert known_boxes([], PIXELS).shape == (0, 4)
    assert known_boxes(np.zeros((0, 4)), PIXELS).shape == (0, 4)
