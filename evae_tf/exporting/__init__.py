"""Trained models as files for servers and phones."""

from evae_tf.exporting.export import FILES, export_model

__all__ = ["FILES", "export_model"]
