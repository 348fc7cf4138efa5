"""Detectors: where in an image faces may be, see `evae_tf.align.detection`."""
