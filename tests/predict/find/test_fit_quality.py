"""The fit of quality's weights, on candidates drawn from weights that are known."""

import math

import numpy as np
import pytest

from tests.performance.fit_quality import Candidates, fitted, log_loss

WEIGHTS = np.array([2.0, 0.5, 3.0, -1.0, -1.0])


def photo(seed, count):
    rng = np.random.default_rng(seed)
    evidence = rng.uniform(-1, 1, (count, 4))
    probability = 1 / (1 + np.exp(-(evidence @ WEIGHTS[:4] + WEIGHTS[4])))
    return Candidates(evidence, rng.uniform(size=count) < probability)


def test_the_fit_finds_the_weights_that_the_candidates_were_drawn_from():
    photos = [photo(seed, 2000) for seed in range(4)]
    assert fitted(photos) == pytest.approx(WEIGHTS, abs=0.3)
    assert log_loss(WEIGHTS, photos[0]) < log_loss(np.zeros(5), photos[0]) == pytest.approx(math.log(2))


def test_a_photo_of_many_candidates_weighs_no_more_than_one_of_few():
    few, many = photo(0, 100), photo(1, 100)
    repeated = Candidates(np.repeat(many.evidence, 9, 0), np.repeat(many.is_right, 9))
    assert fitted([few, repeated]) == pytest.approx(fitted([few, many]))
