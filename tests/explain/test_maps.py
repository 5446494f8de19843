"""The numbers behind the figures, on arrays that one can check by eye."""

import numpy as np
import pytest

from samwidget.errors import PromptError
from samwidget.explain import maps


def test_like_cells_get_like_colours_and_unlike_ones_do_not():
    features = np.zeros((6, 4, 8), np.float32)
    features[:3, :, :4] = 1
    features[3:, :, 4:] = 2
    colours = maps.feature_colours(features)
    assert colours.shape == (4, 8, 3)
    assert colours.min() >= 0
    assert colours.max() <= 1
    np.testing.assert_allclose(colours[0, 0], colours[3, 3])
    assert np.abs(colours[0, 0] - colours[0, 7]).sum() > 0.5


def test_colours_stay_when_the_image_is_turned():
    features = np.random.default_rng(0).normal(size=(5, 6, 6)).astype(np.float32)
    turned = maps.feature_colours(features[:, ::-1, ::-1])
    np.testing.assert_allclose(turned[::-1, ::-1], maps.feature_colours(features), atol=1e-6)


def test_features_of_one_channel_have_colours_too():
    assert np.isfinite(maps.feature_colours(np.arange(6, dtype=np.float32).reshape(1, 2, 3))).all()


def test_likeness_is_the_cosine():
    features = np.array([[[1, 0, -1, 0]], [[0, 2, 0, 0]]], np.float32)
    np.testing.assert_allclose(maps.likeness(features, (0, 0)), [[1, 0, -1, 0]], atol=1e-6)


def test_the_sweep_counts_pixels_above_each_threshold():
    logits = np.array([[-3, -1, 0, 1]], np.float32)
    sweep = maps.threshold_sweep(logits, 2)
    areas = dict(zip(np.round(sweep.thresholds, 6).tolist(), sweep.areas.tolist(), strict=True))
    assert (areas[-2], areas[-1], areas[0], areas[2]) == (0.75, 0.5, 0.25, 0)
    assert (np.diff(sweep.areas) <= 0).all()


def test_stability_is_a_ratio_of_areas():
    logits = np.array([[-3, -0.5, 0.5, 3]], np.float32)
    assert maps.stability(logits, 1) == pytest.approx(1 / 3)
    assert np.isnan(maps.stability(logits - 9, 1))


def test_errors_are_what_is_missing_and_what_is_too_much():
    mask, truth = np.array([[1, 1, 0, 0]], bool), np.array([[0, 1, 1, 0]], bool)
    errors = maps.errors_of(mask, truth)
    assert errors.missing.tolist() == [[False, False, True, False]]
    assert errors.excess.tolist() == [[True, False, False, False]]
    assert errors.iou == pytest.approx(1 / 3)
    with pytest.raises(PromptError, match="give two"):
        maps.errors_of(mask, truth[:, :2])
