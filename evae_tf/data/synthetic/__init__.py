"""Faces drawn by the package itself, in parts: `faces` puts them together."""

from evae_tf.data.synthetic.faces import SIDE_PX, draw_face, read

__all__ = ["SIDE_PX", "draw_face", "read"]
