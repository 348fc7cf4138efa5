"""Image files of all kinds: read correctly, or refused with a message that names the format."""

import io
import os
import re
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps, TiffImagePlugin

from evae_tf.data.image_files import MAX_PIXELS
from evae_tf.data.images import read_image, rgb_pixels
from evae_tf.errors import InputError

RGB = (200, 100, 50)
ROOT = Path(__file__).parents[2]


def picture(mode="RGB"):
    """48 x 64 pixels, RGB on the left half, black on the right, in one of Pillow's modes."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :32] = RGB
    image = Image.fromarray(pixels)
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return image.convert(mode)


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


def texture(height=48, width=64):
    """Smooth colours, different for all neighbours: uint8 [H, W, 3]."""
    seeds = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(seeds, (width, height), interpolation=cv2.INTER_CUBIC)


def refusal(path):
    """The error message of `read_image` for a file."""
    with pytest.raises(InputError) as caught:
        read_image(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".") and not sentence.endswith("..")
    return sentence


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


# --- Values of other depths


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


def tiff(pixels, *, bits, kind=1, width, height):
    """A grey TIFF file written by hand, for types that Pillow cannot write."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, 1)]
    tags += [(273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(pixels)), (339, 3, kind)]
    entries = b"".join(struct.pack("<HHII", tag, size, 1, value) for tag, size, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory


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


# --- Sizes


def test_a_photo_of_200_megapixels_is_read_without_a_warning_and_copies(tmp_path):
    """In a separate process, to measure its memory; Pillow's limit is half of it."""
    code = """if 1:
        import resource, sys
        import numpy as np
        from PIL import Image
        from evae_tf.data.images import read_image

        usual = Image.MAX_IMAGE_PIXELS
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        pixels = read_image(sys.argv[1])
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert Image.MAX_IMAGE_PIXELS == usual
        print(*pixels.shape, pixels[9000, 12000, 0], (after - before) * 1024 / pixels.size)
    """
    photo = Image.new("L", (16320, 12240), 100)
    photo.paste(200, (11000, 8000, 13000, 10000))
    photo.save(tmp_path / "a.jpg", quality=50)
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", code, tmp_path / "a.jpg"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    height, width, channels, value, memory = map(float, done.stdout.split())
    assert (height, width, channels, value) == (12240, 16320, 3, 200)
    assert memory < 1.5  # 1 byte per value in the array, a third of it in Pillow


def png(width, height, *chunks):
    """The beginning of a PNG file that declares so many grey pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(5000))), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def jpeg(width, height):
    """A JPEG file that declares so many pixels."""
    file = io.BytesIO()
    picture().save(file, "JPEG")
    content = bytearray(file.getvalue())
    start = content.index(b"\xff\xc0")
    content[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def gif(width, height):
    """A GIF file whose first frame is larger than the canvas."""
    file = io.BytesIO()
    picture("P").save(file, "GIF")
    content = bytearray(file.getvalue())
    start = content.index(b"\x2c\0\0\0\0")
    content[start + 5 : start + 9] = struct.pack("<HH", width, height)
    return bytes(content)


def webp(width, height):
    """A WebP file whose canvas is that large."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


@pytest.mark.parametrize(
    ("name", "content", "size"),
    [
        ("a.png", png(20000, 20000), "20000 x 20000 are 400 megapixels"),
        ("a.tif", tiff(b"", bits=8, width=30000, height=30000), "30000 x 30000 are 900 megapixels"),
        ("a.gif", gif(60000, 60000), "3600000000"),
        ("a.webp", webp(16000, 16000), "256000000"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_too_many_pixels_are_refused_as_such(name, content, size, tmp_path):
    (tmp_path / name).write_bytes(content)
    sentence = refusal(tmp_path / name)
    assert "the image is too large" in sentence
    assert size in sentence
    assert f"at most {MAX_PIXELS / 1e6:.0f}" in sentence or re.search(r"limit of \d+", sentence)
    assert "damaged" not in sentence


def test_commands_hold_one_limit_without_warnings(tmp_path):
    """Pillow's plugins have their own limit of 179 megapixels, and warn above half of it."""
    code = """if 1:
        import sys
        from evae_tf.data.image_files import hold_limit_in_pillow
        from evae_tf.data.images import read_image

        hold_limit_in_pillow()
        for path in sys.argv[1:]:
            try: print(*read_image(path).shape)
            except ValueError as error: print(error)
    """
    (tmp_path / "a.gif").write_bytes(gif(16000, 17000))
    grey = Image.new("L", (15000, 12600))
    grey.putdata(range(15000 * 60))  # not of one colour
    grey.save(tmp_path / "b.tif")
    command = [sys.executable, "-c", code, tmp_path / "a.gif", tmp_path / "b.tif"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    refused_gif, read_tiff = done.stdout.splitlines()
    assert "the image is too large: 16000 x 17000 are 272 megapixels" in refused_gif
    assert read_tiff == "12600 15000 3"


def test_a_small_file_that_promises_a_large_image_takes_no_memory(tmp_path):
    code = """if 1:
        import resource, sys
        from evae_tf.data.images import read_image

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for path in sys.argv[1:]:
            try: read_image(path)
            except ValueError as error: print(error)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    """
    (tmp_path / "a.png").write_bytes(png(16000, 16000))
    (tmp_path / "b.png").write_bytes(png(5000, 5000))
    (tmp_path / "a.jpg").write_bytes(jpeg(16000, 16000))
    Image.new("1", (9000, 9000)).save(tmp_path / "a.webp", lossless=True)
    command = [sys.executable, "-c", code, *sorted(tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    *sentences, megabytes = done.stdout.splitlines()
    words = ["not a photo (16000 x 16000 pixels", "not a photo (16000 x 16000 pixels"]
    words += ["not a photo (9000 x 9000 pixels", "damaged or truncated"]
    for sentence, word in zip(sentences, words, strict=True):
        assert word in sentence
    assert float(megabytes) < 100


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


def test_text_that_unpacks_to_megabytes_is_refused(tmp_path):
    text = b"a\0\0" + zlib.compress(bytes(5_000_000))
    (tmp_path / "a.png").write_bytes(png(100, 49, (b"zTXt", text)))
    assert "Decompressed data too large" in refusal(tmp_path / "a.png")


# --- Files of other kinds


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", ["HEIC", "convert it to JPEG or PNG"]),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", ["HEIC", "convert it to JPEG or PNG"]),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", ["raw photo", "CR3", "convert"]),
        (b"II*\0\x10\0\0\0CR\x02\0", ["raw photo", "CR2", "convert"]),
        (b"FUJIFILMCCD-RAW 0201", ["raw photo", "RAF", "convert"]),
        (b"\xff\x0a\xfa\x1f", ["JPEG XL", "convert"]),
        (b"%PDF-1.7\n", ["PDF", "convert"]),
        (b'<?xml version="1.0"?>\n<svg xmlns="">', ["SVG", "convert"]),
        (b"8BPS\0\2", ["Photoshop", "convert"]),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomavc1", ["video", "MP4", "expected a picture"]),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", ["video", "MOV", "expected a picture"]),
        (b"RIFF\0\0\0\0AVI LIST", ["video", "AVI", "expected a picture"]),
        (b"\x1a\x45\xdf\xa3\x01", ["video", "Matroska", "expected a picture"]),
        (bytes(128) + b"DICM", ["DICOM", "convert"]),
        (b"\n<!DOCTYPE html><html><head>", ["web page", "expected a picture"]),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", ["Git LFS", "git lfs pull"]),
        (b"\x89HDF\r\n\x1a\n" + bytes(60), ["HDF5", "convert"]),
        (b"", ["empty"]),
        (b"not a picture", ["not an image file", "expected JPEG or PNG"]),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", ["damaged or truncated"]),
        (b"\x89PNG\r\n\x1a\n", ["damaged or truncated", "PNG"]),
    ],
)
def test_what_is_no_picture_is_named(start, words, tmp_path):
    path = tmp_path / "IMG_0001.jpg"
    path.write_bytes(start)
    sentence = refusal(path)
    assert sentence.startswith(f"{path}: ")
    for word in words:
        assert word in sentence, sentence


def test_an_avif_picture_in_a_container_of_heif_is_read(tmp_path):
    """Both formats start with the brand of the container."""
    Image.fromarray(texture()).save(tmp_path / "a.avif")
    content = (tmp_path / "a.avif").read_bytes()
    (tmp_path / "a.avif").write_bytes(content.replace(b"ftypavif", b"ftypmif1", 1))
    assert read_image(tmp_path / "a.avif").shape == (48, 64, 3)


@pytest.mark.parametrize("tags", [{50706: b"\1\4\0\0"}, {254: 1, 330: 8}])
def test_the_preview_of_a_raw_photo_is_not_taken_for_it(tags, tmp_path):
    """DNG, NEF and ARW files are TIFF files whose first image is a small preview."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[tag] = value
        info.tagtype[tag] = 1 if isinstance(value, bytes) else 4
    Image.fromarray(texture()).save(tmp_path / "a.dng", "TIFF", tiffinfo=info)
    assert "raw photo" in refusal(tmp_path / "a.dng")


def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nowhere.jpg")
    found = {
        tmp_path / "folder.jpg": "found a folder, expected an image file",
        tmp_path / "pipe.jpg": "found a pipe, a device or a similar file",
        Path("/dev/zero"): "found a pipe, a device or a similar file",
        tmp_path / "loop.jpg": "a link to itself",
        tmp_path / "dangling.jpg": "there is no such image",
        tmp_path / f"{'a' * 300}.jpg": "cannot be read (File name too long",
        "a\0b.jpg": "not a valid file name",
    }
    sentences = {}
    work = threading.Thread(
        target=lambda: sentences.update({path: refusal(path) for path in found}), daemon=True
    )
    work.start()
    work.join(10)  # reading a pipe without a writer would block forever
    for path, words in found.items():
        assert sentences[path].startswith(f"{path}: " if "\0" not in str(path) else repr(path))
        assert words in sentences[path]


def test_a_file_in_memory_is_called_so():
    with pytest.raises(InputError, match="^an image in memory: the file is empty"):
        read_image(io.BytesIO())
