"""Synthetic faces; `faces` assembles the parts."""

from evae_tf.data.synthetic.faces import SIDE_PX, draw_face, read

__all__ = ["SIDE_PX", "draw_face", "read"]
