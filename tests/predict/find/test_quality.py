"""Which masks are like the examples, on a photo of discs whose masks are known."""

import numpy as np
import pytest

from samwidget.core import Masks, make_prompt
from samwidget.predict.find.features import Features
from samwidget.predict.find.likeness import Likeness
from samwidget.predict.find.quality import Filter
from tests.predict.find.discs import DEFAULTS, FRAME, RADIUS, SIDE, Discs

COIN, OTHER, BUTTON = (40, 40), (128, 128), (200, 60)
DISCS = Discs({COIN: "coin", OTHER: "coin", BUTTON: "button"})


@pytest.fixture(scope="module")
def coins():
    """A filter for what is like one coin."""
    mask, features = DISCS.mask(COIN), Features.of(DISCS.embedding)
    likeness = Likeness(features, [features.cover_of_mask(mask)])
    return Filter(features, likeness, [likeness], np.array([mask.area], np.float64), 0.45, DEFAULTS)


def disc(centre, radius=RADIUS):
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    return np.where(np.hypot(columns - centre[0], rows - centre[1]) < radius, 5, -5).astype(np.float32)


def passing(coins, candidates, scores):
    masks = Masks(np.stack(candidates), np.array(scores, np.float32), FRAME, make_prompt(OTHER))
    return coins.passing(masks, np.array(OTHER, float), 7)


def test_the_whole_object_is_better_than_its_part_and_than_what_holds_it(coins):
    items = passing(coins, [disc(OTHER, 7), disc(OTHER), disc(OTHER, 30)], [0.9, 0.9, 0.9])
    best = max(items, key=lambda item: item.quality).found_object
    assert (best.level, best.point_xy) == (1, OTHER)
    assert len({item.found_object.id for item in items}) == len(items)


def test_quality_rises_with_the_score(coins):
    low, high = (passing(coins, [disc(OTHER)], [score])[0].quality for score in (0.7, 0.9))
    assert 0.7 <= low < high <= 1


@pytest.mark.parametrize(
    ("centre", "radius", "score"),
    [(BUTTON, RADIUS, 0.95), (OTHER, 60, 0.95), (OTHER, 3.5, 0.95), (OTHER, RADIUS, 0.41), (OTHER, 0, 0.95)],
    ids=["unlike", "too large", "too small", "low score", "empty"],
)
def test_what_is_not_like_the_coin_does_not_pass(coins, centre, radius, score):
    assert passing(coins, [disc(centre, radius)], [score]) == []
