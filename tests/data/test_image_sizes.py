"""Large images, and small files that promise large ones."""

import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from evae_tf.data.image_files import MAX_PIXELS
from tests.data.image_bytes import gif, jpeg, png, refusal, tiff, webp

ROOT = Path(__file__).parents[2]


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


def test_text_that_unpacks_to_megabytes_is_refused(tmp_path):
    text = b"a\0\0" + zlib.compress(bytes(5_000_000))
    (tmp_path / "a.png").write_bytes(png(100, 49, (b"zTXt", text)))
    assert "Decompressed data too large" in refusal(tmp_path / "a.png")
