"""Facial landmarks with an Extended Variational Auto-Encoder.

The public names are listed in `__init__.pyi`, which type checkers read too. They are imported
lazily: `import evae_tf` takes milliseconds and loads neither TensorFlow nor Keras.
"""

from typing import Any

import lazy_loader

from evae_tf import extras
from evae_tf.version import VERSION as __version__  # noqa: F401  in the stub

_import, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    try:
        return _import(name)
    except ModuleNotFoundError as error:
        if (advice := extras.advice(error.name)) is None:
            raise
        raise ModuleNotFoundError(f"evae_tf.{name}: {advice}.", name=error.name) from error
