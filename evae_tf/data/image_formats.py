"""Recognises formats that Pillow cannot read by their first bytes."""

_PICTURES = {
    b"II\x2a\x00\x10\x00\x00\x00CR": "a raw photo (CR2)",
    b"IIRO": "a raw photo (ORF)",
    b"IIRS": "a raw photo (ORF)",
    b"MMOR": "a raw photo (ORF)",
    b"IIU\x00": "a raw photo (RW2)",
    b"FUJIFILMCCD-RAW": "a raw photo (RAF)",
    b"FOVb": "a raw photo (X3F)",
    b"II\xbc": "a JPEG XR picture",
    b"\xff\x0a": "a JPEG XL picture",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL picture",
    b"8BPS\x00\x02": "a large Photoshop document (PSB)",
    b"gimp xcf": "a GIMP picture (XCF)",
    b"v/1\x01": "an OpenEXR picture",
    b"#?RADIANCE": "a Radiance HDR picture",
    b"BPG\xfb": "a BPG picture",
    b"%!PS": "a PostScript document",
    b"\xc5\xd0\xd3\xc6": "a PostScript document",
    b"%PDF": "a PDF document",
}
_OTHERS = {
    b"\x1a\x45\xdf\xa3": "a video (Matroska or WebM)",
    b"\x00\x00\x01\xba": "a video (MPEG)",
    b"\x00\x00\x01\xb3": "a video (MPEG)",
    b"\x30\x26\xb2\x75": "a video (WMV)",
    b"PK\x03\x04": "an archive (ZIP)",
    b"\x1f\x8b": "an archive (gzip)",
    b"version https://git-lfs": "a Git LFS pointer (run `git lfs pull`)",
}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_HEIF_CONTAINERS = (b"mif1", b"mif2", b"msf1", b"miaf")
_AVIF_BRANDS = (b"avif", b"avis")
LONGEST_START = 512

_CONVERT = "; convert it to JPEG or PNG"
_EXPECTED = "; expected a picture, such as JPEG or PNG"


def unread_format(start: bytes) -> str | None:
    """The format of a file that Pillow cannot read, and what to do, for a message.

    Args:
      start: its first `LONGEST_START` bytes.

    Returns:
      Text, or None if the format is not recognised.
    """
    if start[4:8] == b"ftyp":
        return _in_boxes(start[8:12], start[8 : int.from_bytes(start[:4])])
    for beginning, name in _PICTURES.items():
        if start.startswith(beginning):
            return name + _CONVERT
    for beginning, name in _OTHERS.items():
        if start.startswith(beginning):
            return name + _EXPECTED
    if start[:4] == b"RIFF" and start[8:11] == b"AVI":
        return "a video (AVI)" + _EXPECTED
    if start[4:8] in (b"moov", b"mdat", b"wide"):
        return "a video (MOV)" + _EXPECTED
    if start[128:132] == b"DICM":
        return "a DICOM file" + _CONVERT
    return _in_text(start)


def _in_boxes(brand: bytes, brands: bytes) -> str | None:
    """The format of an ISO media file, whose first box lists its brands."""
    if brand in _HEIF_BRANDS or (brand in _HEIF_CONTAINERS and b"avif" not in brands):
        return "an HEIC (HEIF) picture" + _CONVERT
    if brand in _AVIF_BRANDS or brand in _HEIF_CONTAINERS:
        return None
    if brand == b"crx ":
        return "a raw photo (CR3)" + _CONVERT
    return "a video (MP4 or MOV)" + _EXPECTED


def _in_text(start: bytes) -> str | None:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page (HTML)" + _EXPECTED
    if text.startswith(b"<") and b"<svg" in text:
        return "an SVG drawing" + _CONVERT
    return None
