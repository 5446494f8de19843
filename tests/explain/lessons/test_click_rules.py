"""Rules of clicks: what is measured of a prompt, and that pages judge as the lessons do."""

import numpy as np
import pytest

from samwidget.core import Prompt
from samwidget.explain.lessons import click_rules
from samwidget.explain.lessons.rules import judged, prompt_measures

TRUTH = np.zeros((60, 80), bool)
TRUTH[20:40, 10:50] = True
WORDS = {"again": "Press Reset"}


def measured(prompt, mask=TRUTH):
    return prompt_measures(prompt, mask, {"head": TRUTH, "suit": ~TRUTH})


def test_a_prompt_is_measured():
    mask = TRUTH.copy()
    mask[20:30] = False
    measures = measured(Prompt().with_point(15, 25, 1).with_point(70, 50, 0), mask)
    assert (measures["clicks"], measures["excludes"]) == (2, 1)
    assert (measures["iou_head"], measures["missing_head"], measures["excess_head"]) == (0.5, 400, 0)
    assert (measures["includes_on_head"], measures["excludes_on_head"], measures["excludes_on_suit"]) == (1, 0, 1)


def test_the_side_of_a_box_that_is_farthest_off_is_named():
    measures = measured(Prompt(box_xyxy=np.array([10, 20, 60, 38], np.float32)))
    assert (measures["off_side_head"], measures["outward_head"], measures["off_share_head"]) == ("right", 10, 0.25)


@pytest.mark.parametrize(
    ("rules", "prompt", "passed", "text"),
    [
        (click_rules.TWO_CLICKS, Prompt().with_point(15, 25, 1), False, "1 click. Add a second"),
        (click_rules.TWO_CLICKS, Prompt().with_point(15, 25, 1).with_point(16, 26, 0), False, "click is on the head"),
        (click_rules.TWO_CLICKS, Prompt().with_point(15, 25, 1).with_point(70, 50, 0), True, "IoU is 1.00"),
        (click_rules.STRANGE_CLICK, Prompt().with_point(15, 25, 0), False, "excludes. Press Reset"),
        (click_rules.BOX, Prompt().with_point(15, 25, 1), False, "no box"),
        (click_rules.BOX, Prompt(box_xyxy=np.array([10, 20, 50, 40], np.float32)), True, "one drag"),
        (click_rules.SUIT, Prompt(box_xyxy=np.array([10, 20, 50, 40], np.float32)), False, "press E"),
    ],
)
def test_the_first_rule_that_holds_gives_the_result(rules, prompt, passed, text):
    result = judged(rules, {**measured(prompt), **WORDS})
    assert (result.passed, text in result.message) == (passed, True), result


@pytest.mark.parametrize(
    ("needed", "robot", "passed"), [(2, 4, True), (4, 4, False), (3, None, True), (0, 4, False), (0, None, False)]
)
def test_a_race_is_won_with_fewer_clicks_than_the_robot(needed, robot, passed):
    measures = {**measured(Prompt().with_point(15, 25, 1)), "needed": needed, "needed_s": "s", **WORDS}
    assert judged(click_rules.race(robot, 0.85), measures).passed == passed
