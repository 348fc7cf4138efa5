"""Facial landmarks with an Extended Variational Auto-Encoder."""

__version__ = "0.1.0"
