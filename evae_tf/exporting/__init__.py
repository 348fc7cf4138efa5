"""Trained models as files for servers and phones."""

from evae_tf.exporting.export import export_model
from evae_tf.exporting.faces import ExportFaces
from evae_tf.exporting.files import CALIBRATED, FILES, FORMATS

__all__ = ["CALIBRATED", "FILES", "FORMATS", "ExportFaces", "export_model"]
