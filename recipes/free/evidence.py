"""Checks that a list has clean photos and drawn faces only.

  python -m recipes.free.evidence --data=CLEAN --list=runs/free/list_1/landmarks.csv

Beside a list lies `evidence.json` with the SHA-256 of each photo when it was labelled. A folder of
drawn faces has its own: `{"drawn": true, "skins": [photo], "pictures": {name: sha256}}`.
"""

import functools
import json
from pathlib import Path
from typing import Any

from absl import app, flags

from evae_tf import progress
from evae_tf.cli.path_flags import define_path
from evae_tf.data.tables import image_name, read_table
from evae_tf.errors import InputError
from recipes.free import clean_photos, lists

FLAGS = flags.FLAGS


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
      InputError: a picture is neither in `clean` nor in a folder of drawn faces, its file is not
        the recorded one, or it shows a held-out person and is trained on. The message names it.
    """
    path, clean = Path(path), Path(clean).resolve()
    recorded = read(path.parent).get("pictures", {})
    held_out = {p.image.resolve() for p in clean_photos.read(clean) if p.held_out}
    splits: dict[str, set[str]] = {}
    for row in read_table(path)[1]:
        image = str(path.parent / image_name(path.parent, row.cells["image"]))
        splits.setdefault(image, set()).add(row.cells.get("split", ""))
    for image, own in progress.bar(splits.items(), desc="evidence of pictures"):
        file = Path(image).resolve()
        if file in held_out and own != {"val"}:
            raise InputError(f"{image}: shows a held-out person, and is not for validation only.")
        if clean in file.parents:
            expected = recorded.get(image, {}).get("sha256")
        else:
            expected = _drawn(file.parent, clean, frozenset(held_out)).get(file)
        if expected is None:
            raise InputError(f"{image}: neither a recorded photo of {clean} nor a drawn face.")
        if lists.sha256(file) != expected:
            raise InputError(f"{image}: changed since it was recorded.")
    return len(splits)


@functools.cache
def _drawn(folder: Path, clean: Path, held_out: frozenset[Path]) -> dict[Path, str]:
    """The SHA-256 of the drawn pictures of `folder`, whose record lies there or above.

    Raises:
      InputError: the skin of a drawn face is not that of a clean photo to train on.
    """
    for above in (folder, *folder.parents):
        evidence = read(above)
        if evidence.get("drawn") is True:
            for skin in evidence["skins"]:
                if clean not in Path(skin).resolve().parents or Path(skin).resolve() in held_out:
                    raise InputError(f"{skin}: its skin is in {above}, not of a photo to train on.")
            return {above / name: digest for name, digest in evidence["pictures"].items()}
    return {}


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
