"""The scores of masks: overlap, borders, clicks needed and calibration."""

import numpy as np
import pytest

pytest.importorskip("cv2")

from samwidget.training.scores import border_f, calibration, clicks_needed, overlap, summarise_clicks


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


def test_mean_clicks_and_the_share_that_never_got_there():
    """Four objects, three clicks each. To .85: 1, 2, 3 and, never reached, 3; to .90: 1, 3, and twice never, 3."""
    rows = [
        [0.91, 0.95, 0.95],
        [0.40, 0.87, 0.90],
        [0.60, 0.70, 0.85],
        [0.20, 0.30, 0.10],
    ]
    report = summarise_clicks(rows)
    assert report["clicks_needed"] == {"0.80": 2.25, "0.85": 2.25, "0.90": 2.5}
    assert report["never_reached"] == {"0.80": 0.25, "0.85": 0.25, "0.90": 0.5}
    assert report["iou_by_click"] == [0.5275, 0.705, 0.7]


def test_an_object_that_is_good_enough_keeps_its_last_iou():
    """The first one ends after two clicks, the other one needs four: the means are .5, .75, .8 and .9."""
    report = summarise_clicks([[0.5, 0.9], [0.5, 0.6, 0.7, 0.9]])
    assert report["iou_by_click"] == [0.5, 0.75, 0.8, 0.9]
    assert report["clicks_needed"]["0.90"] == 3


def test_a_mask_that_gets_worse_again_has_reached_its_iou():
    assert summarise_clicks([[0.5, 0.86, 0.2]])["never_reached"] == {"0.80": 0, "0.85": 0, "0.90": 1}


def test_calibration_of_honest_and_of_vain_scores():
    ious = np.linspace(0, 1, 50)
    assert calibration(ious, ious)["mean_error"] == 0
    assert calibration(np.ones(50), ious)["mean_error"] == pytest.approx(0.5)
    assert calibration(ious, ious)["rank_correlation"] == 1
