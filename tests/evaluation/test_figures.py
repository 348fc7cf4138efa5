"""The contents of figures, read back from their artists and pixels."""

import errno
import os

import cv2
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

from evae_tf import markups
from evae_tf.errors import InputError
from evae_tf.evaluation import figures, metrics

COFW = markups.MARKUPS["cofw_29"]
MTFL = markups.MARKUPS["mtfl_5"]


def _curves():
    rng = np.random.default_rng(0)
    names = ["runs/cnn/model.keras (regressor)", "_b/$x$/model.keras (maps)", "c" * 90]
    return {name: rng.gamma(8, 0.006, 37) for name in names}


def _texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_ced_curves_are_those_of_metrics():
    curves = _curves()
    figure = figures.ced_figure(curves, 0.15, "inter_ocular")
    (axes,) = figure.axes
    assert len(axes.lines) == len(curves)
    for line, errors in zip(axes.lines, curves.values(), strict=True):
        x, y = line.get_data()
        assert (x[0], x[-1]) == (0, 15)
        np.testing.assert_array_equal(y, metrics.ced(errors, np.linspace(0, 0.15, len(x))))
    assert "inter ocular" in axes.get_xlabel()


def test_ced_legend_names_every_curve_with_its_numbers():
    """Matplotlib hides labels with a leading underscore and reads dollars as mathematics."""
    curves = _curves()
    figure = figures.ced_figure(curves, 0.10, "inter_ocular")
    texts = _texts(figure)
    assert len(texts) == 3
    assert "_b/$x$/model.keras (maps)" in texts[1]
    for text, errors in zip(texts, curves.values(), strict=True):
        assert f"{100 * errors.mean():.2f} %" in text
        assert f"{metrics.auc(errors, 0.10):.3f}" in text
    figure.draw_without_rendering()
    extent = figure.legends[0].get_window_extent()
    assert extent.x0 >= 0
    assert extent.x1 <= figure.bbox.width


def test_twenty_curves_look_different():
    curves = {str(i): np.full(3, 0.01 * i) for i in range(20)}
    lines = figures.ced_figure(curves, 0.10, "box_size").axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 20


def _maps(height, width, num_points):
    maps = np.zeros((height, width, num_points), np.float32)
    for point in range(num_points):
        maps[point % height, (2 * point) % width, point] = 0.01 * (point + 1)
    return maps


def test_response_figure_has_a_row_each_and_a_panel_a_landmark():
    rows = {"fcn": _maps(24, 32, 5), "evae": _maps(12, 16, 5), "truth": _maps(24, 32, 5)}
    rows["fcn"][:, :, 4] = 0  # an empty map must not divide by zero
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    face, *panels = figures.response_figure(rows, image).axes
    np.testing.assert_array_equal(face.images[0].get_array(), image)
    assert [axes.get_title(loc="left") for axes in panels] == ["fcn", "evae", "truth"]
    assert panels[0].images[0].get_array().shape == (24, 5 * 33 - 1)
    assert panels[1].images[0].get_array().shape == (12, 5 * 17 - 1)
    shown = panels[2].images[0].get_array()
    for point in range(5):
        panel = shown[:, 33 * point : 33 * point + 32]
        assert np.argwhere(panel == 1).tolist() == [[point, 2 * point]]
        assert panel.sum() == 1
    assert not panels[0].images[0].get_array()[:, 33 * 4 :].any()


def test_response_figure_of_maps_alone_has_no_photo():
    rows = {"evae": _maps(24, 32, 5), "truth": _maps(24, 32, 5)}
    evae, truth = figures.response_figure(rows).axes
    assert evae.images[0].get_array().shape == truth.images[0].get_array().shape
    assert evae.get_subplotspec().colspan.stop == 1


def test_of_many_landmarks_a_spread_is_shown():
    rows = {"evae": _maps(24, 32, 68), "truth": _maps(24, 32, 68)}
    figure = figures.response_figure(rows, np.zeros((8, 8, 3), np.uint8), max_panels=6)
    last = figure.axes[-1]
    assert [int(label.get_text()) for label in last.get_xticklabels()] == [0, 13, 27, 40, 54, 67]
    assert last.images[0].get_array().shape == (24, 6 * 33 - 1)
    middles = [33 * i + 15.5 for i in range(6)]  # of 32 columns from 33 i on
    np.testing.assert_allclose(last.get_xticks(), middles)


