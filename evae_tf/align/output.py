"""Output settings of a run over photos or videos."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Output:
    """Which landmark files and pictures are written, and where.

    Attributes:
      folder: output folder; created if needed.
      model: name of the model, as recorded in JSON files.
      file_format: a key of `landmark_files.WRITERS`, or of
        `landmark_streams.STREAMS` for a video.
      drawings: what to draw, a subset of `overlay.DRAWINGS`; empty: no pictures or video.
      overwrite: whether finished files are processed again.
    """

    folder: Path
    model: str
    file_format: str = "json"
    drawings: tuple[str, ...] = ()
    overwrite: bool = False
