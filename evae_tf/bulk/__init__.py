"""Landmarks of many photos on many machines, with Ray Data."""

from evae_tf.bulk.dataset import align_dataset as align_dataset
