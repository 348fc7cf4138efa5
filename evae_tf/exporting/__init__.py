"""Trained models as files for servers and phones."""
