"""What the files in an output folder come to."""

import collections
import dataclasses

import pyarrow.compute as pc

from evae_tf.bulk.output_folder import OutputFolder
from evae_tf.errors import InputError

_SHOWN = 20  # sentences; damaged photos have thousands of them


@dataclasses.dataclass
class Report:
    """Counts over a folder.

    Attributes:
      photos: number of photos.
      faces: number of faces.
      without_face: number of readable photos without one.
      errors: how many photos cannot be used, by sentence.
    """

    photos: int = 0
    faces: int = 0
    without_face: int = 0
    errors: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter[str])

    @classmethod
    def of(cls, address: str) -> "Report":
        """That of an output folder.

        Raises:
          InputError: it holds no landmarks, or cannot be read.
        """
        report = cls()
        for table in OutputFolder(address).tables(["face", "error"]):
            faces = table.num_rows - table["face"].null_count
            errors = table.num_rows - table["error"].null_count
            report.faces += faces
            report.photos += (pc.sum(pc.equal(table["face"], 0)).as_py() or 0) + (
                table["face"].null_count
            )
            report.without_face += table["face"].null_count - errors
            report.errors.update(table["error"].drop_null().to_pylist())
        if not report.photos:
            raise InputError(f"{address}: holds no landmarks of evae-bulk.")
        return report

    def describe(self) -> str:
        """As lines of text."""
        errors = self.errors.total()
        lines = [
            f"{self.photos} photos, {self.faces} faces, {self.without_face} photos without a face, "
            f"{errors} that could not be used"
        ]
        lines += [f"{count:8} {sentence}" for sentence, count in self.errors.most_common(_SHOWN)]
        if len(self.errors) > _SHOWN:
            lines.append(f"and {len(self.errors) - _SHOWN} further sentences")
        return "\n".join(lines)
