"""Outlines with few corners: exact where they must be, within the tolerance otherwise, and no piece or hole is lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samwidget.document import edits
from samwidget.document.polygons import EXACT, outlines_of, polygons_of, weighted

masks = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))
unhurried = settings(deadline=None)


def grid(text):
    return np.array([[character == "#" for character in line] for line in text.split()])


def disc(radius, size=64):
    ys, xs = np.mgrid[:size, :size]
    return np.hypot(xs + 0.5 - size / 2, ys + 0.5 - size / 2) <= radius


def corners(polygon):
    return {tuple(corner) for corner in polygon.tolist()}


def distance(point, polygon):
    """From the nearest edge of a polygon."""
    starts, ends = polygon, np.roll(polygon, -1, axis=0)
    along = ends - starts
    t = np.clip(((point - starts) * along).sum(1) / np.maximum(1e-300, (along**2).sum(1)), 0, 1)
    return np.hypot(*(point - starts - t[:, None] * along).T).min()


def test_an_outline_runs_through_the_middles_of_edges():
    (outline,) = outlines_of(grid("..... .##.. ....."))
    assert corners(outline) == {(1.5, 1), (2.5, 1), (3, 1.5), (2.5, 2), (1.5, 2), (1, 1.5)}


def test_at_the_border_an_outline_runs_along_it():
    (outline,) = outlines_of(np.ones((2, 3), bool))
    assert corners(outline) == {(0.5, 0), (2.5, 0), (3, 0.5), (3, 1.5), (2.5, 2), (0.5, 2), (0, 1.5), (0, 0.5)}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("... ... ...", 0),
        ("##. ##. ...", 1),
        ("### #.# ###", 2),
        ("#.# ... #.#", 4),
        ("#.. .#. ..#", 3),
        ("##### #...# #.#.# #...# #####", 3),
    ],
)
def test_each_piece_and_each_hole_has_an_outline(text, count):
    polygons = polygons_of(grid(text), tolerance=100)
    assert [len(polygon) for polygon in polygons] == [3] * count


@unhurried
@given(masks)
def test_without_a_tolerance_they_are_exactly_the_mask(mask):
    polygons = polygons_of(mask)
    assert np.array_equal(edits.from_polygons(mask.shape, polygons) if polygons else np.zeros_like(mask), mask)


def test_a_round_object_needs_few_corners_and_fewer_within_a_tolerance():
    mask = disc(28)
    counts = [len(polygons_of(mask, tolerance)[0]) for tolerance in (0, 1, 3, 12, 1000)]
    assert counts[0] < len(outlines_of(mask)[0]) / 2
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 3
    assert np.array_equal(edits.from_polygons(mask.shape, polygons_of(mask)), mask)


@unhurried
@given(masks, st.floats(0, 6))
def test_no_corner_of_an_outline_is_further_off_than_the_tolerance(mask, tolerance):
    for outline, polygon in zip(outlines_of(mask), polygons_of(mask, tolerance), strict=True):
        assert corners(polygon) <= corners(outline)
        assert max(distance(corner, polygon) for corner in outline) <= max(EXACT, tolerance) + 1e-9


@unhurried
@given(masks, st.floats(0, 6))
def test_the_corners_above_a_weight_are_those_within_the_tolerance(mask, tolerance):
    for outline, polygon in zip(outlines_of(mask), polygons_of(mask, tolerance), strict=True):
        all_corners = weighted(outline)
        assert np.array_equal(all_corners[all_corners[:, 2] > max(EXACT, tolerance), :2], polygon)


@pytest.mark.parametrize(
    ("polygons", "expected"),
    [
        ([[(1, 1), (4, 1), (4, 3), (1, 3)]], "..... .###. .###. ....."),
        ([[(0, 0), (5, 0), (5, 4), (0, 4)], [(1, 1), (4, 1), (4, 3), (1, 3)]], "##### #...# #...# #####"),
        ([[(0, 0), (2, 0), (2, 1), (0, 1)], [(3, 3), (9, 3), (9, 9), (3, 9)]], "##... ..... ..... ...##"),
        ([[(-9, -9), (-5, -9), (-5, -5)]], "..... ..... ..... ....."),
        # It crosses itself: an hourglass.
        ([[(0, 0), (5, 0), (0, 4), (5, 4)]], ".###. ..#.. ..#.. .###."),
        ([[(1, 1), (4, 1), (1, 1)]], "..... ..... ..... ....."),
    ],
)
def test_polygons_become_a_mask_by_the_even_odd_rule(polygons, expected):
    assert np.array_equal(edits.from_polygons((4, 5), polygons), grid(expected))


def test_more_outlines_than_are_wanted_are_left_out():
    mask = grid("#.#.# ..... #.#.#")
    assert [len(outlines_of(mask, count_max)) for count_max in (None, 6, 5, 2, 0)] == [6, 6, 6, 3, 1]
