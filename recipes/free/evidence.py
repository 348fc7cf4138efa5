"""Checks that a list has clean photos and drawn faces only.

  python -m recipes.free.evidence --data=CLEAN --list=runs/free/list_1/landmarks.csv

Beside a list lies `evidence.json` with the SHA-256 of each photo when it was labelled, and of the
teacher. A folder of drawn faces has its own, see `recipes.free.faces`. A list that a model labelled
records the list that the model was trained on.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import app, flags

from evae_tf import progress
from evae_tf.cli.path_flags import define_path
from evae_tf.data.tables import image_name, read_table
from evae_tf.errors import InputError
from recipes.free import clean_photos, lists
from recipes.free.clean_photos import Photo

FLAGS = flags.FLAGS

# SHA-256 of MediaPipe's Face Landmarker v2 and of the head's file.
TEACHER = "bc5ee5de06d8c3a5465c3155227615b164480a52105a2b3df5748250ab4d914f"
HEAD = "38e047dd8dae307745b90a822157927b8f6bb00dddc9e879da83f14b932162c3"


def main(_: list[str]) -> None:
    """Prints how many pictures were checked; a picture of unknown origin is an error."""
    print(f"{check(FLAGS.list, FLAGS.data)} pictures are clean photos or drawn: {FLAGS.list}")


def check(path: str | Path, clean: str | Path) -> int:
    """Checks each picture of a list.

    Args:
      path: the list (.csv).
      clean: the folder `clean`.

    Returns:
      The number of different pictures.

    Raises:
      InputError: a picture is neither a photo of `clean` nor in a folder of drawn faces, its file
        is not the recorded one, or it shows a held-out person and is trained on; or another
        teacher, head or model was used. The message names it.
    """
    path = Path(path)
    photos = {photo.image.resolve(): photo for photo in clean_photos.read(Path(clean).resolve())}
    record = read(path.parent)
    if record.get("pictures") and not record.get("drawn"):
        _check_teacher(record, path)
    if "model" in record and "trained_on" not in record:
        raise InputError(f"{path}: labelled by a model of unknown origin.")
    splits: dict[str, set[str]] = {}
    for row in read_table(path)[1]:
        image = str(path.parent / image_name(path.parent, row.cells["image"]))
        splits.setdefault(image, set()).add(row.cells.get("split", ""))
    drawn: dict[Path, dict[Path, str]] = {}
    for image, own in progress.bar(splits.items(), desc="evidence of pictures"):
        file = Path(image).resolve()
        if photo := photos.get(file):
            if photo.held_out and own != {"val"}:
                raise InputError(
                    f"{image}: shows a held-out person, and is not for validation only."
                )
            expected = record.get("pictures", {}).get(image, {}).get("sha256")
        else:
            if file.parent not in drawn:
                drawn[file.parent] = _drawn(file.parent, photos)
            expected = drawn[file.parent].get(file)
        if expected is None:
            raise InputError(f"{image}: neither a recorded photo of {clean} nor a drawn face.")
        if lists.sha256(file) != expected:
            raise InputError(f"{image}: changed since it was recorded.")
    return len(splits)


def _drawn(folder: Path, photos: Mapping[Path, Photo]) -> dict[Path, str]:
    """The SHA-256 of the drawn pictures of `folder`, whose record lies there or above.

    Raises:
      InputError: they were made of another head, or of a photo that is not one to train on.
    """
    for above in (folder, *folder.parents):
        record = read(above)
        if record.get("drawn") is not True:
            continue
        if record.get("head_sha256") != HEAD or not record.get("skins"):
            raise InputError(f"{above}: drawn with another head, or with unknown skin.")
        if "labels_sha256" in record:  # turned photos, with their labels
            _check_teacher(record, above)
        for skin, digest in record["skins"].items():
            photo = photos.get(Path(skin).resolve())
            if photo is None or photo.held_out or lists.sha256(skin) != digest:
                raise InputError(f"{skin}: its skin is in {above}, not of a photo to train on.")
        return {above / name: digest for name, digest in record["pictures"].items()}
    return {}


def _check_teacher(record: Mapping[str, Any], path: Path) -> None:
    if record.get("teacher") != TEACHER:
        raise InputError(f"{path}: labelled by another file than MediaPipe's Face Landmarker v2.")


def read(folder: Path) -> dict[str, Any]:
    """The content of `evidence.json` in a folder; empty if there is none.

    Raises:
      InputError: the file is damaged.
    """
    try:
        return json.loads((folder / lists.EVIDENCE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"{folder / lists.EVIDENCE}: not a JSON file ({error}).") from error


if __name__ == "__main__":
    define_path("data", None, "The folder clean/.", required=True)
    define_path("list", None, "The list to check (.csv).", required=True)
    app.run(main)
