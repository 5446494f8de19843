"""The scores of masks: overlap, borders, clicks needed and calibration."""

import numpy as np
import pytest

pytest.importorskip("cv2")

from samwidget.training.scores import border_f, calibration, clicks_needed, overlap


def test_overlap_and_borders():
    a, b = np.zeros((50, 50), bool), np.zeros((50, 50), bool)
    a[10:30, 10:30], b[10:30, 20:40] = True, True
    everywhere = np.ones((50, 50), bool)
    assert overlap(a, b, everywhere) == pytest.approx(1 / 3)
    assert overlap(a & False, b & False, everywhere) == 1
    assert border_f(a, a) == 1
    assert border_f(a, b) < 0.6
    assert border_f(a & False, b) == 0


def test_clicks_needed():
    assert clicks_needed([0.5, 0.86, 0.84], 0.85) == 2
    assert clicks_needed([0.5, 0.6], 0.85) == 2


def test_calibration_of_honest_and_of_vain_scores():
    ious = np.linspace(0, 1, 50)
    assert calibration(ious, ious)["mean_error"] == 0
    assert calibration(np.ones(50), ious)["mean_error"] == pytest.approx(0.5)
    assert calibration(ious, ious)["rank_correlation"] == 1
