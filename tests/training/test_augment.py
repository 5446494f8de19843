"""Changes of photos that keep their masks true."""

import numpy as np
import pytest

pytest.importorskip("cv2")

from samwidget.training.augment import add_ground, add_lines, ground_shape, noise_texture

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
