"""Lessons 1 and 4: each mistake gets its hint, and each exercise has a solution."""

import numpy as np
import pytest

pytest.importorskip("cv2")

from samwidget.core import box_of
from samwidget.explain import clicks_to, draw_click_map, draw_race, draw_truth, robot
from samwidget.explain.lessons.exercises import read_truth
from samwidget.explain.lessons.race import TARGET
from samwidget.images import load_rgb


@pytest.fixture
def first(open_lesson):
    return open_lesson("one_click")


@pytest.fixture
def race(open_lesson):
    return open_lesson("race_the_robot")


@pytest.fixture
def last_click(race):
    """The robot's state after the click that reaches the target."""
    states = list(robot(race.predictor, race.image, race.truth, clicks=8))
    needed = clicks_to(states[-1].ious, TARGET)
    assert 2 < (needed or 0) < 6, "two clicks win, and the robot reaches the target"
    return states[needed - 1]


@pytest.mark.parametrize(
    ("name", "photo", "area", "inside"),
    [
        ("astronaut", "astronaut", (105_000, 112_000), (220, 120)),
        ("head", "astronaut", (17_500, 18_500), (220, 120)),
        ("cup", "coffee", (48_000, 49_500), (290, 130)),
        ("coin", "coins", (2_250, 2_450), (172, 262)),
    ],
)
def test_the_truth_fits_its_photo(photos, name, photo, area, inside):
    truth = read_truth(photos, name)
    assert truth.dtype == np.bool_
    assert truth.shape == load_rgb(photos / f"{photo}.jpg").shape[:2]
    assert area[0] < truth.sum() < area[1]
    assert truth[inside[1], inside[0]]
    assert box_of(truth) is not None


@pytest.mark.parametrize(
    ("number", "value", "passed", "words"),
    [
        (1, 3, True, "most certain"),
        (1, 1, False, "does not know that you look at a face"),
        (1, 2, False, "another one is higher"),
        (1, "3", True, "most certain"),
        (1, 0, False, "no candidate"),
        (2, 1, True, "does not know what you mean"),
        (2, 2, False, "smaller candidate"),
        (2, 3, False, "has the highest score, but"),
        (2, "head", False, "no candidate"),
        (2, True, False, "no candidate"),
    ],
)
def test_one_click_numbers(first, number, value, passed, words):
    result = first.check(number, value)
    assert (bool(result), words in result.message) == (passed, True), result


@pytest.mark.parametrize(
    ("number", "points", "passed", "words"),
    [
        (3, [(222, 150, 1)], True, "cannot say what you mean"),
        (3, [(200, 50, 1)], False, "Candidate 1 is still the head"),
        (3, [(150, 350, 1)], False, "not on the head"),
        (3, [(220, 120, 1), (220, 60, 1)], False, "2 clicks"),
        (4, [(220, 120, 1), (230, 220, 0)], True, "Two clicks say"),
        (4, [(220, 120, 1)], False, "Add a second one"),
        (4, [(220, 120, 1), (220, 60, 1)], False, "Both clicks include"),
        (4, [(220, 120, 1), (220, 60, 0)], False, "excluding click is on the head"),
        (4, [(220, 120, 1), (150, 300, 0)], False, "where does the suit begin"),
        (4, [(220, 120, 1), (230, 220, 0), (150, 300, 0)], False, "3 clicks"),
        (4, [(300, 300, 1), (230, 220, 0)], False, "begin with one on it"),
    ],
)
def test_one_click_prompts(first, clicks, number, points, passed, words):
    result = first.check(number, clicks(first, number, *points))
    assert (bool(result), words in result.message) == (passed, True), result


@pytest.mark.parametrize(
    ("number", "value", "passed", "words"),
    [
        (1, (229, 85), True, "the middle"),
        (1, np.array([229.0, 85.0]), True, "the middle"),
        (1, (85, 229), False, "y before x"),
        (1, (160, 60), False, "from its edge"),
        (1, (9999, 3), False, "outside the photo"),
        (1, (100, 400), False, "not on the head"),
        (1, "ab", False, "no point"),
        (1, 5, False, "no point"),
        (2, "Exclude", True, "largest error"),
        (2, "it excludes", True, "largest error"),
        (2, "include", False, "Which of the two"),
        (2, 1, False, "neither"),
        (3, 1, False, "It needs more"),
        (3, 8, False, "It needs fewer"),
        (3, 2.5, False, "whole number"),
    ],
)
def test_race_predictions(race, number, value, passed, words):
    result = race.check(number, value)
    assert (bool(result), words in result.message) == (passed, True), result


def test_the_robots_own_clicks_do_not_win(race, clicks, last_click):
    needed = len(last_click.prompt.points_xy)
    assert f"After {needed} clicks" in race.check(3, needed).message
    assert "It needs more" in race.check(3, needed - 1).message
    assert "It needs fewer" in race.check(3, needed + 1).message
    points = np.column_stack([last_click.prompt.points_xy, last_click.prompt.labels]).tolist()
    result = race.check(4, clicks(race, 4, *points))
    assert (bool(result), f"You need {needed} clicks, the robot needs {needed}" in result.message) == (False, True)


@pytest.mark.parametrize(
    ("points", "passed", "words"),
    [
        ([(220, 120, 1), (230, 220, 0)], True, "You win"),
        ([(220, 120, 1)], False, "too much: exclude them"),
        ([(150, 350, 1), (229, 85, 0)], False, "Nothing of the head"),
        ([(270, 60, 1), (220, 120, 0), (230, 220, 0)], False, "missing: click there"),
    ],
)
def test_the_race(race, clicks, points, passed, words):
    result = race.check(4, clicks(race, 4, *points))
    assert (bool(result), words in result.message) == (passed, True), result


def test_the_last_figures_count(first, race, clicks, last_click):
    pytest.importorskip("matplotlib")
    photo, bars = draw_click_map(first).axes
    assert f"{sum(patch.get_width() for patch in bars.patches):g} single clicks" == photo.get_title()
    saved = clicks(race, 4, (220, 120, 1), (230, 220, 0))
    labels = [text.get_text() for text in draw_race(race, saved).axes[1].get_legend().get_texts()]
    assert labels == [f"the robot: {len(last_click.prompt.points_xy)} clicks to 0.85", "you: 2 clicks to 0.85"]
    assert len(draw_race(race).axes[1].get_legend().get_texts()) == 1
    assert draw_truth(race).axes[0].get_xlabel() == "x"
