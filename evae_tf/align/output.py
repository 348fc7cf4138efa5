"""What a run over photos or over a video leaves behind."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Output:
    """Which files of landmarks and pictures are written, and where.

    Attributes:
      folder: where to; it is created if needed.
      model: what JSON files say of the model.
      file_format: a key of `landmark_files.WRITERS`, or of `STREAMS` for a video.
      drawings: what the pictures or the video show, some of `overlay.DRAWINGS`; none, no pictures.
      overwrite: whether what is done already is done again.
    """

    folder: Path
    model: str
    file_format: str = "json"
    drawings: tuple[str, ...] = ()
    overwrite: bool = False
