"""Values of more than 8 bits: scaled where their white is known, or refused."""

import cv2
import numpy as np
import pytest
from PIL import Image

from evae_tf.data.images import read_image
from evae_tf.errors import InputError
from tests.data.image_bytes import refusal, texture, tiff


def test_sixteen_bits_that_pillow_holds_in_32_are_scaled_too(tmp_path):
    values = np.uint16([[0, 257, 25700], [32768, 65407, 65535]])
    Image.fromarray(values).save(tmp_path / "image.pgm")
    assert Image.open(tmp_path / "image.pgm").mode == "I"
    expected = [[0, 1, 100], [128, 255, 255]]  # 257 is to 65535 as 1 is to 255
    pixels = read_image(tmp_path / "image.pgm")
    np.testing.assert_array_equal(pixels, np.repeat(np.array(expected)[..., None], 3, axis=2))


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.int32([[0, 65536], [7, 255]]), "from 0 to 65536"),
        (np.int32([[-1, 65535], [7, 255]]), "from -1 to 65535"),
        (np.float32([[0, 0.5], [1, 0.25]]), "float values"),
    ],
)
def test_values_without_a_known_white_are_refused(values, found, tmp_path):
    Image.fromarray(values).save(tmp_path / "depth.tif")
    with pytest.raises(InputError, match=rf"depth\.tif: found .*{found}, expected 8-bit or 16-bit"):
        read_image(tmp_path / "depth.tif")


def test_integers_of_32_bits_that_fill_8_are_taken_as_8(tmp_path):
    """A photo after NumPy arithmetic, saved without conversion."""
    grey = texture()[..., 0]
    Image.fromarray(grey.astype(np.int32)).save(tmp_path / "a.tif")
    assert Image.open(tmp_path / "a.tif").mode == "I"
    pixels = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(pixels, np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.int32([[0, 256], [7, 255]]), "from 0 to 256"),
        (np.int32([[0, 40000], [7, 255]]), "from 0 to 40000"),
        (np.int32([[-1, 65535], [7, 255]]), "from -1 to 65535"),
    ],
)
def test_other_integers_of_32_bits_have_no_known_white(values, found, tmp_path):
    Image.fromarray(values).save(tmp_path / "depth.tif")
    assert f"32-bit or signed values {found}, expected 8-bit or 16-bit" in refusal(
        tmp_path / "depth.tif"
    )


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bits_that_fill_8_are_not_black(ending, tmp_path):
    colours = texture()
    cv2.imwrite(str(tmp_path / f"grey.{ending}"), colours[..., 0].astype(np.uint16))
    cv2.imwrite(str(tmp_path / f"colour.{ending}"), colours.astype(np.uint16))
    pixels = read_image(tmp_path / f"grey.{ending}")
    np.testing.assert_array_equal(pixels, np.repeat(colours[..., :1], 3, axis=2))
    # For colour images, Pillow keeps only the upper byte.
    assert "16-bit values up to 255 only" in refusal(tmp_path / f"colour.{ending}")


@pytest.mark.parametrize("ending", ["png", "tif", "jp2", "ppm"])
def test_colours_of_16_bits_become_8(ending, tmp_path):
    colours = texture()
    cv2.imwrite(str(tmp_path / f"a.{ending}"), colours[..., ::-1].astype(np.uint16) * 257)
    pixels = read_image(tmp_path / f"a.{ending}").astype(int)
    assert np.abs(pixels - colours).mean() < (5 if ending == "jp2" else 0.01)


def test_16_bits_of_either_byte_order_and_either_white(tmp_path):
    grey = texture()[..., 0]
    expected = np.repeat(grey[..., None], 3, axis=2)
    big = Image.frombytes("I;16B", (64, 48), (grey.astype(">u2") * 257).tobytes())
    big.save(tmp_path / "big.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "big.tif"), expected)
    inverse = Image.fromarray(65535 - grey.astype(np.uint16) * 257)
    inverse.save(tmp_path / "white_is_zero.tif", tiffinfo={262: 0})
    np.testing.assert_array_equal(read_image(tmp_path / "white_is_zero.tif"), expected)


def test_12_bits_have_a_white_of_their_own(tmp_path):
    """Two values in three bytes: 0, 2048, 4095, 1024."""
    packed = bytes([0x00, 0x08, 0x00, 0xFF, 0xF4, 0x00])
    (tmp_path / "a.tif").write_bytes(tiff(packed, bits=12, width=4, height=1))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[0, :, 0], [0, 128, 255, 64])


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (texture() / np.float32(255), "a TIFF of floats (3 x 32 bits per pixel"),
        (texture()[..., 0] / 255, "a TIFF of floats (1 x 64 bits per pixel"),
    ],
)
def test_a_tiff_of_floats_is_refused_as_such(values, found, tmp_path):
    cv2.imwrite(str(tmp_path / "a.tif"), values)
    sentence = refusal(tmp_path / "a.tif")
    assert found in sentence
    assert "expected grey, RGB or CMYK of 8 or 16 bits" in sentence


def test_a_tiff_of_half_floats_is_refused_as_such(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(bytes(8), bits=16, kind=3, width=4, height=1))
    assert "a TIFF of floats (1 x 16 bits" in refusal(tmp_path / "a.tif")
