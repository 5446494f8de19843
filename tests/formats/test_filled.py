"""Polygons to masks, and outlines of masks back to the same masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from samwidget.core import RunLengths
from samwidget.errors import FormatError
from samwidget.formats.filled import filled, united
from samwidget.formats.polygons import joined_ring, mask_polygons, mask_regions
from tests.formats.masks import PICTURE, mask_of

EIGHTHS = st.integers(-40, 120).map(lambda number: number / 8)
MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12))


def rows_of(polygons, size_hw):
    mask = filled([[np.array(ring, float) for ring in rings] for rings in polygons], size_hw).to_mask()
    return ["".join(".#"[int(pixel)] for pixel in row) for row in mask]


@pytest.mark.parametrize(
    ("polygons", "rows"),
    [
        ([], ["....", "....", "...."]),
        ([[[(1, 0), (3, 0), (3, 2), (1, 2)]]], [".##.", ".##.", "...."]),
        ([[[(1.4, 0), (3.4, 0), (3.4, 2), (1.4, 2)]]], [".##.", ".##.", "...."]),  # centres decide
        ([[[(-9, -9), (99, -9), (99, 1), (-9, 1)]]], ["####", "....", "...."]),  # cut at the border
        ([[[(0, 0), (4, 0), (4, 3), (0, 3)], [(1, 1), (3, 1), (3, 2), (1, 2)]]], ["####", "#..#", "####"]),  # a hole
        ([[[(0, 0), (2, 0), (2, 2), (0, 2)]], [[(1, 0), (4, 0), (4, 1), (1, 1)]]], ["####", "##..", "...."]),  # both
        ([[[(0, 0), (4, 0), (0, 4)]]], ["###.", "##..", "#..."]),  # a triangle
        ([[[(1, 1), (1, 1), (1, 1)]]], ["....", "....", "...."]),
    ],
)
def test_small_polygons(polygons, rows):
    assert rows_of(polygons, (3, 4)) == rows


@settings(deadline=None)
@given(MASKS)
def test_all_outlines_are_exactly_the_mask(mask):
    runs = RunLengths.from_mask(mask)
    regions = mask_regions(runs)
    rings = [ring for region in regions for ring in region]
    forms = [
        [[np.reshape(polygon, (-1, 2)).astype(float)] for polygon in mask_polygons(runs)],
        [[ring.astype(float) for ring in region] for region in regions],
        [[joined_ring(rings).astype(float)]] if rings else [],
    ]
    for polygons in forms:
        np.testing.assert_array_equal(filled(polygons, mask.shape).to_mask(), mask)


def test_regions_by_eye():
    regions = mask_regions(RunLengths.from_mask(mask_of("###.", "#.#.", "###.", "...#")))
    assert [[ring.tolist() for ring in region] for region in regions] == [
        [[[0, 0], [3, 0], [3, 3], [0, 3]], [[1, 1], [2, 1], [2, 2], [1, 2]]],
        [[[3, 3], [4, 3], [4, 4], [3, 4]]],
    ]


def test_one_ring_goes_there_and_back():
    rings = [ring for region in mask_regions(RunLengths.from_mask(mask_of("#.#"))) for ring in region]
    assert joined_ring(rings).tolist() == [
        [0, 0], [1, 0], [2, 0], [3, 0], [3, 1], [2, 1], [2, 0], [1, 0], [1, 1], [0, 1],
    ]  # fmt: skip


@settings(deadline=None)
@given(MASKS)
def test_regions_are_valid_polygons(mask):
    shapely = pytest.importorskip("shapely")
    for outline, *holes in mask_regions(RunLengths.from_mask(mask)):
        assert shapely.is_valid(shapely.Polygon(outline, holes))


def test_regions_of_the_hard_mask_are_valid_by_their_areas():
    area = 0.0
    for outline, *holes in mask_regions(RunLengths.from_mask(mask_of(*PICTURE))):
        areas = [
            abs(np.sum(ring[:, 0] * np.roll(ring[:, 1], -1) - ring[:, 1] * np.roll(ring[:, 0], -1))) / 2
            for ring in (outline, *holes)
        ]
        area += areas[0] - sum(areas[1:])
    assert area == mask_of(*PICTURE).sum()


@given(st.lists(st.tuples(EIGHTHS, EIGHTHS), min_size=3, max_size=7))
def test_any_polygon_has_the_pixels_whose_centres_are_inside(corners):
    area = filled([[np.array(corners)]], (8, 9)).to_mask()
    y, x = np.mgrid[:8, :9] + 0.5
    # Even-odd by hand: edges that a ray to the right crosses.
    expected = np.zeros((8, 9), bool)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (x0, y0) > (x1, y1):
            (x0, y0), (x1, y1) = (x1, y1), (x0, y0)
        if x0 != x1:
            is_crossed = (x0 <= x) & (x < x1)
            expected ^= is_crossed & (y0 + (x - x0) / (x1 - x0) * (y1 - y0) <= y)
    np.testing.assert_array_equal(area, expected)


@given(st.lists(arrays(np.bool_, (4, 5)), max_size=3))
def test_masks_are_united(masks):
    union = united([RunLengths.from_mask(mask) for mask in masks], (4, 5))
    np.testing.assert_array_equal(union.to_mask(), np.any([np.zeros((4, 5), bool), *masks], axis=0))


def test_a_polygon_that_would_fill_the_memory_is_refused():
    ring = np.tile([[0.0, 0.0], [20_000.0, 1.0]], (4000, 1))
    with pytest.raises(FormatError, match="columns of pixels"):
        filled([[ring]], (10, 20_000))
