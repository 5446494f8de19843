"""Cables that are drawn over photos of the training."""

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from samwidget.training.cables import add_cable, cable_course

CABLE = 253


def drawn(seed):
    rgb, ids = np.full((240, 320, 3), 120, np.uint8), np.zeros((240, 320), np.uint8)
    ids[100:140, 100:200] = 7
    add_cable(np.random.default_rng(seed), rgb, ids, CABLE)
    return rgb, ids


@pytest.mark.parametrize("seed", range(12))
def test_a_cable_is_one_thin_object_on_top(seed):
    _, ids = drawn(seed)
    cable = (ids == CABLE).astype(np.uint8)
    assert set(np.unique(ids)) <= {0, 7, CABLE}
    assert cv2.connectedComponents(cable)[0] == 2  # what is not cable, and one cable
    thickness = 2 * cv2.distanceTransform(cable, cv2.DIST_L2, 5).max()
    assert 1 <= thickness < 16
    assert cable.sum() > 4 * thickness


def test_its_pixels_differ_from_the_photo_and_the_far_ones_do_not():
    changed_inside = []
    for seed in range(12):
        rgb, ids = drawn(seed)
        cable = ids == CABLE
        far = cv2.distanceTransform((~cable).astype(np.uint8), cv2.DIST_L2, 5) > 60
        assert (rgb[far] == 120).all() if far.any() else True
        changed_inside.append(np.abs(rgb[cable].astype(int) - 120).mean())
    assert np.median(changed_inside) > 40


def test_the_course_is_smooth_and_bends():
    bends = []
    for seed in range(12):
        course = cable_course(np.random.default_rng(seed), (240, 320))
        steps = np.diff(course, axis=0)
        steps = steps[np.hypot(*steps.T) > 1e-9]
        angles = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
        assert np.abs(np.diff(angles)).max() < 0.5
        bends.append(np.ptp(angles))
    assert np.median(bends) > 0.8


def test_the_same_seed_draws_the_same_cable():
    assert all((first == second).all() for first, second in zip(drawn(3), drawn(3), strict=True))