def _samples(num_faces, markup):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (num_faces, 20, 20, 3), np.uint8)
    true = rng.uniform(0.2, 0.8, (num_faces, markup.num_points, 2)).astype(np.float32)
    return images, true + np.float32(0.05), true, rng.permutation(num_faces) / 1000


def test_samples_are_the_best_the_median_and_the_worst():
    images, predicted, true, errors = _samples(31, COFW)
    figure = figures.samples_figure(images, predicted, true, errors, COFW)
    titles = [float(axes.get_title().split()[0]) for axes in figure.axes]
    expected = [*range(6), *range(12, 18), *range(25, 31)]  # thousandths; the median is 15
    np.testing.assert_allclose(titles, np.array(expected) / 10)
    assert [figure.axes[i].get_ylabel() for i in (0, 6, 12)] == ["best", "median", "worst"]


def test_samples_show_truth_and_prediction_in_the_frame_of_the_crop():
    images, predicted, true, errors = _samples(2, COFW)
    figure = figures.samples_figure(images, predicted, true, errors, COFW)
    assert len(figure.axes) == 6
    axes, face = figure.axes[0], int(np.argmin(errors))
    np.testing.assert_array_equal(axes.images[0].get_array(), images[face])
    assert axes.images[0].get_extent() == [0, 1, 1, 0]
    for line, landmarks in zip(axes.lines, (true[face], predicted[face]), strict=True):
        np.testing.assert_array_equal(np.column_stack(line.get_data()), landmarks)
    assert axes.lines[0].get_color() != axes.lines[1].get_color()
    outlines = [c for c in axes.collections if isinstance(c, LineCollection)]
    assert [len(lines.get_segments()) for lines in outlines] == [len(COFW.outline)] * 2
    i, j = COFW.outline[3]
    np.testing.assert_array_equal(outlines[0].get_segments()[3], true[face][[i, j]])


def test_no_line_is_drawn_to_a_point_that_is_not_annotated():
    images, predicted, true, errors = _samples(2, COFW)
    true[:, 8] = np.nan  # the outer corner of the left eye, which ends two lines
    axes = figures.samples_figure(images, predicted, true, errors, COFW).axes[0]
    of_truth, of_prediction = [c for c in axes.collections if isinstance(c, LineCollection)]
    ends = sum(8 in edge for edge in COFW.outline)
    assert ends == 2
    assert len(of_truth.get_segments()) == len(COFW.outline) - ends
    assert len(of_prediction.get_segments()) == len(COFW.outline)


def test_a_point_that_is_annotated_nowhere_has_no_circle():
    rng = np.random.default_rng(4)
    shape, errors = rng.uniform(0, 1, (29, 2)), rng.uniform(0.01, 0.2, 29)
    shape[11], errors[11] = np.nan, np.nan
    figure = figures.per_landmark_figure({"model": errors}, shape, COFW)
    (circles,) = [
        c for axes in figure.axes for c in axes.collections if isinstance(c, PathCollection)
    ]
    sizes = np.ma.getdata(circles.get_sizes())
    assert np.isnan(sizes[11])
    assert np.delete(sizes, 11).max() == pytest.approx(80)
    assert f"mean {100 * np.delete(errors, 11).mean():.2f} %" in figure.axes[0].get_title()
    figure.draw_without_rendering()


@pytest.mark.parametrize("num_models", [1, 5])
def test_per_landmark_figure_has_a_face_and_a_curve_for_each_model(num_models):
    rng = np.random.default_rng(2)
    shape = rng.uniform(0, 1, (29, 2))
    errors = {f"model {i}": rng.uniform(0.01, 0.2, 29) for i in range(num_models)}
    figure = figures.per_landmark_figure(errors, shape, COFW)
    circles = [c for axes in figure.axes for c in axes.collections if isinstance(c, PathCollection)]
    assert len(circles) == num_models
    for faces, own in zip(circles, errors.values(), strict=True):
        np.testing.assert_array_equal(faces.get_offsets(), shape)
        np.testing.assert_allclose(faces.get_array(), 100 * own)
        np.testing.assert_array_equal(np.argsort(faces.get_sizes()), np.argsort(own))
    (profile,) = (axes for axes in figure.axes if len(axes.get_xticks()) == 29)
    for line, own in zip(profile.lines, errors.values(), strict=False):
        np.testing.assert_allclose(line.get_ydata(), 100 * own)


