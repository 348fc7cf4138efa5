"""Facial landmarks with an Extended Variational Auto-Encoder."""

from evae_tf.keras_file import load_pretrained

__all__ = ["load_pretrained"]
__version__ = "0.1.0"
