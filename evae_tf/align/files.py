"""Aligns photos, videos or a camera and writes landmark files to one folder."""

import collections
import csv
import dataclasses
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from evae_tf import atomic
from evae_tf.align.aligner import Aligner
from evae_tf.align.done_list import DoneList, settings_of
from evae_tf.align.landmark_files import TABLE, WRITERS
from evae_tf.align.output import Output
from evae_tf.align.photos import (
    Boxes,
    Errors,
    Summary,
    align_photos,
    is_of_the_name,
    picture_of,
)
from evae_tf.align.smoothing import OneEuroFilter, Smoother
from evae_tf.align.sources import Sources
from evae_tf.align.videos import VideoSummary, align_video, files_of
from evae_tf.errors import InputError, UsageError

_ERRORS = "errors.csv"


@dataclasses.dataclass
class RunSummary:
    """Results of a run.

    Attributes:
      photos: `photos.Summary`.
      videos: list of `VideoSummary`.
      without_box: photos that are not in the box table.
      errors: list of (photo or video, error message) for files that could not be processed.
    """

    photos: Summary = dataclasses.field(default_factory=Summary)
    videos: list[VideoSummary] = dataclasses.field(default_factory=list)
    without_box: list[Path] = dataclasses.field(default_factory=list)
    errors: Errors = dataclasses.field(default_factory=list)


def align_files(
    sources: Sources,
    aligner: Aligner,
    output: Output,
    *,
    num_threads: int = 2,
    boxes: Boxes | None = None,
    create_filter: Callable[[], Smoother] | None = OneEuroFilter,
) -> RunSummary:
    """Aligns the faces of photos and videos, and writes their landmarks and pictures.

    Files that cannot be processed are listed in `errors.csv`. Files that are finished according to
    `done.jsonl` are skipped.

    Args:
      sources: `Sources`.
      aligner: `Aligner`.
      output: what to write.
      num_threads: threads that decode and encode photos.
      boxes: the face boxes of photos; None runs the detector.
      create_filter: see `FaceTracker`.

    Returns:
      `RunSummary`.

    Raises:
      InputError: the folder is not writable, another run is writing to it, it holds a landmark
        table of another model, or no photo is in the box table.
    """
    run = RunSummary()
    if boxes is not None:
        run.without_box = [path for path in sources.photos if path.resolve() not in boxes]
        if sources.photos and len(run.without_box) == len(sources.photos):
            raise InputError(
                f"the box table contains none of the {len(sources.photos)} photos: the first photo "
                f"is {sources.photos[0].resolve()}, the first of the table is "
                f"{next(iter(boxes), 'missing')}."
            )
    with atomic.exclusive_folder(output.folder) as folder:
        run.errors = clashes(sources, output)
        refused = {path for path, _ in run.errors}
        chosen = [path for path in sources.photos if path not in refused]
        try:
            with DoneList(folder / "done.jsonl", settings_of(aligner, output)) as done:
                if chosen:
                    run.photos = align_photos(
                        chosen,
                        aligner,
                        output,
                        done,
                        run.errors,
                        num_threads=num_threads,
                        boxes=boxes,
                    )
                for source in sources.videos:
                    if boxes is not None:
                        sentence = f"{source}: a box table is for photos only."
                        run.errors.append((Path(source), sentence))
                    elif Path(source) not in refused:
                        _align_video(source, aligner, output, done, create_filter, run)
        finally:
            _write_errors(folder / _ERRORS, run.errors)
    return run


def _align_video(
    source: str,
    aligner: Aligner,
    output: Output,
    done: DoneList,
    create_filter: Callable[[], Smoother] | None,
    run: RunSummary,
) -> None:
    try:
        summary = align_video(source, aligner, output, done, create_filter=create_filter)
    except UsageError:
        raise
    except InputError as error:
        if isinstance(error.__cause__, OSError) and not is_of_the_name(error):
            raise  # a disk error
        run.errors.append((Path(source), str(error)))
        return
    run.videos.append(summary)
    if summary.problem is not None:
        run.errors.append((Path(source), summary.problem))


def clashes(sources: Sources, output: Output) -> Errors:
    """(path, message) of photos and videos that would write the same file as another one."""
    writers: dict[Path, list[Path]] = collections.defaultdict(list)
    errors: dict[Path, str] = {}
    for path in sources.photos:
        for file in _files_of_photo(path, output):
            writers[file].append(path)
    for source in sources.videos:
        for file in filter(None, files_of(Path(source).stem, output)):
            writers[file].append(Path(source))
            if file.name == _ERRORS:
                errors[Path(source)] = (
                    f"{source}: the list of errors is also called {_ERRORS}; rename the video."
                )
            if sources.photos and file.name == TABLE:
                writers[file].append(Path(TABLE))
    for file, paths in writers.items():
        for path in paths if len(paths) > 1 else []:
            if path == Path(TABLE):
                continue
            (other, *_) = (another for another in paths if another != path)
            instead = "--format=csv --draw= to write one table for all photos"
            if {str(path), str(other)} & {*sources.videos}:  # a video has a table of its own
                instead = "another --output for one of them"
            writer = "the table of all photos" if other == Path(TABLE) else other
            errors[path] = (
                f"{path}: {writer} would also write {file.name}; rename one of them, or use "
                f"{instead}."
            )
    if output.file_format == "pts":
        errors |= _further_faces(sources.photos)
    return list(errors.items())


def _files_of_photo(path: Path, output: Output) -> list[Path]:
    name = WRITERS[output.file_format].file_name(path)
    picture = picture_of(path, output)
    files = [output.folder / name if name else None, picture]
    return [file for file in files if file is not None]


def _further_faces(paths: Sequence[Path]) -> dict[Path, str]:
    """Photos whose .pts file may have the same name as a further face of another photo."""
    stems = {path.stem for path in paths}
    errors: dict[Path, str] = {}
    for path in paths:
        first, _, number = path.stem.rpartition("_")
        if number.isdecimal() and first in stems:
            errors[path] = (
                f"{path}: {path.stem}.pts may also be written for a further face of {first}; "
                "rename the photo or use another --format."
            )
    return errors


def _write_errors(path: Path, errors: Errors) -> None:
    """Writes the error table; without errors, removes that of an earlier run."""
    if not errors:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "error"])
    writer.writerows(errors)
    atomic.write_text(path, text.getvalue())
