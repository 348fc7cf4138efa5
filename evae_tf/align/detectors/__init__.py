"""Face detectors, see `evae_tf.align.detection`."""
