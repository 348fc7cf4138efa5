"""The landmarks of many photos, found on many machines by Ray Data."""

from evae_tf.bulk.dataset import align_dataset as align_dataset
