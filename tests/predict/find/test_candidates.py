"""Which of overlapping masks stays, on rectangles."""

import numpy as np
import pytest

from samwidget.core import FoundObject, RunLengths
from samwidget.predict.find.candidates import Candidates
from samwidget.predict.find.quality import Similar

SIDE = 40
COVER = np.zeros((5, 5), np.float32)


def mask(x0, y0, x1, y1):
    pixels = np.zeros((SIDE, SIDE), bool)
    pixels[y0:y1, x0:x1] = True
    return RunLengths.from_mask(pixels)


def candidate(box, quality):
    return Similar(FoundObject(0, mask(*box), 0.9, 0.9, (0, 0), 0, (0, 0, SIDE, SIDE), None), COVER, quality)


def boxes_that_stay(items, known=(), count_max=None):
    candidates = Candidates([mask(*box) for box in known], count_max)
    for box, quality in items:
        candidates.add(candidate(box, quality))
    return [item.found_object.box_xyxy for item in candidates.best]


LEFT, RIGHT, BOTH, BESIDE = (0, 0, 10, 10), (10, 0, 20, 10), (0, 0, 20, 10), (30, 30, 40, 40)


@pytest.mark.parametrize(
    ("candidates", "stay"),
    [
        ([(LEFT, 0.8), (BESIDE, 0.9)], [BESIDE, LEFT]),
        ([(LEFT, 0.8), ((1, 0, 11, 10), 0.9)], [(1, 0, 11, 10)]),
        ([(BOTH, 0.9), (LEFT, 0.85), (RIGHT, 0.8)], [LEFT, RIGHT]),
        ([(LEFT, 0.8), (BOTH, 0.9), (RIGHT, 0.85)], [RIGHT, LEFT]),
        ([(BOTH, 0.95), (LEFT, 0.85), (RIGHT, 0.76)], [BOTH]),
        ([(BOTH, 0.9), (LEFT, 0.85)], [BOTH]),
        ([(BOTH, 0.9), ((0, 0, 5, 10), 0.85), ((6, 0, 11, 10), 0.85)], [BOTH]),
        ([(BOTH, 0.9), (LEFT, 0.88), ((2, 0, 12, 10), 0.85)], [BOTH]),
    ],
    ids=[
        "apart",
        "one object",
        "two fill a third",
        "in another order",
        "one of them is much worse",
        "one part alone",
        "two leave half uncovered",
        "two of one place",
    ],
)
def test_masks_that_stay(candidates, stay):
    assert boxes_that_stay(candidates) == stay


def test_what_is_known_is_not_found_again_and_the_number_is_limited():
    assert boxes_that_stay([(LEFT, 0.9), (RIGHT, 0.8), (BESIDE, 0.85)], known=[LEFT], count_max=1) == [BESIDE]


def test_adding_says_whether_the_object_is_new():
    candidates = Candidates([mask(*BESIDE)], None)
    assert [candidates.add(candidate(box, 0.8)) for box in (LEFT, LEFT, RIGHT, BESIDE)] == [True, False, True, False]
