"""Lesson 9: what one click takes, labels, gains and losses. The learning itself runs in the notebook's own test."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("cv2")

from samwidget.core import iou
from samwidget.errors import ImageError
from samwidget.explain import draw_held_out, draw_learning, draw_mushrooms, measure_others, teach_it
from samwidget.explain.lessons.learning import HELD_OUT_SEEDS, LEARNED_SEEDS
from samwidget.training import CurvePoint

LOSSES = {"astronaut": (0.97, 0.96), "cup": (0.85, 0.24), "coin": (0.99, 0.98)}
LEFT, RIGHT = ([71, 97], [71, 150]), ([240, 95], [240, 150])


@pytest.fixture
def lesson(open_lesson):
    return open_lesson("teach_it")


@pytest.mark.parametrize("seed", [*LEARNED_SEEDS, *HELD_OUT_SEEDS])
def test_a_cap_is_the_upper_part_of_its_mushroom(seed):
    photo, again = draw_mushrooms(seed), draw_mushrooms(seed)
    assert photo.image.shape == (240, 320, 3)
    assert np.array_equal(photo.image, again.image)
    assert len(photo.caps) == len(photo.mushrooms) == 2
    for cap, mushroom in zip(photo.caps, photo.mushrooms, strict=True):
        assert 0.4 < iou(cap, mushroom) < 0.8
        assert not (cap & ~mushroom).any()
        assert np.nonzero(cap)[0].max() < np.nonzero(mushroom)[0].max()
    assert not (photo.mushrooms[0] & photo.mushrooms[1]).any()


@pytest.mark.parametrize(
    ("number", "value", "passed", "words"),
    [
        (1, "whole", True, "cannot know that you mean the cap"),
        (1, "The whole mushroom.", True, "cannot know that you mean the cap"),
        (1, "the cap", False, "is the stem in it"),
        (1, "stem", False, "neither"),
        (3, (0.62, 0.98, 36), True, "36 points"),
        (3, (0.62, 0.98, 0.36), False, "multiply it by 100"),
        (3, (0.62, 0.98, -36), False, "the other way round"),
        (3, (0.62, 0.98, 5), False, "after minus before"),
        (3, (0.62, 0.98, "many"), False, "no number"),
        (3, (0.62, 0.98, None), False, "Do this first"),
        (3, 36, False, "Do this first"),
        (4, (LOSSES, "cup"), True, "from 0.85 to 0.24"),
        (4, (LOSSES, "Cup"), True, "from 0.85 to 0.24"),
        (4, (LOSSES, "coin"), False, "Another one loses more"),
        (4, (LOSSES, "saucer"), False, "Write one of 'astronaut', 'cup', 'coin'"),
        (4, (LOSSES, None), False, "Do this first"),
    ],
)
def test_words_and_numbers(lesson, number, value, passed, words):
    result = lesson.check(number, value)
    assert (bool(result), words in result.message) == (passed, True), result


@pytest.mark.parametrize(
    ("objects", "passed", "words"),
    [
        ([(LEFT, [1, 0]), (RIGHT, [1, 0])], True, "Both caps"),
        ([(LEFT, [1, 0])], False, "right cap has no object"),
        ([(LEFT[:1] + RIGHT[:1], [1, 1])], False, "press Enter between the two caps"),
        ([(LEFT[:1], [1]), (RIGHT, [1, 0])], False, "stem of the left mushroom"),
        ([(LEFT, [1, 0]), (RIGHT, [1, 0]), ([[10, 10]], [1])], False, "3 objects and 2 caps"),
    ],
)
def test_labels(lesson, objects, passed, words):
    w = lesson.widget(2)
    lesson.reset(2)
    for points, labels in objects:
        w.add(points=list(points), labels=labels)
    result = lesson.check(2, w.objects)
    assert (bool(result), words in result.message) == (passed, True), result


def test_the_last_figures_show_what_was_measured(lesson, nano, photos):
    result = SimpleNamespace(
        predictor=nano,
        curve=(CurvePoint(0, 0.0, 0.0, 0.0, 0.6, 0.62), CurvePoint(24, 1.0, 0.5, 0.4, 0.98, None)),
    )
    losses = measure_others(lesson, photos, result)
    assert set(losses) == set(LOSSES)
    assert all(before == after > 0.8 for before, after in losses.values()), "it has learned nothing"
    photo = draw_held_out(lesson, result).axes[0]
    pairs = [[float(part) for part in text.get_text().split(" → ")] for text in photo.texts]
    assert len(pairs) == 2
    assert all(before == after and 0.5 < before < 0.8 for before, after in pairs), "it takes the whole mushroom"
    curve, bars = draw_learning(result, LOSSES).axes
    assert [list(line.get_xdata()) for line in curve.lines] == [[0, 24], [0, 24]]
    assert [round(bar.get_height(), 2) for bar in bars.patches] == [0.97, 0.85, 0.99, 0.96, 0.24, 0.98]


def test_a_folder_without_the_photos_is_refused_before_anything_is_learned(tmp_path, nano):
    with pytest.raises(ImageError, match=r"astronaut\.jpg"):
        teach_it(tmp_path, nano)
