"""From files of photos to files of landmarks."""

import collections
import csv
import dataclasses
import glob
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from PIL import Image
from tqdm import tqdm

from evae_tf import atomic
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.aligner import Aligner
from evae_tf.align.landmark_files import WRITERS, Writer
from evae_tf.align.output import Output
from evae_tf.align.overlay import draw_faces
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.data.images import read_image
from evae_tf.errors import InputError

GROUP = 4  # photos whose crops go through the model together
DRAWN = "_landmarks.jpg"  # what the name of a picture adds to the photo's stem

_Photo: TypeAlias = tuple[Path, ByteArray]
_Errors: TypeAlias = list[tuple[Path, str]]


@dataclasses.dataclass
class Summary:
    """What a run over photos came to.

    Attributes:
      photos: number of photos tried, the unreadable ones among them.
      skipped: number of photos that were done before.
      faces: number of faces found.
      without_face: number of readable photos without one.
      errors: list of (path, sentence) of unreadable photos.
      seconds: from the first photo to the last file.
    """

    photos: int = 0
    skipped: int = 0
    faces: int = 0
    without_face: int = 0
    errors: _Errors = dataclasses.field(default_factory=list)
    seconds: float = 0.0


def find_photos(pattern: str | PathLike[str]) -> list[Path]:
    """The photos that a path, a folder or a glob names, sorted.

    Of these, pictures that `align_photos` drew of others are left out.

    Raises:
      InputError: there is none, or two would give files of the same name.
    """
    path = Path(pattern)
    if path.is_dir():
        known = Image.registered_extensions()
        paths = [child for child in path.iterdir() if child.suffix.lower() in known]
        if not paths:
            raise InputError(f"{path}: the folder holds no image; expected JPEG, PNG or the like.")
    elif path.exists():
        paths = [path]
    else:
        paths = [Path(name) for name in glob.glob(str(pattern), recursive=True)]
        if not paths:
            raise InputError(f"{pattern}: there is no such image, folder or glob of images.")
    stems = collections.Counter(path.stem for path in paths)
    paths = [path for path in paths if not _is_drawn(path, stems)]
    repeated = sorted(str(path) for path in paths if stems[path.stem] > 1)
    if repeated:
        raise InputError(f"{', '.join(repeated[:4])}: their landmarks would have the same names.")
    return sorted(paths)


def _is_drawn(path: Path, stems: Mapping[str, int]) -> bool:
    drawn_of, ending, _ = path.name.rpartition(DRAWN)
    return bool(ending) and drawn_of in stems


def align_photos(
    paths: Sequence[Path],
    aligner: Aligner,
    output: Output,
    *,
    num_threads: int = 2,
    boxes: Mapping[Path, FloatArray] | None = None,
) -> Summary:
    """Finds the faces of photos and writes their landmarks, and pictures of them.

    Photos are decoded and files written in threads beside the model. What cannot be read is left
    out and listed in `errors.csv`.

    Args:
      paths: list of Path, of `find_photos`.
      aligner: `Aligner`.
      output: what to write; a picture is called `<stem>_landmarks.jpg`.
      num_threads: for decoding and encoding.
      boxes: where the faces are, as `box_file.read_boxes` returns it; None finds them. A photo of
        which nothing is said has no face.

    Returns:
      `Summary`.

    Raises:
      InputError: the folder cannot be written to, holds landmarks of other photos of these names
        or of another model, or two photos would write the same file.
    """
    folder = atomic.make_folder(output.folder)
    writer = WRITERS[output.file_format](folder, output.model, aligner.markup)
    writer.refuse_clashes(paths)
    todo = [path for path in paths if output.overwrite or not writer.is_done(path)]
    summary = Summary(photos=len(todo), skipped=len(paths) - len(todo))
    started = time.monotonic()
    try:
        with futures.ThreadPoolExecutor(num_threads) as pool:
            writing: collections.deque[futures.Future[None]] = collections.deque()
            for path, image, faces in _aligned(todo, aligner, boxes, pool, summary):
                writing.append(pool.submit(_write, writer, path, image, faces, output))
                if len(writing) > 3 * GROUP:
                    writing.popleft().result()
            for job in writing:
                job.result()
    finally:  # what was finished is kept, in tables too
        writer.close()
        _write_errors(folder / "errors.csv", summary.errors)
    summary.seconds = time.monotonic() - started
    return summary


def _aligned(
    paths: Sequence[Path],
    aligner: Aligner,
    boxes: Mapping[Path, FloatArray] | None,
    pool: futures.Executor,
    summary: Summary,
) -> Iterator[tuple[Path, ByteArray, list[AlignedFace]]]:
    """Yields (path, image, faces) of each photo that can be used; fills `summary`."""
    with tqdm(total=len(paths), desc="aligning", unit="photo", disable=None) as bar:
        for group in _decoded(paths, pool, summary.errors):
            for photo, faces in _faces(group, aligner, boxes, summary.errors):
                summary.faces += len(faces)
                summary.without_face += not faces
                yield *photo, faces
            bar.update(min(GROUP, len(paths) - bar.n))
            bar.set_postfix(faces=summary.faces)


def _decoded(
    paths: Sequence[Path], pool: futures.Executor, errors: _Errors
) -> Iterator[list[_Photo]]:
    """Yields groups of readable photos, the next of which is decoded meanwhile; fills `errors`."""
    groups = [paths[start : start + GROUP] for start in range(0, len(paths), GROUP)]
    ahead: list[tuple[Path, futures.Future[ByteArray]]] = []
    for group in [*groups, []]:
        jobs = [(path, pool.submit(read_image, path)) for path in group]
        if ahead:
            yield list(_results(ahead, errors))
        ahead = jobs


def _results(
    jobs: Sequence[tuple[Path, futures.Future[ByteArray]]], errors: _Errors
) -> Iterator[_Photo]:
    for path, job in jobs:
        try:
            yield path, job.result()
        except InputError as error:
            errors.append((path, str(error)))


def _faces(
    group: Sequence[_Photo],
    aligner: Aligner,
    boxes: Mapping[Path, FloatArray] | None,
    errors: _Errors,
) -> Iterator[tuple[_Photo, list[AlignedFace]]]:
    """Yields (photo, faces) of a group; fills `errors` where a box is impossible."""
    if boxes is None:
        yield from zip(group, aligner.batch([image for _, image in group]), strict=True)
        return
    for path, image in group:
        try:
            yield (path, image), aligner(image, boxes.get(path.resolve(), []))
        except InputError as error:
            errors.append((path, str(error)))


def _write(
    writer: Writer, path: Path, image: ByteArray, faces: list[AlignedFace], output: Output
) -> None:
    writer.write(path, image, faces)
    if output.drawings:
        with atomic.replacing_file(output.folder / f"{path.stem}{DRAWN}") as temporary:
            Image.fromarray(draw_faces(image, faces, output.drawings)).save(temporary, quality=92)


def _write_errors(path: Path, errors: _Errors) -> None:
    """A table of what could not be read; without errors there is none, nor one of before."""
    if not errors:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "error"])
    writer.writerows(errors)
    atomic.write_text(path, text.getvalue())
