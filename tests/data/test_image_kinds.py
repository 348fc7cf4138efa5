"""What is not an image file is named."""

import os
import threading
from pathlib import Path

import pytest
from PIL import Image, TiffImagePlugin

from evae_tf.data.images import read_image
from tests.data.image_bytes import refusal, texture


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
