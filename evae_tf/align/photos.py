"""Aligns photo files and writes landmark files."""

import collections
import dataclasses
import errno
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from pathlib import Path
from typing import Self, TypeAlias

from PIL import Image

from evae_tf import atomic, progress
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.aligner import Aligner
from evae_tf.align.done_list import DoneList
from evae_tf.align.landmark_files import WRITERS, Writer
from evae_tf.align.output import Output
from evae_tf.align.overlay import draw_faces
from evae_tf.align.sources import DRAWN
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.data.images import read_image
from evae_tf.errors import InputError

GROUP = 4  # photos per batch

_MOST_PX = (65_500, 65_500)  # of a JPEG file
# Errors for file names that the disk does not accept.
_BAD_NAME = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)

Boxes: TypeAlias = Mapping[Path, FloatArray]  # as `box_file.read_boxes` returns
Errors: TypeAlias = list[tuple[Path, str]]
_Photo: TypeAlias = tuple[Path, ByteArray]


@dataclasses.dataclass
class Summary:
    """Results of a run over photos.

    Attributes:
      skipped: number of photos that were already finished.
      faces: number of faces found.
      without_face: number of readable photos without a face.
      seconds: duration of the run.
    """

    skipped: int = 0
    faces: int = 0
    without_face: int = 0
    seconds: float = 0.0


def picture_of(path: Path, output: Output) -> Path | None:
    """Path of the picture with a photo's landmarks; None if no pictures are written."""
    return output.folder / f"{path.stem}{DRAWN}.jpg" if output.drawings else None


def align_photos(
    paths: Sequence[Path],
    aligner: Aligner,
    output: Output,
    done: DoneList,
    errors: Errors,
    *,
    num_threads: int = 2,
    boxes: Boxes | None = None,
) -> Summary:
    """Aligns the faces of photos, and writes their landmarks and pictures.

    Photos are decoded and pictures encoded in threads while the model runs. Unusable photos are
    left out.

    Args:
      paths: list of Path; with one file per photo, stems have to differ.
      aligner: `Aligner`.
      output: what to write; a picture is called `<stem>_landmarks.jpg`.
      done: the list of finished photos.
      errors: list that receives (path, message) of unusable photos.
      num_threads: threads that decode and encode.
      boxes: the face boxes; None runs the detector. A photo without an entry has no faces.

    Returns:
      `Summary`.

    Raises:
      InputError: the folder is not writable, or holds a landmark table of another model.
    """
    writer = WRITERS[output.file_format](output.folder, output.model, aligner.markup)
    summary, started = Summary(), time.monotonic()
    todo, summary.skipped = _unfinished(paths, writer, output, done, errors, boxes)
    try:
        writer.begin({path: done.written(path) for path in todo})
        with (
            futures.ThreadPoolExecutor(num_threads) as pool,
            _Finishing(pool, writer, output, done, boxes, errors) as finishing,
        ):
            for photo, faces in _aligned(todo, aligner, boxes, pool, errors, summary):
                finishing.add(photo, faces)
    finally:  # finished work is kept
        writer.close()
    summary.seconds = time.monotonic() - started
    return summary


def _unfinished(
    paths: Sequence[Path],
    writer: Writer,
    output: Output,
    done: DoneList,
    errors: Errors,
    boxes: Boxes | None,
) -> tuple[list[Path], int]:
    """The photos to process and the number of finished ones; fills `errors`."""
    todo: list[Path] = []
    skipped = 0
    for path in paths:
        if not output.overwrite:
            faces, picture = done.faces(path, _boxes_of(path, boxes)), picture_of(path, output)
            drawn = picture is None or os.path.exists(picture)
            if faces is not None and drawn and writer.is_there(path, faces):
                skipped += 1
                continue
            try:
                writer.refuse_another(path, done.written(path))
            except InputError as error:
                errors.append((path, str(error)))
                continue
        todo.append(path)
    return todo, skipped


def _boxes_of(path: Path, boxes: Boxes | None) -> list[list[float]] | None:
    """The boxes of a photo, JSON-ready; None if faces are detected."""
    if boxes is None:
        return None
    known = boxes.get(path.resolve())
    return [] if known is None else known.tolist()


