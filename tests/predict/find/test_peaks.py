"""Peaks of a map, and maps made smooth and large."""

import numpy as np

from samwidget.predict.find.peaks import enlarged, peaks, smoothed

MAP = np.array(
    [
        [0, 0, 0, 0, 0],
        [0, 9, 8, 0, 0],
        [0, 0, 0, 0, 7],
        [3, 0, 0, 0, 0],
    ],
    np.float32,
)


def test_peaks_come_highest_first_and_none_is_too_near_another():
    assert peaks(MAP, 2, 1, 10).tolist() == [[1.5, 1.5], [4.5, 2.5], [0.5, 3.5]]
    assert peaks(MAP, 1, 1, 10).tolist() == [[1.5, 1.5], [2.5, 1.5], [4.5, 2.5], [0.5, 3.5]]


def test_low_cells_are_no_peaks_and_there_are_not_too_many():
    assert peaks(MAP, 2, 5, 10).tolist() == [[1.5, 1.5], [4.5, 2.5]]
    assert peaks(MAP, 2, 1, 1).tolist() == [[1.5, 1.5]]
    assert peaks(MAP, 2, 10, 10).shape == (0, 2)


def test_smoothing_keeps_a_flat_map_and_the_sum_of_a_peak():
    assert np.allclose(smoothed(np.full((5, 7), 3, np.float32), 1.0), 3)
    peak = np.zeros((15, 15), np.float32)
    peak[7, 7] = 1
    spread = smoothed(peak, 1.5)
    assert np.isclose(spread.sum(), 1, atol=1e-5)
    assert spread.argmax() == peak.argmax()
    assert spread.max() < 0.2


def test_an_enlarged_map_has_its_values_at_the_same_positions():
    row = np.array([[0, 4]], np.float32)
    assert enlarged(row, 2).tolist() == [[0, 1, 3, 4], [0, 1, 3, 4]]
