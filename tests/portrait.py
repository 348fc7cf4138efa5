"""A real face for tests: Grace Hopper's portrait in Matplotlib's sample data (public domain)."""

from pathlib import Path

import matplotlib.cbook

PORTRAIT = Path(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
