"""Which existing file of a video is replaced."""

import pytest

from evae_tf.align.landmark_streams import STREAMS, refuse_another_file
from evae_tf.errors import InputError
from evae_tf.markups import MARKUPS

MTFL = MARKUPS["mtfl_5"]


ANOTHER = {
    "json": ("b/a.mp4", "mobile_5", MTFL),
    "csv": ("a.mp4", "mobile_68", MARKUPS["ibug_68"]),  # a table does not name its video
}


@pytest.mark.parametrize("kind", STREAMS)
def test_landmarks_of_the_same_video_and_model_are_replaced(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    with STREAMS[kind](path, {"video": "a.mp4", "model": "mobile_5"}, MTFL) as write:
        write(0.0, [])
    refuse_another_file(path, "a.mp4", "mobile_5", MTFL)
    with pytest.raises(InputError, match=f"a.{kind}: the file exists"):
        refuse_another_file(path, *ANOTHER[kind])


@pytest.mark.parametrize("content", [b"", b"[1, 2]", '{"café": '.encode("latin-1")])
@pytest.mark.parametrize("kind", STREAMS)
def test_a_file_of_another_kind_is_left_alone(tmp_path, kind, content):
    """Among them one that is not UTF-8."""
    (tmp_path / f"a.{kind}").write_bytes(content)
    with pytest.raises(InputError, match=f"a.{kind}: the file exists"):
        refuse_another_file(tmp_path / f"a.{kind}", "a.mp4", "mobile_5", MTFL)
