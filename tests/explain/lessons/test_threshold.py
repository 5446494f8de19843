"""Lesson 3: each mistake gets its hint, the slider counts pixels, and the figure tells sure from unsure."""

import pytest

from samwidget.core import Prompt
from samwidget.explain import draw_borders, steps, threshold_slider

SUIT, SLEEVE, SHADOW = [150, 300], [110, 380], [260, 500]


@pytest.fixture
def lesson(open_lesson):
    return open_lesson("move_the_threshold")


@pytest.mark.parametrize(
    ("number", "value", "passed", "words"),
    [
        (1, "smaller", True, "instead of"),
        (1, "Larger", False, "Which is harder"),
        (1, "It stays the same.", False, "no logit lies between"),
        (1, "smaller or larger", False, "none of the three"),
        (1, "not smaller", False, "none of the three"),
        (1, 0, False, "none of the three"),
        (2, 0.75, True, "24818 pixels"),
        (2, 74284 / 99102, True, "74284 / 99102"),
        (2, 99102 / 74284, False, "larger area by the smaller"),
        (2, 75, False, "percentage"),
        (2, 99102 - 74284, False, "divide one area by the other"),
        (2, 74284 / 93528, False, "at the threshold 0"),
        (2, 93528 / 99102, False, "at the threshold 0"),
        (2, 3.5, False, "never above 1"),
        (2, 0.2, False, "how many pixels are in both"),
        (2, "0.75", True, "24818 pixels"),
        (2, "three quarters", False, "no number"),
        (3, 1.75, True, "No new prompt"),
        (3, 1.5, True, "The IoU is 0.90"),  # 0.896: the student sees two decimals
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


def test_the_slider_counts_the_pixels_above_it(lesson):
    made = steps(lesson.predictor, lesson.image, Prompt().with_point(220, 60, 1), level=1)
    slider = threshold_slider(made)
    assert slider.area == made.mask.sum()
    before = slider._photo.value, slider._curve.value
    slider.slider.value = 1.75
    assert slider.area == (made["full-size logits"] > 1.75).sum()
    assert f"{slider.area} pixels" in slider._text.value
    assert (slider._photo.value, slider._curve.value) != before


def test_the_last_figure_begins_with_the_surest(lesson):
    pytest.importorskip("matplotlib")
    sure, unsure, plot = draw_borders(lesson).axes
    assert (sure.get_title(), unsure.get_title()) == ("surest: stability 0.96", "least sure: stability 0.75")
    assert [text.get_text() for text in plot.get_legend().get_texts()] == ["surest", "least sure"]
    w = lesson.widget(4)
    lesson.reset(4)
    w.add(points=SHADOW)
    w.add(points=SUIT)
    assert draw_borders(lesson, w.objects).axes[1].get_title() == "least sure: stability 0.63"
