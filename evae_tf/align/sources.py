"""Resolves `--input`: photos, videos, and files that are neither."""

import collections
import dataclasses
import glob
import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from evae_tf.errors import InputError

CAMERA = "camera:"
# Not everything that Pillow opens, which includes PDF, HDF5 and icons.
# fmt: off
PHOTOS = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".avif", ".bmp", ".gif", ".tif",
    ".tiff", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga",
))
VIDEOS = frozenset((
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ts", ".mts",
    ".m2ts", ".3gp", ".3g2", ".flv", ".ogv", ".vob",
))
# fmt: on
DRAWN = "_landmarks"  # suffix of a drawn picture or video


@dataclasses.dataclass(frozen=True)
class Sources:
    """The photos and videos to align.

    Attributes:
      photos: paths, sorted.
      videos: paths, sorted; or a camera, such as `camera:0`.
      left_out: number of other files by lower-case extension.
      subfolders: number of subfolders, whose files are left out, too.
    """

    photos: list[Path] = dataclasses.field(default_factory=list[Path])
    videos: list[str] = dataclasses.field(default_factory=list[str])
    left_out: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter[str])
    subfolders: int = 0

    def describe_left_out(self) -> str:
        """What is ignored as text, such as `3 .heic, 1 .txt, 2 subfolders`; empty if nothing is."""
        parts = [f"{count} {ending}" for ending, count in self.left_out.most_common()]
        if self.subfolders:
            parts.append(f"{self.subfolders} subfolder{'s' * (self.subfolders > 1)}")
        return ", ".join(parts)


def find_sources(pattern: str | PathLike[str]) -> Sources:
    """The photos and videos of a path, a folder, a glob or `camera:N`.

    In a folder or glob, other files are counted; hidden files and drawn pictures and videos are
    ignored. Subfolders of a folder are counted. A single file is a video if it has a video
    extension, else a photo.

    Raises:
      InputError: there is no photo or video.
    """
    if str(pattern).startswith(CAMERA):
        return Sources(videos=[str(pattern)])
    path = Path(pattern)
    if path.is_dir():
        entries = list(path.iterdir())
        subfolders = sum(entry.is_dir() and not entry.name.startswith(".") for entry in entries)
        return _sorted_out(entries, path, subfolders)
    if path.exists() or path.is_symlink():
        if path.suffix.lower() in VIDEOS:
            return Sources(videos=[str(path)])
        return Sources(photos=[path])
    if re.match(r"\w{2,}://", str(pattern)):  # one letter is a disk of Windows
        raise InputError(f"{pattern}: found an address, expected a path; download the file first.")
    matches = glob.glob(str(pattern), recursive=True)
    if not matches:
        raise InputError(f"{pattern}: there is no such photo, video, folder or glob of them.")
    return _sorted_out(map(Path, matches), path)


def _sorted_out(paths: Iterable[Path], source: Path, subfolders: int = 0) -> Sources:
    files = [path for path in sorted({*paths}) if not (path.name.startswith(".") or path.is_dir())]
    stems = {path.stem for path in files}
    files = [path for path in files if not _is_drawn(path, stems)]
    endings = [path.suffix.lower() for path in files]
    found = Sources(
        [path for path, ending in zip(files, endings, strict=True) if ending in PHOTOS],
        [str(path) for path, ending in zip(files, endings, strict=True) if ending in VIDEOS],
        collections.Counter(
            ending or "without ending" for ending in endings if ending not in PHOTOS | VIDEOS
        ),
        subfolders,
    )
    if not found.photos and not found.videos:
        instead = found.describe_left_out() or "nothing"
        raise InputError(f"{source}: found {instead}, expected at least one photo or video.")
    return found


def _is_drawn(path: Path, stems: set[str]) -> bool:
    drawn_of, ending, rest = path.stem.rpartition(DRAWN)
    return bool(ending) and not rest and drawn_of in stems and path.suffix in (".jpg", ".mp4")
