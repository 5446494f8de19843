"""Each edit on small masks that one can check by eye, and against a slow definition on random ones."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samwidget.document import edits

SHAPE = (7, 9)
EMPTY = np.zeros(SHAPE, bool)
masks = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))
numbers = st.floats(-6, 20, allow_nan=False)
strokes = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=6)
distances = st.floats(0, 6)
unhurried = settings(deadline=None)  # the first example imports scipy


def grid(text):
    return np.array([[character == "#" for character in line] for line in text.split()])


def centres(shape):
    ys, xs = np.mgrid[: shape[0], : shape[1]] + 0.5
    return np.stack([xs, ys], -1)


def near_line(shape, points, radius):
    """Pixels within the radius of the line; and those where rounding decides."""
    pairs = list(pairwise(points)) or [(points[0], points[0])]
    distance = np.full(shape, np.inf)
    for a, b in np.array(pairs, float):
        along = ((centres(shape) - a) @ (b - a)) / max(1e-300, (b - a) @ (b - a))
        nearest = a + np.clip(along, 0, 1)[..., None] * (b - a)
        distance = np.minimum(distance, np.hypot(*np.moveaxis(centres(shape) - nearest, -1, 0)))
    return distance <= radius, np.abs(distance - radius) < 1e-6


@pytest.mark.parametrize(
    ("points", "radius", "expected"),
    [
        ([(1.5, 1.5)], 1, ".#....... ###...... .#....... ......... ......... ......... ........."),
        ([(1.5, 1.5)], 1.5, "###...... ###...... ###...... ......... ......... ......... ........."),
        ([(2.5, 3.5), (6.5, 3.5)], 1, "......... ......... ..#####.. .#######. ..#####.. ......... ........."),
        ([(0, 0)], 1, "#........ ......... ......... ......... ......... ......... ........."),
        ([(-3, 3.5), (40, 3.5)], 0.5, "......... ......... ......... ######### ......... ......... ........."),
        ([(-5, -5), (-9, 2)], 2, "......... ......... ......... ......... ......... ......... ........."),
    ],
)
def test_a_stroke_covers_the_pixels_whose_centres_it_reaches(points, radius, expected):
    assert np.array_equal(edits.paint(EMPTY, points, radius), grid(expected))
    assert np.array_equal(edits.paint(~EMPTY, points, radius, erase=True), ~grid(expected))


def test_a_corner_is_round():
    painted = edits.paint(EMPTY, [(1.5, 1.5), (6.5, 1.5), (6.5, 5.5)], 0.7)
    assert np.array_equal(painted, grid("......... .######.. ......#.. ......#.. ......#.. ......#.. ........."))


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(1, 1), (4, 1), (4, 3), (1, 3)], "......... .###..... .###..... ......... ......... ......... ........."),
        ([(1, 1), (1, 3), (4, 3), (4, 1)], "......... .###..... .###..... ......... ......... ......... ........."),
        ([(0, 0), (7, 0), (0, 7)], "######... #####.... ####..... ###...... ##....... #........ ........."),
        ([(-5, 2), (50, 2), (50, 4), (-5, 4)], "......... ......... ######### ######### ......... ......... ........."),
        ([(1, 0), (3, 0), (3, 0.2), (1, 0.2)], "......... ......... ......... ......... ......... ......... ........."),
        # An hourglass: the crossing is a point.
        ([(1, 1), (7, 1), (1, 5), (7, 5)], "......... ..####... ...##.... ...##.... ..####... ......... ........."),
    ],
)
def test_a_polygon_covers_the_centres_inside(points, expected):
    assert np.array_equal(edits.fill_polygon(EMPTY, points), grid(expected))
    assert np.array_equal(edits.fill_polygon(~EMPTY, points, erase=True), ~grid(expected))


def test_where_a_polygon_runs_around_twice_it_is_outside():
    square = [(1, 1), (6, 1), (6, 6), (1, 6)]
    inner = [(3, 3), (5, 3), (5, 5), (3, 5)]
    filled = edits.fill_polygon(EMPTY, [*square, square[0], *inner, inner[0], square[0]])
    assert np.array_equal(filled, grid("......... .#####... .#####... .##..#... .##..#... .#####... ........."))


def test_pieces_come_by_size_and_touch_by_corners():
    mask = grid("##..#.... #...##... .#..#.... ........# .........")
    pieces = [piece.to_mask() for piece in edits.split(mask)]
    assert [int(piece.sum()) for piece in pieces] == [4, 4, 1]
    assert np.array_equal(np.logical_or.reduce(pieces), mask)
    assert edits.split(EMPTY) == []
    assert [piece.area for piece in edits.split(mask, 1)] == [piece.sum() for piece in pieces[:2]]


def test_holes_are_filled_up_to_their_area():
    mask = grid("####### #.##..# ####### #.#####")
    assert np.array_equal(edits.fill_holes(mask, 1), grid("####### ####..# ####### #.#####"))
    assert np.array_equal(edits.fill_holes(mask), grid("####### ####### ####### #.#####"))
    assert np.array_equal(edits.fill_holes(mask, 0), mask)
    assert not edits.fill_holes(EMPTY).any()


def test_islands_go_up_to_their_area_and_the_largest_stays():
    mask = grid("###..# ###... .....# ##...#")
    assert np.array_equal(edits.drop_islands(mask, 1), grid("###... ###... .....# ##...#"))
    assert np.array_equal(edits.drop_islands(mask), grid("###... ###... ...... ......"))
    assert np.array_equal(edits.drop_islands(mask, 0), mask)
    assert not edits.drop_islands(EMPTY).any()


def test_grow_and_shrink():
    mask = grid("......... ......... ......... ....#.... ......... ......... .........")
    diamond = grid("......... ......... ....#.... ...###... ....#.... ......... .........")
    assert np.array_equal(edits.grow(mask, 1), diamond)
    assert np.array_equal(edits.grow(mask, 1.5)[2:5, 3:6], np.ones((3, 3), bool))
    assert np.array_equal(edits.shrink(diamond, 1), mask)
    assert np.array_equal(edits.grow(mask, 0.9), mask)


@pytest.mark.parametrize("distance", [100, 1e9, 2**70, 1e308])
@pytest.mark.filterwarnings("error")
def test_any_distance_beyond_the_image_reaches_all_of_it(distance):
    mask = grid("..... ..#.. .....")
    assert edits.grow(mask, distance).all()
    assert not edits.shrink(mask, distance).any()
    assert edits.smooth(mask, distance).shape == mask.shape


def test_a_mask_at_the_border_of_the_image_stays_there():
    mask = grid("###.. ###.. ###..")
    assert np.array_equal(edits.shrink(mask, 1), grid("##... ##... ##..."))
    assert np.array_equal(edits.shrink(np.ones((3, 3), bool), 1), np.ones((3, 3), bool))
    assert np.array_equal(edits.smooth(np.ones((3, 4), bool), 2), np.ones((3, 4), bool))


def test_a_smooth_outline_has_no_spikes():
    mask = np.zeros((20, 20), bool)
    mask[8:, :] = True
    spike = mask.copy()
    spike[4:8, 10] = True
    spike[8:12, 4] = False
    smoothed = edits.smooth(spike, 4)
    assert not smoothed[:7].any()  # a slight bend of a pixel stays at its foot
    assert smoothed[9:].all()
    assert np.array_equal(edits.smooth(mask, 4), mask)
    assert np.array_equal(edits.smooth(spike, 0), spike)


@unhurried
@given(masks, strokes, distances)
def test_a_stroke_is_what_is_near_its_line(mask, points, radius):
    expected, is_close = near_line(mask.shape, points, radius)
    painted = edits.paint(mask, points, radius)
    assert np.array_equal(painted | is_close, mask | expected | is_close)
    erased = edits.paint(mask, points, radius, erase=True)
    assert np.array_equal(erased & ~is_close, mask & ~expected & ~is_close)


@unhurried
@given(masks, distances)
def test_growing_is_what_is_near_the_mask_and_shrinking_the_same_outside(mask, distance):
    expected = mask.copy()
    if distance > 0:
        for y, x in zip(*np.nonzero(mask), strict=True):
            expected |= np.hypot(*np.moveaxis(centres(mask.shape) - (x + 0.5, y + 0.5), -1, 0)) <= distance
    assert np.array_equal(edits.grow(mask, distance), expected)
    if mask.any():
        assert np.array_equal(edits.shrink(~mask, distance), ~expected if (~mask).any() else ~mask)


@unhurried
@given(masks)
def test_pieces_are_disjoint_and_together_the_mask(mask):
    pieces = [piece.to_mask() for piece in edits.split(mask)]
    assert np.array_equal(np.sum(pieces, axis=0) if pieces else np.zeros(mask.shape), mask)
    assert all(piece.any() for piece in pieces)


@unhurried
@given(masks, st.floats(0, 20))
def test_holes_and_islands_only_add_and_only_take(mask, area):
    assert (edits.fill_holes(mask, area) >= mask).all()
    assert (edits.drop_islands(mask, area) <= mask).all()
    assert edits.drop_islands(mask, area).any() == mask.any()


@unhurried
@given(masks, st.lists(st.tuples(st.floats(-1e308, 1e308), st.floats(-1e308, 1e308)), min_size=3, max_size=5))
@example(np.zeros((1, 1), bool), [(0.0, 0.0), (0.0, 0.0), (0.0, 2e-323)])  # an edge that is nearly level
def test_any_finite_numbers_draw_something(mask, points):
    edits.paint(mask, points, 1e308)
    edits.paint(mask, points, 5e-324)
    edits.fill_polygon(mask, points)


@unhurried
@given(masks, strokes, distances)
def test_no_edit_changes_its_mask(mask, points, number):
    before = mask.copy()
    edits.paint(mask, points, number)
    edits.fill_polygon(mask, points)
    for edit in (edits.fill_holes, edits.drop_islands, edits.smooth, edits.grow, edits.shrink):
        edit(mask, number)
    assert np.array_equal(mask, before)
