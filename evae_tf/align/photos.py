"""From files of photos to files of landmarks."""

import collections
import csv
import dataclasses
import glob
import io
import time
from concurrent import futures
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from evae_tf import atomic
from evae_tf.align.landmark_files import WRITERS
from evae_tf.align.overlay import draw_faces
from evae_tf.data.images import read_image
from evae_tf.errors import InputError

GROUP = 4  # photos whose crops go through the model together
DRAWN = "_landmarks.jpg"  # what the name of a picture adds to the photo's stem


@dataclasses.dataclass
class Summary:
    """What a run over photos came to.

    Attributes:
      photos: number of photos looked at, the unreadable ones among them.
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
    errors: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0


def find_photos(pattern):
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


def _is_drawn(path, stems):
    drawn_of, ending, _ = path.name.rpartition(DRAWN)
    return bool(ending) and drawn_of in stems


def align_photos(
    paths,
    aligner,
    output,
    *,
    model,
    file_format,
    drawings,
    overwrite,
    num_threads,
    boxes=None,
):
    """Finds the faces of photos and writes their landmarks, and pictures of them.

    Photos are decoded and files written in threads beside the model. What cannot be read is left
    out and listed in `errors.csv`.

    Args:
      paths: list of Path, of `find_photos`.
      aligner: `Aligner`.
      output: folder to write to.
      model: what JSON files say of the model.
      file_format: a key of `WRITERS`.
      drawings: what `<stem>_landmarks.jpg` shows, some of `overlay.DRAWINGS`; none, no picture.
      overwrite: whether photos whose landmarks are there are done again.
      num_threads: for decoding and encoding.
      boxes: where the faces are, as `box_file.read_boxes` returns it; None finds them. A photo of
        which nothing is said has no face.

    Returns:
      `Summary`.

    Raises:
      InputError: the folder cannot be written to, holds landmarks of other photos of these names
        or of another model, or two photos would write the same file.
    """
    output = atomic.make_folder(output)
    writer = WRITERS[file_format](output, model, aligner.markup)
    writer.refuse_clashes(paths)
    todo = [path for path in paths if overwrite or not writer.is_done(path)]
    summary = Summary(photos=len(todo), skipped=len(paths) - len(todo))
    started = time.monotonic()
    bar = tqdm(total=len(todo), desc="aligning", unit="photo", disable=None)
    try:
        with bar, futures.ThreadPoolExecutor(num_threads) as pool:
            writing = collections.deque()
            for group in _decoded(todo, pool, summary.errors):
                for path, image, faces in _aligned(group, aligner, boxes, summary.errors):
                    summary.faces += len(faces)
                    summary.without_face += not faces
                    job = pool.submit(_write, writer, path, image, faces, output, drawings)
                    writing.append(job)
                while len(writing) > 2 * GROUP:
                    writing.popleft().result()
                bar.update(min(GROUP, bar.total - bar.n))
                bar.set_postfix(faces=summary.faces)
            for job in writing:
                job.result()
    finally:  # what was finished is kept, in tables too
        writer.close()
        _write_errors(output / "errors.csv", summary.errors)
    summary.seconds = time.monotonic() - started
    return summary


def _decoded(paths, pool, errors):
    """Yields lists of (path, image), the next of which is decoded meanwhile; fills `errors`."""
    groups = [paths[start : start + GROUP] for start in range(0, len(paths), GROUP)]
    ahead = None
    for group in [*groups, []]:
        jobs = [(path, pool.submit(read_image, path)) for path in group]
        if ahead:
            yield list(_results(ahead, errors))
        ahead = jobs


def _results(jobs, errors):
    for path, job in jobs:
        try:
            yield path, job.result()
        except InputError as error:
            errors.append((path, str(error)))


def _aligned(group, aligner, boxes, errors):
    """Yields (path, image, faces) of a group; fills `errors` where a box is impossible."""
    if boxes is None:
        found = aligner.batch([image for _, image in group])
        yield from ((path, image, faces) for (path, image), faces in zip(group, found, strict=True))
        return
    for path, image in group:
        try:
            yield path, image, aligner(image, boxes.get(path.resolve(), []))
        except InputError as error:
            errors.append((path, str(error)))


def _write(writer, path, image, faces, output, drawings):
    writer.write(path, image, faces)
    if drawings:
        with atomic.replacing_file(output / f"{path.stem}{DRAWN}") as temporary:
            Image.fromarray(draw_faces(image, faces, drawings)).save(temporary, quality=92)


def _write_errors(path, errors):
    """A table of what could not be read; without errors there is none, nor one of before."""
    if not errors:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "error"])
    writer.writerows(errors)
    atomic.write_text(path, text.getvalue())
