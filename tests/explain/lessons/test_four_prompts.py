"""Lesson 7: each mistake gets its hint, each exercise has a solution, and the figures name all four prompts."""

import pytest

from samwidget.explain import draw_agreement, draw_four_prompts
from samwidget.explain.lessons import click_rules
from samwidget.explain.lessons.rules import judged

HEAD, SUIT = [153, 16, 302, 190], [19, 132, 363, 512]
NOSE = [220, 120]


@pytest.fixture
def lesson(open_lesson):
    return open_lesson("four_prompts")


@pytest.mark.parametrize(
    ("number", "value", "passed", "words"),
    [
        (1, "point", True, "not where it ends"),
        (1, "Box", False, "four sides"),
        (1, "exclusion", False, "cuts off the suit"),
        (1, "mask", False, "at one pixel alone"),
        (1, "A point.", True, "not where it ends"),
        (1, "click", False, "none of the four"),
        (1, 1, False, "none of the four"),
        (3, 1, True, "mends the outline"),
        (3, 2, False, "more than the head"),
        (3, 3, False, "more than the head"),
        (3, 0, False, "no candidate"),
    ],
)
def test_predictions(lesson, number, value, passed, words):
    result = lesson.check(number, value)
    assert (bool(result), words in result.message) == (passed, True), result


@pytest.mark.parametrize(
    ("number", "prompt", "passed", "words"),
    [
        (2, {"box": HEAD}, True, "from one drag"),
        (2, {"box": [140, 5, 315, 205]}, True, "from one drag"),
        (2, {"points": NOSE}, False, "has no box"),
        (2, {"box": HEAD, "points": NOSE}, False, "1 click with it"),
        (2, {"box": [153, 16, 302, 140]}, False, "lower side of your box cuts 50 pixels off"),
        (2, {"box": [153, 16, 302, 300]}, False, "lower side of your box is 110 pixels too far out"),
        (4, {"box": SUIT, "points": [NOSE], "labels": [0]}, True, "says what not"),
        (4, {"box": SUIT}, False, "exclude the head with a click"),
        (4, {"box": SUIT, "points": NOSE}, False, "a box cannot say"),
        (4, {"points": [[172, 344], NOSE], "labels": [1, 0]}, False, "Begin with a box"),
        (4, {"box": SUIT, "points": [[400, 100]], "labels": [0]}, True, "says what not"),
        (
            4,
            {"box": [100, 132, 300, 350], "points": [NOSE], "labels": [0]},
            False,
            "cuts 162 pixels off the suit",
        ),
        (4, {"box": [0, 0, 511, 511], "points": [NOSE], "labels": [0]}, False, "too far out"),
    ],
)
def test_prompts(lesson, number, prompt, passed, words):
    w = lesson.widget(number)
    lesson.reset(number)
    w.add(**prompt)
    result = lesson.check(number)
    assert (bool(result), words in result.message) == (passed, True), result


@pytest.mark.parametrize(
    ("measures", "passed", "words"),
    [
        ({"excludes": 0, "iou_suit": 0.92}, False, "from the box alone. A box a few pixels higher"),
        ({"excludes": 0, "iou_suit": 0.85, "missing_suit": 9000}, False, "lacks a part of the suit"),
        ({"excludes": 0, "iou_suit": 0.82, "excess_suit": 9000}, False, "a box cannot say"),
        ({"iou_suit": 0.92}, True, "says what not"),
        ({"iou_suit": 0.86}, False, "on the nose"),
        ({"iou_suit": 0.86, "excludes_on_head": 0}, False, "is not on the head"),
    ],
)
def test_a_suit_by_what_is_measured(measures, passed, words):
    exact = {"box": 1, "excludes": 1, "excludes_on_head": 1, "missing_suit": 0, "excess_suit": 0, "off_share_suit": 0.0}
    result = judged(click_rules.SUIT, exact | measures)
    assert (bool(result), words in result.message) == (passed, True), result


def test_no_object_is_said(lesson, tmp_path):
    w = lesson.widget(2)
    lesson.reset(2)
    assert "Do this first" in lesson.check(2).message
    w.save(tmp_path / "empty.samw")
    assert "there is no object" in lesson.check(2, tmp_path / "empty.samw").message


def test_the_figures_show_four_prompts(lesson):
    pytest.importorskip("matplotlib")
    titles = [axes.get_title().split("\n") for axes in draw_four_prompts(lesson).axes]
    assert [title[0] for title in titles] == ["point", "box", "exclusion", "mask"]
    assert [float(title[2].removeprefix("IoU ")) > 0.9 for title in titles] == [False, True, True, True]
    agreement = [axes.texts[0].get_text() for axes in draw_agreement(lesson).axes]
    values = [float(text.split("\n")[0].removeprefix("agreement ")) for text in agreement]
    assert values.index(min(values)) == 0, "the point is the most ambiguous"
    assert values[0] < values[2] < values[1], "an exclusion leaves less to guess than a point, and more than a box"
    assert values[1] > 0.8
