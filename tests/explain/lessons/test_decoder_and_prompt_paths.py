"""Lessons 5 and 6: each mistake gets its hint, and each exercise has a solution."""

from types import SimpleNamespace

import pytest

from samwidget import Prompt, explain
from samwidget.explain.lessons import prompt_paths


@pytest.fixture
def paths(open_lesson):
    return open_lesson("follow_the_prompt")


@pytest.fixture
def decoder(open_lesson):
    return open_lesson("inside_the_decoder")


@pytest.mark.parametrize(
    ("number", "value", "passed", "words"),
    [
        (1, "All coins", True, "do not say which one you mean"),
        (1, "this coin", False, "Only 13%"),
        (1, "background", False, "Metal looks like metal"),
        (1, 1, False, "none of them"),
        (2, (42, 27), True, "has a cell"),
        (2, (27, 42), False, "row and column"),
        (2, [43, 28], False, "counted from 1"),
        (2, (262, 172), False, "49 rows and 62 columns"),
        (2, (42.36, 27.77), False, "whole numbers"),
        (2, (10, 27), False, "The row is wrong"),
        (2, (42, 30), False, "The column is wrong"),
        (2, "ab", False, "no cell"),
    ],
)
def test_where_the_prompt_goes(paths, number, value, passed, words):
    result = paths.check(number, value)
    assert (bool(result), words in result.message) == (passed, True), result


@pytest.mark.parametrize(
    ("number", "points", "passed", "words"),
    [
        (3, [(110, 260, 1)], True, "in the wrong place"),
        (3, [(172, 262, 1)], False, "on the marked coin"),
        (3, [(142, 262, 1)], False, "click another coin"),
        (3, [(110, 260, 0)], False, "Your click excludes"),
        (3, [(110, 260, 1), (60, 60, 1)], False, "2 clicks"),
        (4, [(172, 262, 1), (110, 260, 1), (140, 262, 1)], True, "two coins"),
        (4, [(172, 262, 1)], False, "Click its left neighbour too"),
        (4, [(172, 262, 1), (140, 262, 1)], False, "Click its left neighbour too"),
        (4, [(172, 262, 1), (235, 262, 1), (204, 262, 1)], False, "on the left"),
        (4, [(110, 260, 1)], False, "Click it first"),
        (4, [(10, 10, 1)], False, "Do not click the ground"),
    ],
)
def test_prompts_on_coins(paths, clicks, number, points, passed, words):
    result = paths.check(number, clicks(paths, number, *points))
    assert (bool(result), words in result.message) == (passed, True), result


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([(172, 262), (110, 260)], "ground between them"),
        ([(172, 262), (110, 260), (90, 260)], "where they nearly touch"),
    ],
)
def test_a_coin_that_falls_out(paths, points, words):
    prompt = Prompt()
    for x, y in points:
        prompt = prompt.with_point(x, y, 1)
    result = prompt_paths._two_coins(SimpleNamespace(prompt=prompt, mask=paths.truth), paths.truth)
    assert (bool(result), words in result.message) == (False, True), result


@pytest.mark.parametrize(
    ("number", "value", "passed", "words"),
    [
        (1, "Similarity", True, "were apart"),
        (1, "prompt maps", False, "knows only the prompt"),
        (1, "features", False, "before you clicked"),
        (1, "mask", False, "an earlier step"),
        (1, "nose", False, "no step"),
        (2, 256 * 256, True, "4 pixels"),
        (2, 3 * 256 * 256, False, "all three"),
        (2, 512 * 512, False, "scaled up later"),
        (2, 256, False, "one side"),
        (2, 7, False, "shape of the step"),
        (2, "seven", False, "no number"),
        (3, 12345, False, "of the same index"),
        (3, "a", False, "no number"),
    ],
)
def test_inside_the_decoder(decoder, number, value, passed, words):
    result = decoder.check(number, value)
    assert (bool(result), words in result.message) == (passed, True), result


def test_the_logit_that_a_student_computes(nano, decoder):
    steps = explain.steps(nano, decoder.image, Prompt().with_point(220, 120, 1))
    number = explain.logit_at(steps, (220, 120))
    assert decoder.check(3, (number.features * number.weights).sum() + number.rest)
    assert "Add number.rest" in decoder.check(3, (number.features * number.weights).sum()).message
    assert "24 numbers" in decoder.check(3, number.features * number.weights).message
    assert "added up first" in decoder.check(3, number.features.sum() * number.weights.sum()).message


@pytest.mark.parametrize(
    ("points", "passed", "words"),
    [
        ([(220, 120, 1), (300, 300, 0)], True, "158 pixels away"),
        ([(220, 120, 1)], False, "Only a click that excludes"),
        ([(220, 120, 1), (160, 340, 0)], False, "14 pixels from the marked pixel"),
        ([(220, 120, 1), (230, 220, 0)], False, "only as an island"),
        ([(220, 120, 1), (450, 100, 0)], False, "like it"),
        ([(450, 100, 1)], False, "The nose is not"),
    ],
)
def test_a_number_from_afar(decoder, clicks, points, passed, words):
    result = decoder.check(4, clicks(decoder, 4, *points))
    assert (bool(result), words in result.message) == (passed, True), result


def test_the_figures(nano, paths, decoder, clicks):
    pytest.importorskip("matplotlib")
    both = clicks(paths, 4, (172, 262, 1), (110, 260, 1))
    assert len(explain.draw_paths(paths, both).axes) == 3
    assert len(explain.draw_paths(paths).axes) == 3
    assert explain.draw_marked_coin(paths).axes
    steps = explain.steps(nano, decoder.image, Prompt().with_point(220, 120, 1))
    assert "above 0" in explain.draw_number(steps).get_suptitle()
    assert len(explain.draw_way(decoder, clicks(decoder, 4, (220, 120, 1))).axes) == 5


def test_they_take_networks_with_tokens(predictor, photos):
    pytest.importorskip("matplotlib")
    lesson = explain.follow_the_prompt(photos, predictor)
    assert len(explain.draw_paths(lesson).axes) == 3
    inside = explain.inside_the_decoder(photos, predictor)
    assert len(explain.draw_way(inside).axes) == 5
    steps = explain.steps(predictor, inside.image, Prompt().with_point(220, 120, 1))
    assert inside.check(3, explain.logit_at(steps, (220, 120)).value)
    first = next(name for name in steps if inside.check(1, name))
    assert first == ("similarity" if predictor.name == "nano" else "attention 1")
