"""What surrounds a model at use: finding faces, setting them upright, telling faces from others."""