def _aligned(
    paths: Sequence[Path],
    aligner: Aligner,
    boxes: Boxes | None,
    pool: futures.Executor,
    errors: Errors,
    summary: Summary,
) -> Iterator[tuple[_Photo, list[AlignedFace]]]:
    """Yields (photo, faces) of each usable photo; fills `errors` and `summary`."""
    with progress.bar(total=len(paths), desc="aligning", unit="photo") as bar:
        for group in _decoded(paths, pool, errors):
            for photo, faces in _faces(group, aligner, boxes, errors):
                summary.faces += len(faces)
                summary.without_face += not faces
                yield photo, faces
            bar.update(min(GROUP, len(paths) - bar.n))
            bar.set_postfix(faces=summary.faces)


def _decoded(
    paths: Sequence[Path], pool: futures.Executor, errors: Errors
) -> Iterator[list[_Photo]]:
    """Yields groups of readable photos and decodes the next group ahead; fills `errors`."""
    groups = [paths[start : start + GROUP] for start in range(0, len(paths), GROUP)]
    ahead: list[tuple[Path, futures.Future[ByteArray]]] = []
    for group in [*groups, []]:
        jobs = [(path, pool.submit(read_image, path)) for path in group]
        if ahead:
            yield list(_results(ahead, errors))
        ahead = jobs


def _results(
    jobs: Sequence[tuple[Path, futures.Future[ByteArray]]], errors: Errors
) -> Iterator[_Photo]:
    for path, job in jobs:
        try:
            yield path, job.result()
        except InputError as error:
            errors.append((path, str(error)))


def _faces(
    group: Sequence[_Photo],
    aligner: Aligner,
    boxes: Boxes | None,
    errors: Errors,
) -> Iterator[tuple[_Photo, list[AlignedFace]]]:
    """Yields (photo, faces by falling score); adds photos with invalid boxes to `errors`."""
    if boxes is None:
        yield from zip(group, aligner.batch([image for _, image in group]), strict=True)
        return
    for path, image in group:
        try:
            faces = aligner(image, boxes.get(path.resolve(), []))
            yield (path, image), sorted(faces, key=lambda face: -face.score)
        except InputError as error:
            errors.append((path, f"{path}: {error}"))


class _Finishing:
    """Writes the results of photos in order; pictures are drawn in threads.

    A context manager: everything that was added is written when it exits.
    """

    def __init__(
        self,
        pool: futures.Executor,
        writer: Writer,
        output: Output,
        done: DoneList,
        boxes: Boxes | None,
        errors: Errors,
    ) -> None:
        self._pool = pool
        self._writer = writer
        self._output = output
        self._done = done
        self._boxes = boxes
        self._errors = errors
        self._drawing = collections.deque[tuple[_Photo, list[AlignedFace], futures.Future[None]]]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._finish(0)

    def add(self, photo: _Photo, faces: list[AlignedFace]) -> None:
        """Adds the next photo and its faces."""
        job = self._pool.submit(_draw, *photo, faces, self._output)
        self._drawing.append((photo, faces, job))
        self._finish(3 * GROUP)

    def _finish(self, most: int) -> None:
        """Writes the first photos until at most `most` are left."""
        while len(self._drawing) > most:
            (path, image), faces, job = self._drawing.popleft()
            try:
                job.result()
                self._writer.write(path, image, faces)
            except InputError as error:
                if not is_of_the_name(error):
                    raise
                self._errors.append((path, str(error)))
            else:
                self._done.add(path, len(faces), _boxes_of(path, self._boxes))


def _draw(path: Path, image: ByteArray, faces: list[AlignedFace], output: Output) -> None:
    picture = picture_of(path, output)
    if picture is not None:
        drawn = Image.fromarray(draw_faces(image, faces, output.drawings))
        drawn.thumbnail(_MOST_PX)
        with atomic.replacing_file(picture) as temporary:
            drawn.save(temporary, quality=92)


def is_of_the_name(error: InputError) -> bool:
    """Whether a file could not be written because of its name, not because of the disk."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _BAD_NAME
