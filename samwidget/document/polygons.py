"""Polygons: the outline of a mask as closed lines from corner to corner, in as many corners as are wanted.

Pure functions; ``edits.from_polygons`` is the way back. The outline of a piece and that of a hole are one array of
corners each: filled by the even-odd rule they are the mask. Corners are x, y in image pixels.

Outlines run through the middles of the edges between the pixels inside and those outside. The centre of every pixel is
more than ``EXACT`` away from them, so polygons that are off by no more are exactly the same mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from samwidget.core import box_of

Pixels = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

EXACT = 0.35
"""Image pixels; the middles of two edges of a pixel lie on a line that is 0.354 away from its centre."""


def polygons_of(mask: Pixels, tolerance: float = 0.0) -> list[Points]:
    """Returns the outlines of a mask in few corners; those of an empty mask are none.

    Each keeps at least three corners, however large the tolerance is: no piece and no hole goes.

    Args:
        mask: (H, W) bool.
        tolerance: how far the outlines may be off, image pixels. Up to ``EXACT`` they are exactly the mask.

    Returns:
        (N, 2) float64 corners of each outline, the first one not repeated.
    """
    return [weighted(outline, tolerance)[:, :2] for outline in outlines_of(mask)]


def weighted(outline: Points, tolerance: float = 0.0) -> Points:
    """Returns the corners of an outline, each with its weight: how far the outline would be off without it.

    The corners above a weight are those of ``polygons_of`` for this tolerance: one result has them for every tolerance.

    Args:
        outline: (N, 2) corners, as ``outlines_of`` returns them.
        tolerance: corners whose weight is not above it are left out, nor those not above ``EXACT``.

    Returns:
        (M, 3) float64 x, y, weight; the weight of three of them is infinity.
    """
    weights = _weights(outline, max(EXACT, tolerance))
    return np.column_stack([outline, weights])[weights > 0]


def outlines_of(mask: Pixels, count_max: int | None = None) -> list[Points]:
    """Returns each outline of a mask in all its corners: the first and last middle of each straight row of edges.

    Args:
        mask: (H, W) bool.
        count_max: after one more than these the others are left out; None returns all. A million take a minute.

    Returns:
        (N, 2) float64 x, y of each.
    """
    box = box_of(mask)
    if box is None:
        return []
    x0, y0, x1, y1 = box
    part = np.pad(mask[y0:y1, x0:x1], 1)
    above, below = part[:-1], part[1:]
    # An outline turns at a corner of pixels that one or three of its four pixels have. Where it has two that touch only
    # there, two outlines turn: such a corner is in the list twice.
    turns = above[:, :-1] ^ above[:, 1:] ^ below[:, :-1] ^ below[:, 1:]
    meets = (above[:, :-1] == below[:, 1:]) & (above[:, 1:] == below[:, :-1]) & (above[:, :-1] != above[:, 1:])
    y, x = np.nonzero(turns | meets)
    counts = 1 + meets[y, x]
    y, x = np.repeat(y, counts), np.repeat(x, counts)
    # In a row of corners the first and the second are the ends of one row of edges, the third and the fourth those of
    # the next; so in a column.
    along_row = np.arange(len(x)).reshape(-1, 2)[:, ::-1].reshape(-1)
    by_column = np.lexsort((y, x))
    along_column = np.empty_like(along_row)
    along_column[by_column] = by_column.reshape(-1, 2)[:, ::-1].reshape(-1)
    corners = np.stack([x + x0, y + y0], 1).astype(np.float64)
    rounds = _rounds(along_row.tolist(), along_column.tolist())
    return [_middles(corners[order]) for order in islice(rounds, None if count_max is None else count_max + 1)]


def _rounds(along_row: list[int], along_column: list[int]) -> Iterator[list[int]]:
    """Yields the corners of each outline in their order: along a row of edges, along a column, and so on."""
    is_left = bytearray(b"\1") * len(along_row)
    for start in range(len(along_row)):
        current, order = start, []
        while is_left[current]:
            other = along_row[current]
            is_left[current] = is_left[other] = 0
            order += [current, other]
            current = along_column[other]
        if order:
            yield order


def _middles(corners: Points) -> Points:
    """Returns the middles of the first and the last edge between each two corners; of a single edge its middle."""
    ends = np.roll(corners, -1, axis=0)
    half_edge = np.sign(ends - corners) / 2
    middles = np.stack([corners + half_edge, ends - half_edge], 1).reshape(-1, 2)
    return np.asarray(middles[(middles != np.roll(middles, 1, axis=0)).any(1)])


def _weights(outline: Points, least: float) -> Points:
    """Returns the weight of each corner of an (N, 2) closed line; 0 where it is not above ``least``.

    The corners above a weight are those that Ramer (1972) and Douglas and Peucker (1973) find for this tolerance: each
    part of the line is split at the corner furthest from the straight line between its ends, and each of the two again.
    All parts are split at once.
    """
    first = _furthest((outline - outline.mean(0)) ** 2)
    second = _furthest((outline - outline[first]) ** 2)
    third = int(np.argmax(_distances(outline, outline[first], outline[second])))
    count = len(outline)
    weights = np.zeros(count)
    starts = np.unique([first, second, third])
    weights[starts] = np.inf
    ends = np.append(starts[1:], starts[0] + count)
    limits = np.full(len(starts), np.inf)
    while len(starts):
        inner = ends - starts - 1
        has_inner = inner > 0
        starts, ends, limits, inner = starts[has_inner], ends[has_inner], limits[has_inner], inner[has_inner]
        if len(starts) == 0:
            break
        begins = np.cumsum(inner) - inner
        part = np.repeat(np.arange(len(starts)), inner)
        corner = starts[part] + 1 + np.arange(len(part)) - begins[part]
        off = _distances(outline[corner % count], outline[starts[part]], outline[ends[part] % count])
        most = np.maximum.reduceat(off, begins)
        is_furthest = np.flatnonzero(off == most[part])
        split = corner[is_furthest[np.unique(part[is_furthest], return_index=True)[1]]]
        limits = np.minimum(limits, most)
        is_split = limits > least
        split = split[is_split]
        weights[split % count] = limits[is_split]
        starts, ends = np.concatenate([starts[is_split], split]), np.concatenate([split, ends[is_split]])
        starts, ends = np.where(starts >= count, starts - count, starts), np.where(starts >= count, ends - count, ends)
        limits = np.concatenate([limits[is_split], limits[is_split]])
    return weights


def _furthest(squares: Points) -> int:
    return int(np.argmax(squares.sum(1)))


def _distances(points: Points, starts: Points, ends: Points) -> Points:
    """Returns the distance of each point from the straight line between two ends."""
    along = ends - starts
    length2 = (along**2).sum(-1)
    with np.errstate(invalid="ignore"):
        t = ((points - starts) * along).sum(-1) / length2
    t = np.clip(np.where(length2 > 0, t, 0), 0, 1)
    return np.asarray(np.hypot(*np.moveaxis(points - starts - t[..., None] * along, -1, 0)))
