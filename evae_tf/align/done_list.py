"""The list of finished photos and videos of an output folder."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evae_tf import atomic
from evae_tf.align.aligner import Aligner
from evae_tf.align.landmark_records import Record, read_record
from evae_tf.align.output import Output


def settings_of(aligner: Aligner, output: Output) -> dict[str, Any]:
    """The settings that the results depend on, JSON-ready."""
    return {
        **aligner_settings(aligner),
        "format": output.file_format,
        "drawings": sorted(output.drawings),
    }


def aligner_settings(aligner: Aligner) -> dict[str, Any]:
    """What an aligner's landmarks depend on, with the contents of its files, JSON-ready."""
    return {
        "model": _identity(aligner.predictor),
        "detector": _identity(aligner.detector),
        "passes": aligner.passes,
        "min_score": aligner.min_score,
        "max_faces": aligner.max_faces,
    }


def contents_sha256(path: Path) -> str:
    """The SHA-256 of a file, or of the files of a folder one after another, hexadecimal."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _identity(thing: Any) -> list[str]:
    """Identifies a model or detector: its class or function, and a hash of its file."""
    kind = getattr(thing, "__qualname__", type(thing).__qualname__)
    path: Path | None = getattr(thing, "path", None)
    return [kind] if path is None else [kind, contents_sha256(path)[:16]]


class DoneList:
    """`done.jsonl`: one line for each photo or video whose results are completely written.

    A line is valid for the file's size and modification time and for the settings of the run. Used
    as a context manager; lines are appended until it exits.

    Args:
      path: Path of the list.
      settings: as `settings_of` returns.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._path = path
        self._settings = settings
        self._entries: dict[str, Record] = {}
        self._files = contextlib.ExitStack()

    def __enter__(self) -> Self:
        lines: list[str] = []
        with contextlib.suppress(FileNotFoundError):
            lines = self._path.read_text("utf-8", errors="replace").splitlines()
        for line in lines:
            entry = read_record(line)
            if isinstance(entry.get("source"), str):
                self._entries[entry["source"]] = entry
        # Drops replaced lines, and an incomplete line of a killed run.
        text = "".join(json.dumps(entry) + "\n" for entry in self._entries.values())
        if lines:
            atomic.write_text(self._path, text)
        self._file = self._files.enter_context(self._path.open("a", encoding="utf-8"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with atomic.writing(self._path):
            self._files.close()

    def faces(self, source: Path, further: object = None) -> int | None:
        """Number of faces found in a finished file; None if it has to be aligned.

        Args:
          source: Path of the photo or video.
          further: settings of this file alone, JSON-ready.
        """
        entry = self._entries.get(_name(source))
        facts = self._facts(source, further)
        if entry is None or facts is None or facts.items() - entry.items():
            return None
        faces = entry.get("faces")
        return faces if isinstance(faces, int) else None

    def written(self, source: Path) -> int | None:
        """Number of faces whose files an earlier run wrote in this format; None if it did not."""
        entry = self._entries.get(_name(source), {})
        return entry.get("faces") if entry.get("format") == self._settings["format"] else None

    def add(self, source: Path, faces: int, further: object = None) -> None:
        """Marks a photo or video as finished; see `faces`."""
        facts = self._facts(source, further)
        if facts is None:  # the source was deleted in the meantime
            return
        entry = {**facts, "format": self._settings["format"], "faces": faces}
        self._entries[entry["source"]] = entry
        with atomic.writing(self._path):
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def _facts(self, source: Path, further: object) -> Record | None:
        try:
            status = source.stat()
        except OSError:
            return None
        settings = json.dumps([self._settings, further], sort_keys=True)
        return {
            "source": _name(source),
            "bytes": status.st_size,
            "modified_ns": status.st_mtime_ns,
            "settings": hashlib.sha256(settings.encode()).hexdigest()[:16],
        }


def _name(source: Path) -> str:
    return str(source.absolute())
