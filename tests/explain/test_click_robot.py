"""The robot: where it clicks, when it stops, and that its IoUs are those of its masks."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("cv2")

from samwidget.core import EXCLUDE, INCLUDE, iou
from samwidget.errors import PromptError
from samwidget.explain import clicks_to, robot


def test_it_begins_in_the_middle_of_the_object(nano, disc):
    image, truth = disc
    first = next(robot(nano, image, truth))
    assert np.abs(first.prompt.points_xy[0] - (60, 50)).max() < 2
    assert first.prompt.labels.tolist() == [INCLUDE]


def test_each_click_is_the_one_that_was_announced(nano, disc):
    image, truth = disc
    states = list(robot(nano, image, truth & (np.arange(128) < 60), clicks=4))
    assert states
    for before, after in pairwise(states):
        assert (*after.prompt.points_xy[-1].tolist(), after.prompt.labels[-1]) == before.next_click
        assert after.ious[:-1] == before.ious
    for state in states:
        x, y, label = state.next_click or (0.5, 0.5, None)
        if label is not None:
            wrong = state.errors.missing if label == INCLUDE else state.errors.excess
            assert wrong[int(y), int(x)]
        assert state.ious[-1] == iou(state.mask, truth & (np.arange(128) < 60))


def test_a_half_disc_needs_an_exclusion(nano, disc):
    image, truth = disc
    states = list(robot(nano, image, truth & (np.arange(128) < 60), clicks=3))
    assert EXCLUDE in states[-1].prompt.labels


class PerfectPredictor:
    """Gives the truth as its mask, whatever it is asked."""

    def __init__(self, truth):
        self.truth = truth

    def embed(self, pixels):
        return None

    def predict_many(self, prompts, embedding, *, multimask_output):
        return [self]

    def to_bool(self):
        return self.truth[None]


def test_it_stops_where_nothing_is_wrong(disc):
    image, truth = disc
    (only,) = robot(PerfectPredictor(truth), image, truth)
    assert only.next_click is None
    assert only.ious == (1.0,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda truth: truth & False, "empty"),
        (lambda truth: truth[:5], "give two"),
        (lambda truth: truth.astype(int), "give two"),
    ],
)
def test_a_wrong_truth_is_refused_by_the_call(nano, disc, change, message):
    with pytest.raises(PromptError, match=message):
        robot(nano, disc[0], change(disc[1]))
    with pytest.raises(PromptError, match="clicks is 0"):
        robot(nano, *disc, clicks=0)


def test_clicks_are_counted_to_the_first_that_reaches_the_target():
    assert clicks_to((0.5, 0.86, 0.8, 0.9), 0.85) == 2
    assert clicks_to((0.5,), 0.85) is None
