"""The networks. Importing this package lets `keras.saving.load_model(path)` open their files."""

from evae_tf.models import build

__all__ = ["build"]
