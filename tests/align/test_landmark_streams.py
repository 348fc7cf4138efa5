"""The header of a video's landmark file."""

from evae_tf.align.landmark_streams import json_stream, read_header
from evae_tf.markups import MARKUPS


def test_a_header_is_read_back(tmp_path):
    with json_stream(tmp_path / "a.json", {"video": "a.mp4"}, MARKUPS["mtfl_5"]) as write:
        write(0.0, [])
    assert read_header(tmp_path / "a.json") == {"video": "a.mp4", "markup": "mtfl_5"}


def test_a_file_of_another_kind_has_no_header(tmp_path):
    """Among them one that is not UTF-8."""
    for content in (b"", b"[1, 2]", '{"café": '.encode("latin-1")):
        (tmp_path / "a.json").write_bytes(content)
        assert read_header(tmp_path / "a.json") == {}
