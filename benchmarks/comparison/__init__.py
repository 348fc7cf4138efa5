"""The paper's comparison on real faces: trainings, measurements and figures."""
