"""Augmentation changes photos and their masks together."""

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from samwidget.training.augment import (
    add_ground,
    add_lines,
    add_rider,
    change_light,
    ground_shape,
    noise_texture,
    paste,
    turned,
)
from samwidget.training.data import random_border_pixel
from samwidget.training.photo_cache import VOID

GROUND = 249


def scene():
    """A grey photo with a white square in it."""
    rgb = np.full((96, 128, 3), 100, np.uint8)
    ids = np.zeros((96, 128), np.uint8)
    rgb[30:60, 40:80], ids[30:60, 40:80] = 255, 1
    return rgb, ids


@pytest.mark.parametrize("donor", [None, np.full((20, 30, 3), 200, np.uint8)])
def test_ground_lies_behind_the_objects(donor):
    painted = 0
    for seed in range(20):
        rgb, ids = scene()
        add_ground(np.random.default_rng(seed), rgb, ids, GROUND, donor)
        assert (rgb[30:60, 40:80] == 255).all()
        assert (ids[30:60, 40:80] == 1).all()
        assert set(np.unique(ids)) <= {0, 1, GROUND}
        ground = ids == GROUND
        painted += bool(ground.any())
        if not ground.any():
            assert (rgb[ids == 0] == 100).all()
            continue
        far = ids == 0
        far[:, 1:] &= ~ground[:, :-1]
        assert np.abs(rgb[ground].astype(int) - 100).mean() > np.abs(rgb[far].astype(int) - 100).mean()
    assert painted > 10


def test_shapes_of_the_ground_are_of_many_sizes():
    shares = [ground_shape(np.random.default_rng(seed), (96, 128)).mean() for seed in range(40)]
    assert min(shares) < 0.3 < 0.6 < max(shares)


def test_noise_is_about_one_colour():
    texture = noise_texture(np.random.default_rng(0), (64, 96))
    assert texture.shape == (64, 96, 3)
    assert 0 < texture.std((0, 1)).max() < 60


def test_lines_start_in_objects_and_never_in_the_ground():
    for seed in range(20):
        rgb, ids = scene()
        ids[60:] = GROUND
        add_lines(np.random.default_rng(seed), rgb, ids, GROUND)
        assert ((ids[60:] == GROUND) | (ids[60:] == 1)).all()
        assert not (ids[:60] == GROUND).any()
    rgb, ids = scene()
    ids[ids == 1] = GROUND
    before = ids.copy()
    add_lines(np.random.default_rng(0), rgb, ids, GROUND)
    assert (ids == before).all()


def test_a_turned_photo_is_whole_and_what_lies_around_it_is_void():
    sides = set()
    for seed in range(12):
        rgb, ids = turned(np.random.default_rng(seed), *scene())
        sides.add(ids.shape)
        assert rgb.shape == (*ids.shape, 3)
        assert set(np.unique(ids)) <= {0, 1, VOID}
        assert (ids == 1).sum() == pytest.approx(30 * 40, rel=0.03)
        assert (ids != VOID).sum() == pytest.approx(96 * 128, rel=0.03)
        inner = cv2.erode((ids == 1).astype(np.uint8), np.ones((3, 3))) > 0
        assert (rgb[inner] > 250).all()
    assert {(96, 128), (128, 96)} < sides


def test_a_rider_sits_on_the_back_of_an_animal():
    donor, person = np.full((80, 40, 3), 200, np.uint8), np.zeros((80, 40), bool)
    person[5:75, 10:30] = True
    for seed in range(10):
        rgb, ids = scene()
        assert add_rider(np.random.default_rng(seed), rgb, ids, 1, donor, person, 248)
        rows, columns = np.nonzero(ids == 248)
        assert rows.min() < 30 <= rows.max() < 50  # its head is above the animal, its seat in its upper half
        assert columns.max() > 40
        assert columns.min() < 80
        assert (ids == 1).any()
        inner = cv2.erode((ids == 248).astype(np.uint8), np.ones((5, 5))) > 0
        assert (abs(rgb[inner].astype(int) - 200) < 10).all()


def test_a_small_animal_gets_no_rider():
    rgb, ids = scene()
    ids[:] = 0
    ids[50:58, 50:58] = 1
    before = rgb.copy(), ids.copy()
    person = np.ones((80, 40), bool)
    assert not add_rider(np.random.default_rng(0), rgb, ids, 1, np.zeros((80, 40, 3), np.uint8), person, 248)
    assert (rgb == before[0]).all()
    assert (ids == before[1]).all()


def test_a_pasted_object_can_touch_another():
    ids = np.zeros((60, 60), np.uint8)
    ids[20:40, 20:40] = 1
    for seed in range(10):
        rng, pasted = np.random.default_rng(seed), ids.copy()
        x, y = random_border_pixel(rng, ids)
        assert 20 in (x, y) or 39 in (x, y)
        rgb, donor = np.zeros((60, 60, 3), np.uint8), np.full((30, 30, 3), 200, np.uint8)
        paste(rng, rgb, pasted, donor, np.ones((30, 30), bool), 250, (x, y))
        assert pasted[y, x] == 250
        assert rgb[y, x].min() > 100
    assert random_border_pixel(rng, np.zeros((9, 9), np.uint8)) is None


def test_a_line_grows_out_of_an_object():
    for seed in range(10):
        ids = np.zeros((80, 80), np.uint8)
        ids[30:50, 30:50] = 7
        before, rgb = ids.copy(), np.zeros((80, 80, 3), np.uint8)
        add_lines(np.random.default_rng(seed), rgb, ids, 249)
        assert set(np.unique(ids)) == {0, 7}
        assert np.count_nonzero(ids) > np.count_nonzero(before)
        assert cv2.connectedComponents((ids > 0).astype(np.uint8))[0] == 2  # ground, and one object


def test_changed_light_keeps_size_and_what_is_seen():
    rng = np.random.default_rng(0)
    photo = np.zeros((48, 64, 3), np.uint8)
    photo[:, 32:] = 255
    for _ in range(100):
        changed = change_light(rng, photo)
        assert changed.shape == photo.shape
        assert changed.dtype == np.uint8
        assert changed[:, 44:].mean() > changed[:, :20].mean() + 40
