"""Facial landmarks with an Extended Variational Auto-Encoder."""

from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.aligner import Aligner
from evae_tf.align.face_tracker import FaceTracker
from evae_tf.artifacts.keras_file import load_pretrained
from evae_tf.version import VERSION as __version__

__all__ = ["AlignedFace", "Aligner", "FaceTracker", "__version__", "load_pretrained"]
