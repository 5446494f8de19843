"""One logit is the sum of its terms."""

import numpy as np
import pytest

from samwidget.core import make_prompt
from samwidget.errors import PromptError
from samwidget.explain import logit_at, steps


@pytest.mark.parametrize("point_xy", [(60, 50), (3.2, 90), (128, 96)])
def test_the_terms_add_up(predictor, disc, point_xy):
    recorded = steps(predictor, disc[0], make_prompt([[60, 50]]))
    logit = logit_at(recorded, point_xy)
    assert logit.products.sum() + logit.rest == pytest.approx(logit.value, abs=2e-3)
    assert bool(logit.rest_name) == (recorded.model == "nano" or "HQ mask" in recorded.tokens)


def test_what_is_added_to_nanos_last_layer_is_the_same_for_its_four_pixels(nano, disc):
    """Bias aside it comes from coarse maps, so it changes little within a cell: the products are the right ones."""
    recorded = steps(nano, disc[0], make_prompt([[60, 50]]))
    scale = np.array(recorded.image.shape[1::-1]) / recorded.frame.content_hw[::-1] * 2
    cells = [[logit_at(recorded, tuple((np.array([x, y]) + 0.5) * scale)) for x in (100, 101)] for y in (120, 121)]
    biases = recorded["last biases"][4 * (1 + recorded.level) :][:4].reshape(2, 2)
    rests = np.array([[logit.rest for logit in row] for row in cells]) - biases
    assert np.ptp(rests) < 0.2
    assert np.ptp([[logit.products.sum() for logit in row] for row in cells]) > 0


def test_a_point_outside_is_refused(nano, disc):
    with pytest.raises(PromptError, match="outside"):
        logit_at(steps(nano, disc[0], make_prompt([[60, 50]])), (-1, 3))
