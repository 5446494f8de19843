"""Lessons 8 and 10: each mistake gets its hint, each exercise has a solution, and figures follow their sliders."""

import numpy as np
import pytest

from samwidget import explain
from samwidget.errors import PromptError
from samwidget.explain.lessons import grid_rules
from samwidget.explain.lessons.rules import judged

GOOD = {"points_per_side": 12, "score": 0.9, "stability": 0.7, "overlap": 0.7}


@pytest.fixture
def grid(open_lesson):
    return open_lesson("grid_of_clicks")


@pytest.fixture
def fooling(open_lesson):
    return open_lesson("fool_it")


@pytest.mark.parametrize(
    ("number", "value", "passed", "words"),
    [
        (1, 192, True, "three candidates for each"),
        (1, 64, False, "the number of points"),
        (1, 24, False, "points in one row"),
        (1, 100, False, "Count the points"),
        (1, "a", False, "no number"),
        (2, "Duplicate", True, "kept only once"),
        (2, "stability", False, "and another rule drops"),
        (2, "duplicates", True, "kept only once"),
        (2, "size", False, "no rule"),
        (3, GOOD, True, "24 coins and"),
        (3, GOOD | {"points_per_side": 8}, False, "Ask more points"),
        (3, GOOD | {"overlap": 0.95}, False, "copies of a coin"),
        (3, GOOD | {"score": 0.95}, False, "too strict"),
        (3, GOOD | {"score": "a"}, False, "a number"),
        (3, 0.9, False, "sliders.settings"),
    ],
)
def test_everything_is_a_grid(grid, number, value, passed, words):
    result = grid.check(number, value)
    assert (bool(result), words in result.message) == (passed, True), result


@pytest.mark.parametrize(
    ("points", "passed", "words"),
    [
        ([(172, 262, 1)], True, "your click did"),
        ([(155, 50, 1)], False, "has this coin already"),
        ([(10, 10, 1)], False, "larger than a coin"),
        ([(172, 262, 1), (160, 262, 1)], False, "2 clicks"),
    ],
)
def test_a_coin_that_the_grid_misses(grid, clicks, points, passed, words):
    result = grid.check(4, clicks(grid, 4, *points))
    assert (bool(result), words in result.message) == (passed, True), result


def test_a_small_mask_is_no_coin():
    result = judged(grid_rules.MISSED_COIN, {"box": 0, "clicks": 1, "area": 100, "overlap": 0.0})
    assert (bool(result), "smaller than a coin" in result.message) == (False, True)


@pytest.mark.parametrize(
    ("counts", "passed", "words"),
    [
        ({"others": 0}, True, "24 coins and 0 other objects are kept"),
        (
            {"others": 1, "large": 1, "s": ""},
            True,
            "24 coins and 1 other object are kept. The other one is the background",
        ),
        ({"others": 2, "large": 2}, False, "2 of them are background"),
        ({"others": 1, "s": ""}, False, "specks between the coins"),
        ({"others": 2, "large": 1}, False, "specks between the coins"),
        ({"others": 1, "copies": 1, "s": ""}, False, "1 of them are copies of a coin"),
        ({"coins": 23, "others": 1, "large": 1, "s": ""}, False, "too strict"),
    ],
)
def test_only_the_background_may_stay(counts, passed, words):
    result = judged(grid_rules.SETTINGS, {"coins": 24, "copies": 0, "large": 0, "side": 12, "s": "s"} | counts)
    assert (bool(result), words in result.message) == (passed, True), result


def test_the_grid_is_asked_once(grid, monkeypatch):
    grid.points(4)
    monkeypatch.setattr("samwidget.explain.lessons.grid.ask_grid", None)
    kept = [len([point for point in grid.points(4, score) if point.objects]) for score in (0.0, 0.9, 1.0)]
    assert kept[0] > kept[1] > kept[2] == 0


@pytest.mark.parametrize(
    ("number", "value", "passed", "words"),
    [
        (1, "Blur", True, "another object"),
        (1, "contrast", False, "outline is still there"),
        (1, "pixels", False, "larger than a pixel"),
        (1, "one pixel", False, "thousands of pixels"),
        (1, "crop", False, "no change"),
        (2, 3, True, "one pixel less"),
        (2, 2, False, "Blur more"),
        (2, 4, False, "Blur less"),
        (2, 1.5, False, "no radius"),
    ],
)
def test_what_breaks_a_mask(fooling, number, value, passed, words):
    result = fooling.check(number, value)
    assert (bool(result), words in result.message) == (passed, True), result


@pytest.mark.parametrize(
    ("number", "points", "passed", "words"),
    [
        (3, [(154.6, 180.5, 1)], True, "the mask is another object"),
        (3, [(153.6, 180.5, 1)], True, "the mask is another object"),
        (3, [(220, 120, 1)], False, "the whole person"),
        (3, [(450, 50, 1)], False, "not on the astronaut"),
        (3, [(220, 120, 1), (150, 350, 1)], False, "One click that includes"),
        (4, [(220, 120, 1), (150, 350, 1)], True, "what the blur has hidden"),
        (4, [(220, 120, 1)], False, "is missing: include it"),
        (4, [(220, 120, 1)] * 3, False, "3 clicks"),
    ],
)
def test_one_pixel_and_mending(fooling, clicks, number, points, passed, words):
    result = fooling.check(number, clicks(fooling, number, *points))
    assert (bool(result), words in result.message) == (passed, True), result


def test_the_mended_photo_is_the_blurred_one(fooling):
    assert (fooling.widget(4).image == explain.blur(fooling.image, 4)).all()
    assert (fooling.widget(3).image == fooling.image).all()


def test_changes_of_a_photo():
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    assert (explain.blur(image, 0) == image).all()
    assert explain.blur(image, 3).std() < image.std() / 2
    assert (explain.lower_contrast(image, 1) == image).all()
    assert np.ptp(explain.lower_contrast(image, 0), (0, 1)).max() == 0
    assert explain.lower_contrast(image, 0.5).std() == pytest.approx(image.std() / 2, rel=0.05)
    assert (explain.shrink(image, 1) == image).all()
    squares = explain.shrink(image, 10).reshape(3, 10, 4, 10, 3)
    assert np.ptp(squares, (1, 3)).max() == 0
    changed = explain.change_pixel(image, (7.5, 3.2), (1, 2, 3))
    assert changed[3, 7].tolist() == [1, 2, 3]
    assert (changed != image).any(2).sum() == 1
    with pytest.raises(PromptError, match="outside"):
        explain.change_pixel(image, (40, 3))


def test_figures_follow_their_sliders(grid, fooling):
    pytest.importorskip("matplotlib")
    for sliders, name, value in (
        (explain.grid_sliders(grid), "points_per_side", 4),
        (explain.fool_sliders(fooling), "radius", 3),
    ):
        before = sliders._picture.value
        sliders.sliders[name].value = value
        assert sliders.settings[name] == value
        assert sliders._picture.value != before


def test_the_last_figures_count(grid, fooling):
    pytest.importorskip("matplotlib")
    counts = [int(text.get_text()) for text in explain.draw_sides(grid).axes[1].texts]
    assert counts[-2] == 24
    assert counts[-1] <= 1, "the background may stay"
    best, highest = ([axes.lines[line].get_ydata() for axes in explain.draw_limits(fooling).axes] for line in (0, 1))
    assert min(values[0] for values in highest) > 0.95
    assert highest[0][4] < 0.7 < best[0][4], "the choice turns first, not the outline"
