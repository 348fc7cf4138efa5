"""Facial landmarks with an Extended Variational Auto-Encoder.

The public names stand in `__init__.pyi`, where type checkers read them too. Each is imported when
it is asked for: `import evae_tf` takes milliseconds and loads neither TensorFlow nor Keras.
"""

import lazy_loader

from evae_tf.version import VERSION as __version__  # noqa: F401  in the stub

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
