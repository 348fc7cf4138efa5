"""Trained models as files for servers and phones."""

from evae_tf.exporting.artifacts import CALIBRATED, FILES, FORMATS
from evae_tf.exporting.export import export_model

__all__ = ["CALIBRATED", "FILES", "FORMATS", "export_model"]
