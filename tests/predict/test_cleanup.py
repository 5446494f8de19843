import numpy as np
import pytest

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt, make_prompt
from samwidget.predict.cleanup import remove_islands_and_holes

# One logit is one image pixel, so that the positions of points can be seen in the drawings.
FRAME = Frame((12, 12), (12, 12), (12, 12), (12, 12))

OBJECT = """
............
.########...
.########...
.###.####...
.########...
.########...
.########...
............
..........##
..........##
............
............
"""


def logits_of(picture):
    mask = np.array([[character == "#" for character in line] for line in picture.split()])
    strength = np.random.default_rng(0).uniform(0.5, 3, mask.shape)
    return np.where(mask, strength, -strength).astype(np.float32)[None]


LOGITS = logits_of(OBJECT)
LOGITS[0, 3, 4] = -0.9
HOLE, ISLAND = (slice(None), 3, 4), (slice(None), slice(8, 10), slice(10, 12))


@pytest.mark.parametrize(
    ("prompt", "island_stays", "hole_stays"),
    [
        (make_prompt([2, 2]), False, False),
        (make_prompt([[2, 2], [11, 9]]), True, False),
        (make_prompt([[2, 2], [4.5, 3.5]], [1, 0]), False, True),
        (make_prompt(box=[0, 0, 12, 12]), False, False),  # 4 of 47 pixels are small
        (make_prompt([6, 9]), False, False),  # a click outside of all regions decides as little as a box
        (Prompt(), False, False),
    ],
)
def test_islands_and_holes(prompt, island_stays, hole_stays):
    cleaned = remove_islands_and_holes(LOGITS, prompt, FRAME)
    assert (cleaned[ISLAND] > 0).all() == island_stays
    assert (cleaned[HOLE] < 0).all() == hole_stays
    # All logits keep their distance from the threshold, and only some change their sign.
    np.testing.assert_array_equal(np.abs(cleaned), np.abs(LOGITS))


def test_the_object_goes_when_only_the_island_is_meant():
    cleaned = remove_islands_and_holes(LOGITS, make_prompt([11, 9]), FRAME)
    assert (cleaned > 0).sum() == 4


def test_large_parts_stay_without_a_click():
    parts = logits_of("\n".join(["####....####"] * 12))
    np.testing.assert_array_equal(remove_islands_and_holes(parts, make_prompt(box=[0, 0, 12, 12]), FRAME), parts)


@pytest.mark.parametrize(("logit", "is_filled"), [(-0.01, True), (-0.99, True), (-1.0, False), (-6.0, False)])
def test_a_hole_stays_where_the_network_is_sure_of_it(logit, is_filled):
    picture = logits_of("\n".join(["#" * 12] * 12))
    picture[0, 4:6, 4:6] = -0.5
    picture[0, 5, 5] = logit
    cleaned = remove_islands_and_holes(picture, make_prompt([1, 1]), FRAME)
    assert (cleaned[0, 4:6, 4:6] > 0).all() == is_filled
    assert (cleaned > 0).sum() == (144 if is_filled else 140)


def test_large_holes_stay():
    ring = logits_of("\n".join(["#" * 12, *["#" + "." * 10 + "#"] * 10, "#" * 12]))
    np.testing.assert_array_equal(remove_islands_and_holes(ring, make_prompt([0, 0]), FRAME), ring)


def test_a_bay_is_no_hole():
    bay = logits_of("\n".join(["#" * 12] * 11 + ["######.#####"]))
    np.testing.assert_array_equal(remove_islands_and_holes(bay, make_prompt([0, 0]), FRAME), bay)


@pytest.mark.parametrize("value", [-1.0, 1.0, 0.0])
def test_nothing_and_everything_stay(value):
    flat = np.full((3, 12, 12), value, np.float32)
    np.testing.assert_array_equal(remove_islands_and_holes(flat, make_prompt([3, 3]), FRAME), flat)


def test_every_candidate_is_cleaned_alone():
    both = np.concatenate([LOGITS, -np.abs(LOGITS)])
    cleaned = remove_islands_and_holes(both, make_prompt([2, 2]), FRAME)
    np.testing.assert_array_equal(cleaned[0], remove_islands_and_holes(LOGITS, make_prompt([2, 2]), FRAME)[0])
    np.testing.assert_array_equal(cleaned[1], both[1])
