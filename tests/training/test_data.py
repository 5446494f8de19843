"""Random crops of a few drawn photos, and the objects that are chosen in them."""

import shutil

import numpy as np
import pytest
import torch

pytest.importorskip("cv2")

from samwidget.training import data as training_data
from samwidget.training.data import CropSampler, background_region, border_band, join_neighbours
from samwidget.training.photo_cache import PhotoCache


def test_batches_are_what_they_say(crops):
    batch = crops.batch(np.random.default_rng(0), 3, (64, 96))
    assert batch.pixels.shape == (3, 3, 64, 96)
    assert batch.targets.shape == batch.valid.shape == (3, 2, 32, 48)
    assert batch.targets.amax((2, 3)).min() > 0.5
    assert batch.targets.max() <= 1
    assert abs(float(batch.pixels.mean())) < 1.5


def test_clothes_are_parts_and_their_wearer_is_not(data, tmp_path):
    shutil.copytree(data / "train" / "ccp_clothing", tmp_path / "train" / "ccp_clothing")
    crops = CropSampler(PhotoCache(tmp_path / "train", tmp_path / "cache"), objects=4)
    seen = set()
    for seed in range(20):
        batch = crops.batch(np.random.default_rng(seed), 1, (64, 96))
        seen |= set(batch.is_unlikely[0].tolist())
    assert seen == {True, False}


def test_a_ride_is_one_thing_and_its_parts_are_not(data, tmp_path, monkeypatch):
    for share in ("PASTE_SHARE", "JOIN_SHARE", "REGION_SHARE", "GROUND_SHARE", "LINE_SHARE", "CABLE_SHARE"):
        monkeypatch.setattr(training_data, share, 0)
    for kind in ("images", "masks"):
        folder = tmp_path / "train" / "coco_free" / kind
        folder.mkdir(parents=True)
        shutil.copy(data / "train" / "coco_free" / kind / "0.png", folder / "000000165518.png")
    assert training_data.RIDES["000000165518"] == ((1, 2),)
    crops = CropSampler(PhotoCache(tmp_path / "train", tmp_path / "cache"), objects=4)
    drawn = [crops.crop(np.random.default_rng(seed), (96, 128)) for seed in range(40)]
    rides = [crop for crop in drawn if crop.is_unlikely.any()]
    assert len(rides) > 10
    for crop in rides:
        assert crop.is_unlikely.tolist() == [False, False, True, True]
        whole = crop.targets[0]
        assert (crop.targets[1] == whole).all()
        assert (crop.targets[2:] <= whole).all()
        assert crop.targets[2:].sum((1, 2)).max() < whole.sum()


def test_the_same_generator_draws_the_same_crops(crops):
    first, second = (crops.batch(np.random.default_rng((7, 3)), 2, (64, 64)) for _ in range(2))
    assert torch.equal(first.pixels, second.pixels)
    assert torch.equal(first.targets, second.targets)


def test_objects_that_touch_are_taken_together():
    ids = np.zeros((20, 40), np.uint8)
    ids[5:15, 2:10], ids[5:15, 10:18], ids[5:15, 30:38] = 1, 2, 3
    rng = np.random.default_rng(0)
    assert join_neighbours(rng, ids, np.array([3])) is None
    assert np.array_equal(join_neighbours(rng, ids, np.array([1, 2])), (ids == 1) | (ids == 2))
    # An object that is not among the present ones is too small to be a target, alone or with others.
    assert join_neighbours(rng, ids, np.array([1, 3])) is None


def test_a_rough_border_is_a_band_on_both_sides():
    ids = np.repeat([[0, 0, 0, 0, 3, 3, 3, 3]], 3, 0).astype(np.uint8)
    assert np.flatnonzero(border_band(ids, 3)[1]).tolist() == [3, 4]
    assert np.flatnonzero(border_band(ids, 5)[1]).tolist() == [2, 3, 4, 5]


def test_background_regions_hold_no_object():
    ids = np.zeros((64, 64), np.uint8)
    ids[20:40, 20:40] = 1
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:32] = (90, 140, 220)
    attempts = [background_region(np.random.default_rng(seed), rgb, ids, may_be_all=True) for seed in range(12)]
    regions = [region for region in attempts if region is not None]
    assert regions
    assert not any((region & (ids > 0)).any() for region in regions)