def test_numbered_points_of_one_part_share_a_tick():
    markup = markups.MARKUPS["ibug_68"]
    errors = {"model": np.full(68, 0.05)}
    figure = figures.per_landmark_figure(errors, np.random.default_rng(3).random((68, 2)), markup)
    ticks = {
        label.get_text(): tick
        for axes in figure.axes
        for label, tick in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)
    }
    assert ticks["jaw"] == 8  # the middle of 0..16
    assert ticks["left eye"] == 38.5  # of 36..41
    assert ticks["inner lip"] == 63.5  # of 60..67


def _columns(epochs):
    return {
        "epoch": [float(epoch + 1) for epoch in range(epochs)],
        "loss": [3 / (epoch + 1) for epoch in range(epochs)],
        "response_map_loss": [2 / (epoch + 1) for epoch in range(epochs)],
        "kl": [0.0] * epochs,
        "landmark_loss": [1 / (epoch + 1) for epoch in range(epochs)],
        "map_landmark_loss": [0.5 / (epoch + 1) for epoch in range(epochs)],
        "learning_rate": [1e-3] * epochs,
        "val_nme": [0.06 + 0.01 * abs(epoch - 2) for epoch in range(epochs)],
        "seconds": [1.0] * epochs,
    }


@pytest.mark.parametrize("epochs", [1, 7])
def test_training_figure_draws_the_terms_that_the_model_has(epochs, tmp_path):
    figure = figures.training_figure(_columns(epochs))
    _, of_terms, validation = figure.axes
    terms = {line.get_label(): line.get_ydata() for line in of_terms.lines}
    assert set(terms) == {"response map loss", "landmark loss", "map landmark loss"}
    np.testing.assert_allclose(terms["response map loss"], _columns(epochs)["response_map_loss"])
    assert len(validation.lines[0].get_xdata()) == epochs
    best = "8.00 % after epoch 1" if epochs == 1 else "6.00 % after epoch 3"
    assert best in validation.get_title()
    figures.save_figure(figure, tmp_path / "training.png")


@pytest.mark.parametrize("losses", [[3.0, 2.0, 1.0], [1.0, 0.0, -1.0], [-1.0, -2.0, -3.0]])
def test_training_figure_shows_a_loss_of_either_sign(losses):
    """Every epoch lies within its panel, and equal steps have equal lengths there."""
    figure = figures.training_figure({**_columns(3), "loss": losses})
    total, *_ = figure.axes
    (line,) = total.lines
    heights = total.transAxes.inverted().transform(total.transData.transform(line.get_xydata()))
    assert np.all((heights > 0) & (heights < 1))
    np.testing.assert_allclose(heights[0, 1] - heights[1, 1], heights[1, 1] - heights[2, 1])


def test_a_saved_figure_is_a_whole_png_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "ced.png"
    path.write_text("an older file")
    figures.save_figure(figures.ced_figure(_curves(), 0.10, "inter_ocular"), path)
    assert os.listdir(tmp_path) == ["ced.png"]
    height, width, _ = cv2.imread(str(path)).shape
    assert (width, height) == (768, round(120 * (4.6 + 0.22 * 3)))


def test_a_figure_that_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "ced.png"
    path.write_text("an older file")
    figure = figures.ced_figure(_curves(), 0.10, "inter_ocular")

    def half_written(target, **_):
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(figure, "savefig", half_written)
    with pytest.raises(InputError, match=r"ced\.png: cannot be written"):
        figures.save_figure(figure, path)
    assert path.read_text() == "an older file"
    assert os.listdir(tmp_path) == ["ced.png"]
