import numpy as np
import pytest

pytest.importorskip("cv2")

from samwidget.core.prompt import EXCLUDE, INCLUDE
from samwidget.training.click_simulator import (
    SimulatedPrompts,
    centre,
    click_in,
    jittered_box,
    next_click,
    off_centre_click,
    robot_click,
)


def square(x0, y0, x1, y1, size=(40, 60)):
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


EVERYWHERE = np.ones((40, 60), bool)


def test_centre_is_the_deepest_pixel():
    x, y, depth = centre(square(10, 10, 21, 21))
    assert (x, y) == (15, 15)
    assert depth == pytest.approx(6, abs=0.5)


def test_the_image_border_is_an_edge():
    x, y, _ = centre(EVERYWHERE)
    assert y in (19, 20)
    assert 19 <= x <= 40


def test_clicks_fall_inside():
    mask = square(3, 5, 9, 30)
    for seed in range(50):
        x, y = click_in(np.random.default_rng(seed), mask)
        assert mask[int(y), int(x)]


def test_a_mask_of_one_pixel_can_be_clicked():
    mask = square(7, 8, 8, 9)
    x, y = click_in(np.random.default_rng(0), mask)
    assert (int(x), int(y)) == (7, 8)


def test_next_click_includes_what_is_missing_and_excludes_what_is_too_much():
    rng = np.random.default_rng(0)
    target = square(10, 10, 30, 30)
    x, y, label = next_click(rng, target, square(10, 10, 15, 30), EVERYWHERE)
    assert label == INCLUDE
    assert 15 <= x < 30
    x, y, label = next_click(rng, target, square(10, 10, 55, 30), EVERYWHERE)
    assert label == EXCLUDE
    assert x >= 30
    assert 10 <= y < 30


def test_no_click_where_nothing_is_wrong_or_known():
    rng = np.random.default_rng(0)
    target = square(10, 10, 30, 30)
    assert next_click(rng, target, target, EVERYWHERE) is None
    assert next_click(rng, target, square(0, 0, 1, 1), ~EVERYWHERE) is None


def test_boxes_keep_an_area():
    for seed in range(50):
        x0, y0, x1, y1 = jittered_box(np.random.default_rng(seed), square(5, 5, 6, 6))
        assert x1 > x0
        assert y1 > y0


def test_draft_grows_by_one_click_a_round():
    rng = np.random.default_rng(0)
    targets = np.stack([square(10, 10, 30, 30)] * 60)
    simulated = SimulatedPrompts(60, 2, (40, 60))
    simulated.add_first(rng, targets)
    clicked, boxed = simulated.labels[:, 0] == INCLUDE, simulated.has_box == 1
    assert (clicked | boxed).all()
    assert 20 <= clicked.sum() - (clicked & boxed).sum() <= 40
    simulated.add_corrections(rng, targets, np.full((60, 40, 60), -1, np.float32), np.stack([EVERYWHERE] * 60))
    assert simulated.rounds == 2
    assert (simulated.labels[:, 1] == INCLUDE).all()
    simulated.set_previous_masks(np.full((60, 40, 60), 2.0))
    assert (simulated.has_mask == 1).all()
    assert (simulated.mask == 2).all()


def test_hollow_objects_are_asked_for_by_a_box_more_often():
    solid = square(10, 10, 30, 30)
    hollow = solid & ~square(12, 12, 30, 30)
    boxed = []
    for target in (solid, hollow):
        simulated = SimulatedPrompts(400, 1, target.shape)
        simulated.add_first(np.random.default_rng(0), np.stack([target] * 400))
        boxed.append(simulated.has_box.mean())
    assert 0.42 < boxed[0] < 0.58
    assert boxed[1] > 0.65


def test_the_robot_clicks_into_the_middle_of_the_deepest_error():
    target = square(10, 10, 21, 21)
    assert robot_click(target, square(0, 0, 0, 0)) == (15, 15, INCLUDE)
    assert robot_click(target, square(10, 10, 41, 21)) == (*centre(square(21, 10, 41, 21))[:2], EXCLUDE)
    assert robot_click(target, target) is None
    assert robot_click(target, square(0, 0, 0, 0), ~target) is None


def test_a_person_clicks_into_the_error_but_off_its_middle():
    """A row of 5 pixels between known pixels is 1 deep everywhere: each pixel is as likely. In a square, the middle."""
    target, nothing = square(10, 10, 21, 21), square(0, 0, 0, 0)
    clicks = [off_centre_click(np.random.default_rng(seed), target, nothing, EVERYWHERE) for seed in range(400)]
    assert all(target[y, x] and label == INCLUDE for x, y, label in clicks)
    x, y = np.array(clicks)[:, 0], np.array(clicks)[:, 1]
    assert abs(x.mean() - 15) < 0.5
    # The ring at the outline is a third of the square (40 of 121 pixels); its share by depth is 40 of 286.
    at_outline = (np.abs(x - 15) == 5) | (np.abs(y - 15) == 5)
    assert 0.08 < at_outline.mean() < 0.21
    assert ((x == 15) & (y == 15)).mean() < 0.06  # 6 of 286


def test_a_person_corrects_the_deepest_error_too():
    rng, target = np.random.default_rng(0), square(10, 10, 30, 30)
    too_much = square(10, 10, 55, 30) | square(40, 35, 42, 37)
    for _ in range(50):
        x, y, label = off_centre_click(rng, target, too_much, EVERYWHERE)
        assert label == EXCLUDE
        assert 30 <= x < 55
        assert 10 <= y < 30  # never the small island
    assert off_centre_click(rng, target, target, EVERYWHERE) is None
    assert off_centre_click(rng, target, square(0, 0, 0, 0), ~target) is None
