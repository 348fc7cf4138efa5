"""The shape of response maps against closed forms and cases worked by hand."""

import numpy as np
import pytest

from benchmarks.comparison import map_shape

HEIGHT, WIDTH = 48, 64


def gaussian(x, y, sigma, height=1.0):
    columns, rows = np.arange(WIDTH), np.arange(HEIGHT)[:, None]
    return height * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


def as_maps(*drawn):
    """Synthetic maps as N = 2 faces, the second with the maps in reverse order."""
    stacked = np.stack(drawn, axis=-1)
    return np.stack([stacked, stacked[..., ::-1]])


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_entropy_of_a_gaussian_is_the_closed_form(sigma):
    maps = as_maps(gaussian(20.3, 30.1, sigma), gaussian(40, 20, sigma, height=0.2))
    closed = np.log(2 * np.pi * np.e * sigma**2)
    np.testing.assert_allclose(map_shape.entropy(maps), np.full((2, 2), closed), rtol=1e-4)


def test_entropy_ends_at_one_cell_and_at_all():
    one, empty = np.zeros((HEIGHT, WIDTH)), -np.ones((HEIGHT, WIDTH))
    one[7, 9] = 3
    found = map_shape.entropy(as_maps(one, empty, np.ones((HEIGHT, WIDTH))))[0]
    np.testing.assert_allclose(found, [0, np.log(HEIGHT * WIDTH), np.log(HEIGHT * WIDTH)])


def test_roughness_counts_every_rise_and_fall():
    """A single cell: up and down in its row and in its column, 4 in all; a block of 2 x 3: twice
    its height in each of 2 rows and 3 columns.
    """
    cell, block, ripple = np.zeros((3, HEIGHT, WIDTH))
    cell[5, 6] = 0.5
    block[10:12, 20:23] = 7
    ripple[5, 6], ripple[30, 40] = 1, 0.25
    maps = as_maps(cell, block, ripple, np.zeros((HEIGHT, WIDTH)))
    np.testing.assert_allclose(map_shape.roughness(maps)[0], [4, 10, 5, 0])
    np.testing.assert_allclose(map_shape.roughness(maps)[1], [0, 5, 10, 4])


def test_roughness_of_a_peak_at_the_border_is_not_less():
    """The map is 0 outside: a peak at the border falls to 0 as well."""
    corner = np.zeros((HEIGHT, WIDTH))
    corner[0, 0] = 2
    np.testing.assert_allclose(map_shape.roughness(as_maps(corner)), [[4], [4]])


def test_second_peak_is_the_ratio_of_the_two_highest():
    two = gaussian(15, 12, 2.0, 0.4) + gaussian(45, 35, 2.0, 1.6) + gaussian(10, 40, 1.0, 0.1)
    one = gaussian(30.5, 20.5, 2.5)  # its top is four equal cells
    found = map_shape.second_peak(as_maps(two, one, -two))
    np.testing.assert_allclose(found[0], [0.25, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found[1], [0, 0, 0.25], atol=1e-6)


def test_a_plateau_is_one_peak():
    rows, columns = np.indices((HEIGHT, WIDTH))
    diamond = (np.abs(rows - 20) + np.abs(columns - 30) <= 2).astype(float)
    assert map_shape.second_peak(as_maps(diamond)).max() == 0


@pytest.mark.parametrize("measure", [map_shape.entropy, map_shape.roughness, map_shape.second_peak])
def test_scale_does_not_count(measure):
    maps = np.random.default_rng(0).random((2, 12, 17, 5))
    np.testing.assert_allclose(measure(1000 * maps), measure(maps), rtol=1e-9)
