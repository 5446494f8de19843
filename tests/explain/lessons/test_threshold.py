"""Lesson 3: each mistake gets its hint, the slider counts pixels, and the figure tells sure from unsure."""

import numpy as np
import pytest

from samwidget.core import Prompt
from samwidget.explain import draw_borders, steps, threshold_slider
from samwidget.explain.lessons.threshold import HAIR_XY, LEVEL, SURE, UNSURE

SUIT, SLEEVE, SHADOW = [150, 300], [110, 380], [260, 500]


@pytest.fixture
def lesson(open_lesson):
    return open_lesson("move_the_threshold")


@pytest.fixture
def hair(lesson):
    """The steps of the click on the hair, of the candidate that the lesson speaks of."""
    return steps(lesson.predictor, lesson.image, Prompt().with_point(*HAIR_XY, 1), level=LEVEL)


@pytest.fixture
def areas(hair):
    """Pixels of its mask at the thresholds -0.25, 0 and 0.25."""
    return tuple(int((hair["full-size logits"] > threshold).sum()) for threshold in (-0.25, 0, 0.25))


@pytest.mark.parametrize(
    ("number", "value", "passed", "words"),
    [
        (1, "smaller", True, "instead of"),
        (1, "Larger", False, "Which is harder"),
        (1, "It stays the same.", False, "no logit lies between"),
        (1, "smaller or larger", False, "none of the three"),
        (1, "not smaller", False, "none of the three"),
        (1, 0, False, "none of the three"),
        (2, 3.5, False, "never above 1"),
        (2, 0.2, False, "how many pixels are in both"),
        (2, "three quarters", False, "no number"),
        (3, 2.25, True, "No new prompt"),
        (3, "2", True, "No new prompt"),
        (3, 0, False, "too much. Go up"),
        (3, -1.5, False, "Below 0 the mask gets larger"),
        (3, 3, False, "of the head are missing. Go down"),
        (3, 75, False, "no threshold of the slider"),
    ],
)
def test_numbers_and_words(lesson, number, value, passed, words):
    result = lesson.check(number, value)
    assert (bool(result), words in result.message) == (passed, True), result


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (lambda low, at_0, high: high / low, True, "{high} / {low}"),
        (lambda low, at_0, high: f"{high / low:.2f}", True, "moves {moved} pixels"),
        (lambda low, at_0, high: low / high, False, "larger area by the smaller"),
        (lambda low, at_0, high: round(100 * high / low), False, "percentage"),
        (lambda low, at_0, high: low - high, False, "divide one area by the other"),
        (lambda low, at_0, high: high / at_0, False, "at the threshold 0"),
        (lambda low, at_0, high: at_0 / low, False, "at the threshold 0"),
    ],
)
def test_stability(lesson, areas, answer, passed, words):
    low, _, high = areas
    result = lesson.check(2, answer(*areas))
    expected = words.format(low=low, high=high, moved=low - high)
    assert (bool(result), expected in result.message) == (passed, True), result


def test_the_click_on_the_hair_shows_what_the_lesson_says(lesson, hair, areas, photos):
    logits = hair["full-size logits"]
    assert (logits > 0).sum() > 3 * lesson.truth.sum(), "at 0 it is much more than the head"
    good = [threshold for threshold in np.arange(0.25, 4, 0.25) if lesson.check(3, threshold)]
    assert len(good) >= 2, "the slider has more than one step at which it is the head"
    before, after = ((logits > threshold).sum() for threshold in (good[0], good[-1]))
    assert (before - after) / before < (areas[0] - areas[2]) / areas[0], "flat at the head, and steep at 0"


@pytest.mark.parametrize(
    ("objects", "passed", "words"),
    [
        ([[SUIT], [SHADOW]], True, "where its border can be trusted"),
        ([[SUIT]], False, "That is certain"),
        ([[SHADOW]], False, "That is uncertain"),
        ([[SUIT, SLEEVE]], False, "All your clicks refine this one"),
        ([[[100, 180]]], False, "0.95 or more, and 0.8 or less"),
    ],
)
def test_borders(lesson, objects, passed, words):
    w = lesson.widget(4)
    lesson.reset(4)
    for points in objects:
        w.add(points=points)
    result = lesson.check(4)
    assert (bool(result), words in result.message) == (passed, True), result


def test_a_mask_alone_has_no_stability(lesson):
    w = lesson.widget(4)
    lesson.reset(4)
    w.add(mask=lesson.truth)
    assert "no object that was clicked" in lesson.check(4).message


def test_the_slider_counts_the_pixels_above_it(hair):
    slider = threshold_slider(hair)
    assert slider.area == hair.mask.sum()
    before = slider._photo.value, slider._curve.value
    slider.slider.value = 1.75
    assert slider.area == (hair["full-size logits"] > 1.75).sum()
    assert f"{slider.area} pixels" in slider._text.value
    assert (slider._photo.value, slider._curve.value) != before


def test_the_last_figure_begins_with_the_surest(lesson):
    pytest.importorskip("matplotlib")
    sure, unsure, plot = draw_borders(lesson).axes
    titles = [axes.get_title().rsplit(" ", 1) for axes in (sure, unsure)]
    assert [name for name, _ in titles] == ["surest: stability", "least sure: stability"]
    assert float(titles[0][1]) >= SURE
    assert float(titles[1][1]) <= UNSURE
    assert [text.get_text() for text in plot.get_legend().get_texts()] == ["surest", "least sure"]
    w = lesson.widget(4)
    lesson.reset(4)
    w.add(points=SHADOW)
    w.add(points=SUIT)
    own = [axes.get_title() for axes in draw_borders(lesson, w.objects).axes[:2]]
    assert own[0] == sure.get_title(), "the suit is the surest again"
    assert float(own[1].removeprefix("least sure: stability ")) < float(titles[1][1])
