"""The contents of the uncertainty figures, read back from their artists."""

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure

from evae_tf import markups
from evae_tf.evaluation import uncertainty_figures

MTFL = markups.MARKUPS["mtfl_5"]


def turned(long, short, degrees):
    """The covariance of an ellipse whose long axis is rotated from x towards y."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turn @ np.diag([long**2, short**2]) @ turn.T


def test_ellipses_have_the_axes_and_the_turn_of_their_covariance():
    landmarks = np.random.default_rng(0).uniform(0.2, 0.8, (5, 2))
    angles = [0, 30, 60, 100, 170]
    covariance = np.stack([turned(0.05, 0.02, degrees) for degrees in angles])
    axes = Figure().add_subplot()
    uncertainty_figures.draw_ellipses(axes, landmarks, covariance, MTFL, level=0.9)
    (ellipses,) = [c for c in axes.collections if isinstance(c, EllipseCollection)]
    # 90 % of a plane Gaussian lie within 2.146 standard deviations.
    np.testing.assert_allclose(ellipses.get_widths(), 2 * 2.146 * 0.05, rtol=1e-3)
    np.testing.assert_allclose(ellipses.get_heights(), 2 * 2.146 * 0.02, rtol=1e-3)
    np.testing.assert_allclose(np.mod(ellipses.get_angles(), 180), angles, atol=1e-6)
    np.testing.assert_array_equal(ellipses.get_offsets(), landmarks)
    assert axes.yaxis_inverted()


def test_the_figure_shows_calibrated_ellipses_as_calibrated():
    rng = np.random.default_rng(0)
    true = rng.uniform(0.3, 0.7, (500, 5, 2))
    deviation = rng.uniform(0.005, 0.05, (500, 5))
    predicted = true + deviation[..., None] * rng.normal(size=true.shape)
    covariance = deviation[..., None, None] ** 2 * np.eye(2)
    figure = uncertainty_figures.uncertainty_figure(true, predicted, covariance, MTFL)
    _, covered, dropping = figure.axes
    curves = {line.get_label(): line.get_ydata() for line in covered.lines}
    assert np.abs(curves["model"] - np.arange(100)).max() < 3
    curves = {line.get_label(): line.get_ydata() for line in dropping.lines}
    assert curves["points"][0] == pytest.approx(1)
    assert (np.diff(curves["points"]) < 0.01).all()
    assert curves["points"][-1] > curves["points, ranked by true error"][-1]


def test_points_that_are_not_annotated_are_left_out():
    """The figure equals that of the other points: of four points, and of faces where the fifth is
    missing half of the time.
    """
    rng = np.random.default_rng(1)
    true = rng.uniform(0.3, 0.7, (60, 5, 2))
    predicted = true + rng.normal(size=true.shape) * 0.02
    covariance = np.tile(0.02**2 * np.eye(2), (60, 5, 1, 1)) * rng.uniform(0.5, 2, (60, 5, 1, 1))
    absent = true.copy()
    absent[:30, 4], absent[:, 2] = np.nan, np.nan
    figure = uncertainty_figures.uncertainty_figure(absent, predicted, covariance, MTFL)
    face, covered, dropping = figure.axes
    (ellipses,) = [c for c in face.collections if isinstance(c, EllipseCollection)]
    centres = [*true[:, [0, 1, 3]].mean(axis=0), true[30:, 4].mean(axis=0)]
    np.testing.assert_allclose(ellipses.get_offsets(), centres)
    variances = [*covariance[:, [0, 1, 3], 0, 0].mean(axis=0), covariance[30:, 4, 0, 0].mean()]
    np.testing.assert_allclose(ellipses.get_widths(), 2 * 2.146 * np.sqrt(variances), rtol=1e-3)
    known = ~np.isnan(absent[..., 0])
    off = np.linalg.norm(predicted - true, axis=-1) / np.sqrt(covariance[..., 0, 0])
    expected = np.mean(off[known] <= np.sqrt(-2 * np.log(0.2)))
    curves = {line.get_label(): line.get_ydata() for line in covered.lines}
    assert curves["model"][80] == pytest.approx(100 * expected)
    for line in dropping.lines:
        assert np.isfinite(line.get_ydata()).all()
