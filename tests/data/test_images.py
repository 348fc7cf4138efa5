"""Image files of all kinds are read, in the colours and the orientation that they have."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from evae_tf.data.images import read_image, rgb_pixels
from evae_tf.errors import InputError
from tests.data.image_bytes import RGB, picture, texture

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_colour_images_of_every_sort_become_rgb(mode, tmp_path):
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    picture(mode).save(path)
    pixels = read_image(path)
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(pixels[10, 10], RGB, atol=6)
    np.testing.assert_allclose(pixels[10, 50], 0, atol=3)


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_grey_images_get_three_equal_channels(mode, tmp_path):
    picture(mode).save(tmp_path / "image.png")
    pixels = read_image(tmp_path / "image.png")
    luma = 0.299 * RGB[0] + 0.587 * RGB[1] + 0.114 * RGB[2]
    np.testing.assert_allclose(pixels[10, 10], [luma] * 3, atol=1)
    assert pixels.dtype == np.uint8


def test_exif_rotation_is_applied(tmp_path):
    image = picture()
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: shown after a clockwise turn by 90 degrees
    image.save(tmp_path / "image.jpg", exif=exif, quality=95)
    pixels = read_image(tmp_path / "image.jpg")
    assert pixels.shape == (64, 48, 3)
    np.testing.assert_allclose(pixels[5, 24], RGB, atol=12)
    np.testing.assert_allclose(pixels[60, 24], 0, atol=12)


def _damage(path, how):
    data = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"not a picture", "cut": data[: len(data) // 2]}[how])


@pytest.mark.parametrize("ending", ["jpg", "png"])
@pytest.mark.parametrize("how", ["empty", "text", "cut"])
def test_a_damaged_image_is_refused_by_name(how, ending, tmp_path):
    path = tmp_path / f"broken.{ending}"
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    Image.fromarray(noise).save(path)
    _damage(path, how)
    with pytest.raises(InputError, match=f"broken.{ending}"):
        read_image(path)


def test_a_missing_image_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="nowhere.png"):
        read_image(tmp_path / "nowhere.png")


@pytest.mark.parametrize(
    "name",
    ["AVIF", "BMP", "DDS", "DIB", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI"]
    + ["SGI", "TGA", "TIFF", "WEBP"],
)
def test_what_pillow_writes_is_read(name, tmp_path):
    colours = texture(59, 83)
    Image.fromarray(colours).save(tmp_path / "a", name)
    pixels = read_image(tmp_path / "a").astype(int)
    assert np.abs(pixels - colours).mean() < 6


@pytest.mark.parametrize("orientation", range(9))
def test_every_exif_rotation_is_that_of_pillow(orientation, tmp_path):
    """9 of the values are none or unknown."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("a.png", "a.tif", "a.webp"):
        Image.fromarray(texture()).save(tmp_path / name, exif=exif, lossless=True)
        with Image.open(tmp_path / name) as image:
            expected = np.array(ImageOps.exif_transpose(image))
        np.testing.assert_array_equal(read_image(tmp_path / name), expected)


def test_an_image_of_several_bands_is_whole(tmp_path):
    """Pixels are converted in bands of two million."""
    large = texture(1700, 2500)
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(large).save(tmp_path / "a.bmp")
    Image.fromarray(large).save(tmp_path / "turned.png", exif=exif, compress_level=1)
    Image.fromarray(large[..., 0].astype(np.uint16) * 257).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.bmp"), large)
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png"), np.rot90(large))
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png")[..., 1], large[..., 0])


@pytest.mark.parametrize(("mode", "ending"), [("LAB", "tif"), ("YCbCr", "tif"), ("PA", "tif")])
def test_rare_kinds_of_colour_are_converted(mode, ending, tmp_path):
    picture(mode).save(tmp_path / f"a.{ending}")
    with Image.open(tmp_path / f"a.{ending}") as image:
        assert image.mode == mode
    pixels = read_image(tmp_path / f"a.{ending}")
    np.testing.assert_allclose(pixels[10, 10], RGB, atol=8)
    np.testing.assert_allclose(pixels[10, 50], 0, atol=8)


def test_black_and_white_and_grey_under_alpha(tmp_path):
    """`La` is grey multiplied by alpha; Pillow can read it from TIFF, but not write it."""
    Image.fromarray(texture()[..., 0] > 128).save(tmp_path / "a.png")
    expected = np.where(texture()[..., :1] > 128, 255, 0).repeat(3, axis=2)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)
    premultiplied = Image.frombytes("La", (2, 1), bytes([50, 128, 200, 255]))
    np.testing.assert_allclose(rgb_pixels(premultiplied, "it")[0, :, 0], [100, 200], atol=1)


@pytest.mark.parametrize("ending", ["tif", "gif", "webp", "png", "mpo", "avif"])
def test_the_first_of_several_pictures_is_read(ending, tmp_path):
    first, others = Image.fromarray(texture()), [Image.fromarray(255 - texture())] * 2
    first.save(tmp_path / f"a.{ending}", save_all=True, append_images=others)
    pixels = read_image(tmp_path / f"a.{ending}").astype(int)
    assert np.abs(pixels - texture()).mean() < 10


def test_damaged_metadata_are_no_matter_and_no_warning(tmp_path):
    """EXIF data truncated within a value, and invalid EXIF data."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker" * 40, 3
    code = "import sys\nfrom evae_tf.data.images import read_image\n"
    code += "for path in sys.argv[1:]: print(*read_image(path).shape)"
    for name, data in (("cut", exif.tobytes()[:60]), ("nothing", b"Exif\0\0" + bytes(range(40)))):
        Image.fromarray(texture()).save(tmp_path / f"{name}.jpg", exif=data)
        Image.fromarray(texture()).save(tmp_path / f"{name}.png", exif=data)
    files = sorted(tmp_path.iterdir())
    command = [sys.executable, "-c", code, *files]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n")[:-1] == ["48 64 3"] * len(files)


def test_a_file_in_memory_is_called_so():
    with pytest.raises(InputError, match="^an image in memory: the file is empty"):
        read_image(io.BytesIO())
