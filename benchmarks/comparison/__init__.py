"""The paper's comparison on real faces: its trainings, measurements and figures."""
