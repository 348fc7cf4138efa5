"""Trained models as files for servers and phones."""

from evae_tf.exporting.artifacts import FILES, FORMATS
from evae_tf.exporting.export import export_model

__all__ = ["FILES", "FORMATS", "export_model"]
