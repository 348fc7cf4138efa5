"""Counts of photos, faces and errors in an output folder."""

import collections
import dataclasses

import pyarrow.compute as pc

from evae_tf.bulk.addresses import shown
from evae_tf.bulk.output_folder import OutputFolder
from evae_tf.errors import InputError

_SHOWN = 20  # reasons; damaged photos give thousands of different ones


@dataclasses.dataclass
class Report:
    """The counts of a folder.

    Attributes:
      photos: number of photos.
      faces: number of faces.
      without_face: number of readable photos without a face.
      errors: number of photos that cannot be used, by reason.
    """

    photos: int = 0
    faces: int = 0
    without_face: int = 0
    errors: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter[str])

    @classmethod
    def of(cls, address: str) -> "Report":
        """The counts of an output folder.

        Raises:
          InputError: the folder holds no landmarks, or cannot be read.
        """
        report = cls()
        folder = OutputFolder(address)
        for table in folder.tables(["face", "error"], folder.parts()):
            faces = table.num_rows - table["face"].null_count
            errors = table.num_rows - table["error"].null_count
            report.faces += faces
            report.photos += (pc.sum(pc.equal(table["face"], 0)).as_py() or 0) + (
                table["face"].null_count
            )
            report.without_face += table["face"].null_count - errors
            report.errors.update(table["error"].drop_null().to_pylist())
        if not report.photos:
            raise InputError(f"{shown(address)}: holds no landmarks from evae-bulk.")
        return report

    def describe(self) -> str:
        """The counts as lines of text."""
        errors = self.errors.total()
        lines = [
            f"{self.photos} photos, {self.faces} faces, {self.without_face} photos without a face, "
            f"{errors} that could not be used"
        ]
        lines += [f"{count:8} {sentence}" for sentence, count in self.errors.most_common(_SHOWN)]
        if len(self.errors) > _SHOWN:
            lines.append(f"and {len(self.errors) - _SHOWN} further reasons")
        return "\n".join(lines)
