"""The networks. Once this is imported, `keras.saving.load_model(path)` opens their files too."""

from evae_tf.models import build

__all__ = ["build"]
