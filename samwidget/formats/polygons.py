"""Polygons: masks as outlines along the edges of their pixels, for formats that have no run lengths.

Owns the outlines; writers of formats call it. ``filled`` makes exactly the same mask of them again. There are three
forms, for what formats can hold:

- ``mask_polygons``: rings without holes, as in COCO and LabelMe. A region with holes is cut through them. The polygons
  cover exactly the pixels of the mask, no two overlap, and none touches itself.
- ``mask_regions``: a ring and its holes for each region, as in GeoJSON.
- ``joined_ring``: one ring through everything, as in YOLO.

All of it is made of the run lengths: the pixels of a large mask would take a hundred times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from samwidget.core import RunLengths

Ring = npt.NDArray[np.int64]
"""(N, 2) x, y of the corners of an outline, not closed."""

_BOTTOM_LEFT = 2  # of the corners of a run, 0 to 3: top left, top right, bottom left, bottom right


def mask_polygons(mask: npt.NDArray[np.bool_] | RunLengths) -> list[list[int]]:
    """The polygons of an (H, W) bool mask, each a flat list ``x0, y0, x1, y1, ...``, not closed.

    Coordinates are image pixels, whole numbers: pixel (0, 0) is the square from (0, 0) to (1, 1). An empty mask has no
    polygons.
    """
    runs = mask if isinstance(mask, RunLengths) else RunLengths.from_mask(mask)
    return [ring.reshape(-1).tolist() for ring in _rings_without_holes(runs)]


def mask_regions(mask: RunLengths) -> list[list[Ring]]:
    """The regions of a mask, connected by edges of pixels: the outline of each, and then those of its holes.

    No outline crosses itself or another one; a hole may touch the outline of its region at a corner.
    """
    outlines = _outlines(mask)
    if not outlines.holes and not outlines.touch:
        return [[ring] for ring in outlines.rings]
    parts = [_outlines(region) for region in _regions(mask)]
    return [[*part.rings, *part.holes] for part in parts]


def joined_ring(rings: list[Ring]) -> Ring:
    """One ring through all rings, which is joined to each next one by a line there and back.

    By even-odd it has the same pixels as all the rings: the line has no area.
    """
    from scipy.spatial import cKDTree  # 0.1 s to import

    path = rings[0]
    for ring in rings[1:]:
        distances, nearest = cKDTree(path).query(ring)
        start = int(distances.argmin())
        end = int(nearest[start])
        around = np.roll(ring, -start, 0)
        path = np.concatenate([path[: end + 1], around, around[:1], path[end:]])
    return path


@dataclass(frozen=True)
class _Outlines:
    """The outlines of a mask, each from its first corner in the first row, and to the right.

    Attributes:
        rings: of the regions, from top to bottom by their first corners. Of regions that touch at a corner they are
            one, so such regions belong apart.
        holes: in them. What is outside and connected with the outside only by a corner is a hole, too.
        touch: whether two outlines, or one with itself, touch at a corner.
    """

    rings: list[Ring]
    holes: list[Ring]
    touch: bool


def _rings_without_holes(runs: RunLengths) -> Iterator[Ring]:
    """Rings that do not touch themselves; regions with holes are cut into an upper and a lower part."""
    outlines = _outlines(runs)
    if not outlines.holes and not outlines.touch:
        yield from outlines.rings
        return
    regions = _regions(runs) if outlines.touch or len(outlines.rings) > 1 else [runs]
    if len(regions) > 1:
        for region in regions:
            yield from _rings_without_holes(region)
        return
    # A cut in or above the middle row of a hole opens it; about half of the holes lie on each side.
    rows = sorted(int(ring[:, 1].min() + ring[:, 1].max() - 1) // 2 for ring in outlines.holes)
    row = rows[len(rows) // 2]
    for inside, top, bottom in ((runs.tops < row, 0, row), (runs.bottoms > row, row, runs.size_hw[0])):
        tops, bottoms = np.maximum(runs.tops[inside], top), np.minimum(runs.bottoms[inside], bottom)
        yield from _rings_without_holes(RunLengths(runs.size_hw, runs.columns[inside], tops, bottoms))


def _outlines(runs: RunLengths) -> _Outlines:
    """All outlines of a mask."""
    if runs.area == 0:
        return _Outlines([], [], False)
    columns, tops, bottoms = (array.astype(np.int64) for array in (runs.columns, runs.tops, runs.bottoms))
    stride = runs.size_hw[0] + 1
    left, right = columns * stride, (columns + 1) * stride
    # The corners of the runs by their points, which are numbered down the columns.
    corners = np.concatenate(
        [4 * (left + tops), 4 * (right + tops) + 1, 4 * (left + bottoms) + 2, 4 * (right + bottoms) + 3]
    )
    corners.sort()
    is_shared = corners[1:] >> 2 == corners[:-1] >> 2
    # Where two runs begin, or end, side by side, the outline goes straight on.
    is_straight = is_shared & ((corners[1:] ^ corners[:-1]) == 1)
    turns = corners[~(np.append(is_straight, False) | np.append(False, is_straight))]
    kinds = turns & 3
    x, y = np.divmod(turns >> 2, stride)
    # Where two pixels have only a corner in common, it is there twice: in a column once for the edge above and once for
    # the one below, in a row once for the left and once for the right. In this order the outline keeps both pixels on
    # its inner side, so that what is outside comes apart.
    by_row = np.lexsort(((kinds - 1) & 3, x, y))
    points, is_hole = np.stack([x, y], 1)[by_row], (kinds == _BOTTOM_LEFT)[by_row]
    outlines = _Outlines([], [], bool((is_shared & ~is_straight).any()))
    for order in _followed(by_row):
        (outlines.holes if is_hole[order[0]] else outlines.rings).append(points[order])
    return outlines


def _followed(by_row: npt.NDArray[np.intp]) -> Iterator[list[int]]:
    """The corners of each outline in their order, as numbers in the order of the rows.

    In a column the first and the second corner are the ends of one edge, the third and the fourth of another; so in a
    row.

    Args:
        by_row: (N,) in the order of the rows, the number of each corner in the order of the columns.
    """
    by_column = np.empty_like(by_row)
    by_column[by_row] = np.arange(len(by_row))
    along_column = np.empty_like(by_row)
    along_column[by_column] = by_column.reshape(-1, 2)[:, ::-1].reshape(-1)
    next_in_column: list[int] = along_column.tolist()  # a list is faster to follow than an array
    is_visited = bytearray(len(next_in_column))
    for start in range(0, len(next_in_column), 2):
        order: list[int] = []
        current = start
        while not is_visited[current]:
            partner = current ^ 1
            order += (current, partner)
            is_visited[current] = is_visited[partner] = 1
            current = next_in_column[partner]
        if order:
            yield order


def _regions(runs: RunLengths) -> list[RunLengths]:
    """The regions of a mask, connected by edges of pixels, by their first pixels from top to bottom."""
    columns, tops, bottoms = (array.astype(np.int64) for array in (runs.columns, runs.tops, runs.bottoms))
    stride = runs.size_hw[0] + 1
    here, right = columns * stride, (columns + 1) * stride
    # The runs of the next column that have a row in common with each run.
    first = np.searchsorted(here + bottoms, right + tops, side="right")
    count = np.maximum(np.searchsorted(here + tops, right + bottoms, side="left") - first, 0)
    run = np.repeat(np.arange(len(columns)), count)
    neighbour = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count) + first[run]
    numbers = np.array(_joined_numbers(len(columns), run.tolist(), neighbour.tolist()))
    by_pixel = np.lexsort((columns, tops))
    members = [numbers == number for number in dict.fromkeys(numbers[by_pixel].tolist())]
    return [RunLengths(runs.size_hw, runs.columns[m], runs.tops[m], runs.bottoms[m]) for m in members]


def _joined_numbers(count: int, firsts: list[int], seconds: list[int]) -> list[int]:
    """A number for each of ``count`` runs: two that are joined, also through others, have the same."""
    numbers = list(range(count))  # of a run that is joined to this one; its own where it is the first

    def first_of(run: int) -> int:
        while numbers[run] != run:
            numbers[run] = numbers[numbers[run]]
            run = numbers[run]
        return run

    for pair in zip(firsts, seconds, strict=True):
        first, second = map(first_of, pair)
        numbers[max(first, second)] = min(first, second)
    return [first_of(run) for run in range(count)]
