"""Polygons: masks as outlines along the edges of their pixels, for formats that have no run lengths.

Owns the outlines; writers of formats call it. ``filled`` makes exactly the same mask of them again. There are three
forms, for what formats can hold:

- ``mask_polygons``: rings without holes, as in COCO and LabelMe. A region with holes is cut through them. The polygons
  cover exactly the pixels of the mask, no two overlap, and none touches itself.
- ``mask_regions``: a ring and its holes for each region, as in GeoJSON.
- ``joined_ring``: one ring through everything, as in YOLO.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from samwidget.core import RunLengths

Ring = npt.NDArray[np.int64]
"""(N, 2) x, y of the corners of an outline, not closed."""

_Window = tuple[slice, slice]


def mask_polygons(mask: npt.NDArray[np.bool_] | RunLengths) -> list[list[int]]:
    """The polygons of an (H, W) bool mask, each a flat list ``x0, y0, x1, y1, ...``, not closed.

    Coordinates are image pixels, whole numbers: pixel (0, 0) is the square from (0, 0) to (1, 1). An empty mask has no
    polygons.
    """
    pixels, x, y = _cropped(mask)
    regions = _regions_without_holes(pixels, x, y)
    return [(_outline(region) + np.array([left, top])).reshape(-1).tolist() for region, left, top in regions]


def mask_regions(mask: RunLengths) -> list[list[Ring]]:
    """The regions of a mask, connected by edges of pixels: the outline of each, and then those of its holes.

    No outline crosses itself or another one; a hole may touch the outline of its region at a corner.
    """
    pixels, left, top = _cropped(mask)
    numbers, windows = _connected(pixels)
    return [
        [
            ring + np.array([left + window[1].start, top + window[0].start])
            for ring in _outlines(numbers[window] == number)
        ]
        for number, window in enumerate(windows, 1)
    ]


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


def _cropped(mask: npt.NDArray[np.bool_] | RunLengths) -> tuple[npt.NDArray[np.bool_], int, int]:
    """The part of a mask that has pixels, with its position in the image."""
    runs = mask if isinstance(mask, RunLengths) else RunLengths.from_mask(mask)
    x0, y0, x1, y1 = runs.box_xyxy or (0, 0, 1, 1)
    return runs.moved(-x0, -y0, (y1 - y0, x1 - x0)).to_mask(), x0, y0


def _outlines(region: npt.NDArray[np.bool_]) -> Iterator[Ring]:
    """The outline of a connected region, and then those of its holes."""
    numbers, windows = _connected(~np.pad(region, 1))
    outside = numbers[0, 0]
    yield _outline((numbers != outside)[1:-1, 1:-1])
    for number, window in enumerate(windows, 1):
        if number != outside:
            yield _outline(numbers[window] == number) + np.array([window[1].start - 1, window[0].start - 1])


def _regions_without_holes(
    mask: npt.NDArray[np.bool_], left: int, top: int
) -> Iterator[tuple[npt.NDArray[np.bool_], int, int]]:
    """The regions of a mask, connected by edges of pixels, with the position of each in the image."""
    numbers, windows = _connected(mask)
    for number, window in enumerate(windows, 1):
        region = numbers[window] == number
        x, y = left + window[1].start, top + window[0].start
        row = _row_through_holes(region)
        if row is None:
            yield region, x, y
        else:
            yield from _regions_without_holes(region[:row], x, y)
            yield from _regions_without_holes(region[row:], x, y + row)


def _row_through_holes(region: npt.NDArray[np.bool_]) -> int | None:
    """The row above which to cut a region, so that about half of its holes lie on each side; None without holes.

    A part of the background that touches the outside only at a corner is a hole, too: else the outline would touch
    itself there.
    """
    numbers, windows = _connected(~np.pad(region, 1))
    holes = [window for number, window in enumerate(windows, 1) if number != numbers[0, 0]]
    if not holes:
        return None
    # In rows of the padded region; a cut in or above the middle row of a hole opens it.
    middles = sorted((window[0].start + window[0].stop - 1) // 2 for window in holes)
    return int(middles[len(middles) // 2]) - 1


def _connected(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int32], list[_Window]]:
    """The number of the region of each pixel, from 1, 0 outside the mask; and the window around each region."""
    from scipy import ndimage  # 0.1 s to import, which requests and responses do not need

    numbers, _ = ndimage.label(mask)
    return numbers, ndimage.find_objects(numbers)


def _outline(region: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """(N, 2) x, y of the corners of a region without holes, in their order along its outline."""
    padded = np.pad(region, 1).astype(np.uint8)
    inside = padded[:-1, :-1] + padded[:-1, 1:] + padded[1:, :-1] + padded[1:, 1:]
    # Where one or three of the four pixels around a point are inside, the outline turns. Within a row of such points
    # the first and the second are the ends of one edge, the third and the fourth of another; so in a column.
    y, x = np.nonzero(inside % 2)
    along_row = np.arange(len(x)).reshape(-1, 2)[:, ::-1].reshape(-1)
    by_column = np.lexsort((y, x))
    along_column = np.empty_like(along_row)
    along_column[by_column] = by_column.reshape(-1, 2)[:, ::-1].reshape(-1)
    next_in_row, next_in_column = along_row.tolist(), along_column.tolist()  # lists are faster to follow than arrays
    order: list[int] = []
    current = 0
    while len(order) < len(x):
        partner = next_in_row[current]
        order += (current, partner)
        current = next_in_column[partner]
    return np.stack([x[order], y[order]], 1)
