"""Edits: what corrections do to the pixels of a mask. Pure functions of (H, W) bool masks; each returns a new one.

They know no object: ``widget.corrections`` reads the masks of objects and makes steps of the history of the results.
Points are x, y in image pixels, and a pixel belongs to a shape where its centre lies in it. All work is done in the
window around the object or the stroke, so that a stroke on a photo of 12 megapixels takes a few milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from samwidget.core import Box, RunLengths, Size, box_of, connected_regions

Pixels = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

# No image is as wide. Coordinates beyond it are drawn as if they lay there, so that no product overflows.
_FAR = 1e9
# Rows of shapes that are computed together: some 50 MB.
_SPANS_AT_A_TIME = 1_000_000


def paint(mask: Pixels, points_xy: npt.ArrayLike, radius: float, *, erase: bool = False) -> Pixels:
    """Returns the mask with a stroke of a round brush, or without it.

    Args:
        mask: (H, W) bool.
        points_xy: (N, 2) the stroke, straight from each point to the next; one point is a dot.
        radius: of the brush, in image pixels.
        erase: takes the stroke away instead.
    """
    points, radius = _nearer(points_xy), min(float(radius), _FAR)
    box = _box_around(points, radius, mask.shape)
    stroke = _in_stroke(points - box[:2], radius, _shape_of(box))
    return _combined(mask, box, stroke, erase)


def fill_polygon(mask: Pixels, points_xy: npt.ArrayLike, *, erase: bool = False) -> Pixels:
    """Returns the mask with the inside of a polygon, or without it. Where the polygon crosses itself, even-odd decides.

    Args:
        mask: (H, W) bool.
        points_xy: (N, 2) the corners in order; the last one is joined to the first.
        erase: takes the inside away instead.
    """
    points = _nearer(points_xy)
    box = _box_around(points, 0, mask.shape)
    inside = _in_polygons([points - box[:2]], _shape_of(box))
    return _combined(mask, box, inside, erase)


def from_polygons(size_hw: Size, polygons: Sequence[npt.ArrayLike]) -> Pixels:
    """Returns the (H, W) pixels inside polygons by the even-odd rule: one inside another is a hole.

    Args:
        size_hw: of the image.
        polygons: (N, 2) the corners of each; at least one polygon. ``polygons.polygons_of`` is the way back.
    """
    rings = [_nearer(polygon) for polygon in polygons]
    box = _box_around(np.concatenate(rings), 0, size_hw)
    inside = _in_polygons([ring - box[:2] for ring in rings], _shape_of(box))
    return _combined(np.zeros(size_hw, np.bool_), box, inside, erase=False)


def split(mask: Pixels, count_max: int | None = None) -> list[RunLengths]:
    """Returns the mask of each piece, the largest first. Pixels that touch only by a corner are one piece.

    Args:
        mask: (H, W) bool.
        count_max: after one more than these the others are left out; None returns all.
    """
    box = box_of(mask)
    if box is None:
        return []
    from scipy import ndimage  # 0.1 s to import, which a widget does not need to open

    numbers, areas = connected_regions(mask[_slices(box)], diagonal=True)
    windows = ndimage.find_objects(numbers)
    order = np.argsort(-areas[1:], kind="stable")[: None if count_max is None else count_max + 1]
    pieces = []
    for index in order.tolist():
        y, x = windows[index]
        piece = RunLengths.from_mask(numbers[y, x] == index + 1)
        pieces.append(piece.moved(box[0] + x.start, box[1] + y.start, (mask.shape[0], mask.shape[1])))
    return pieces


def fill_holes(mask: Pixels, area_max: float = math.inf) -> Pixels:
    """Returns the mask without holes of at most ``area_max`` pixels. A hole does not reach the border of the image."""
    box = box_of(mask)
    if box is None:
        return np.copy(mask)
    # The padding joins all other regions of the outside into the one at the corner.
    numbers, areas = connected_regions(np.pad(~mask[_slices(box)], 1, constant_values=True))
    is_hole = areas <= area_max
    is_hole[[0, numbers[0, 0]]] = False
    return _combined(mask, box, is_hole[numbers][1:-1, 1:-1], erase=False)


def drop_islands(mask: Pixels, area_max: float = math.inf) -> Pixels:
    """Returns the mask without pieces of at most ``area_max`` pixels; the largest piece always stays."""
    box = box_of(mask)
    if box is None:
        return np.copy(mask)
    numbers, areas = connected_regions(mask[_slices(box)], diagonal=True)
    is_island = areas <= area_max
    is_island[[0, 1 + np.argmax(areas[1:])]] = False
    return _combined(mask, box, is_island[numbers], erase=True)


def grow(mask: Pixels, distance: float) -> Pixels:
    """Returns the mask with all pixels that are at most ``distance`` away from it, between the centres of pixels."""
    box = box_of(mask)
    if box is None or distance <= 0:
        return np.copy(mask)
    wide = _wider(box, math.ceil(min(distance, _FAR)), mask.shape)
    return _combined(mask, wide, _near(mask[_slices(wide)], distance), erase=False)


def shrink(mask: Pixels, distance: float) -> Pixels:
    """Returns the mask without the pixels that are at most ``distance`` away from the outside.

    Nothing is outside beyond the border of the image: a mask that touches the border still touches it.
    """
    box = box_of(mask)
    if box is None or distance <= 0:
        return np.copy(mask)
    wide = _wider(box, 1, mask.shape)
    return _combined(mask, wide, _near(~mask[_slices(wide)], distance), erase=True)


def smooth(mask: Pixels, radius: float) -> Pixels:
    """Returns the mask with a smoother outline: bends narrower than ``radius`` go, and so do thinner parts and gaps.

    A pixel belongs to it where at least half of what is around it does, nearer pixels counting more. A stretch of the
    border of the image is no outline.
    """
    box = box_of(mask)
    if box is None or radius <= 0:
        return np.copy(mask)
    from scipy import ndimage  # 0.1 s to import, which a widget does not need to open

    reach = min(max(1, round(radius / 2)), max(mask.shape))
    wide = _wider(box, 2 * reach, mask.shape)
    share = mask[_slices(wide)].astype(np.float32)
    for _ in range(2):  # the second pass gives nearer pixels more weight
        share = ndimage.uniform_filter(share, 2 * reach + 1, mode="nearest")
    out: Pixels = mask.copy()
    out[_slices(wide)] = share > 0.5
    return out


def _combined(mask: Pixels, box: Box, shape: Pixels, erase: bool) -> Pixels:
    """Returns the mask with, or without, the pixels of a shape inside the box."""
    out: Pixels = mask.copy()
    part = out[_slices(box)]
    if erase:
        part &= ~shape
    else:
        part |= shape
    return out


def _near(mask: Pixels, distance: float) -> Pixels:
    """Returns the pixels that are at most ``distance`` away from the mask: a disc at each pixel of its edge."""
    surrounded = mask.copy()
    for axis in (surrounded, surrounded.T):
        source = mask if axis is surrounded else mask.T
        axis[1:] &= source[:-1]
        axis[:-1] &= source[1:]
    ys, xs = np.nonzero(mask & ~surrounded)
    distance = min(distance, _FAR)
    reach = min(math.floor(distance), max(mask.shape))
    steps = np.arange(-reach, reach + 1)
    half_widths = np.floor(np.sqrt(np.maximum(distance * distance - steps * steps, 0))).astype(np.intp)
    counts = np.zeros((mask.shape[0], mask.shape[1] + 1), np.int32)
    per_pass = max(1, _SPANS_AT_A_TIME // len(steps))
    for begin in range(0, len(ys), per_pass):
        y, x = ys[begin : begin + per_pass, None], xs[begin : begin + per_pass, None]
        _add_spans(counts, y + steps, x - half_widths, x + half_widths + 1)
    return mask | _covered(counts)


def _in_stroke(points: Points, radius: float, shape: Size) -> Pixels:
    """Returns the (h, w) pixels whose centres are at most ``radius`` away from the line through the points."""
    starts, ends = (points, points) if len(points) == 1 else (points[:-1], points[1:])
    low = np.minimum(starts[:, 1], ends[:, 1]) - radius
    high = np.maximum(starts[:, 1], ends[:, 1]) + radius
    counts = np.zeros((shape[0], shape[1] + 1), np.int32)
    for index, row in _rows_between(low, high, shape[0]):
        (ax, ay), (bx, by) = starts[index].T, ends[index].T
        y = np.asarray(row + 0.5, np.float64)
        # What lies within the radius of a segment is convex: a disc around each end, and two straight sides.
        left, right = np.full(len(row), np.inf), np.full(len(row), -np.inf)
        for x_end, y_end in ((ax, ay), (bx, by)):
            square = radius * radius - (y - y_end) ** 2
            half_width = np.sqrt(np.where(square >= 0, square, np.nan))
            left, right = np.fmin(left, x_end - half_width), np.fmax(right, x_end + half_width)
        length = np.hypot(bx - ax, by - ay)
        length[length == 0] = np.inf
        aside_x, aside_y = (ay - by) / length * radius, (bx - ax) / length * radius
        for sign in (1, -1):
            x = _crossing(ax + sign * aside_x, ay + sign * aside_y, bx + sign * aside_x, by + sign * aside_y, y)
            left, right = np.fmin(left, x), np.fmax(right, x)
        is_crossed = right >= left
        first = np.ceil(left[is_crossed] - 0.5).astype(np.intp)
        last = np.floor(right[is_crossed] - 0.5).astype(np.intp)
        _add_spans(counts, row[is_crossed], first, last + 1)
    return _covered(counts)


def _in_polygons(polygons: Sequence[Points], shape: Size) -> Pixels:
    """Returns the (h, w) pixels whose centres are inside the closed polygons, by the even-odd rule."""
    starts = np.concatenate(polygons)
    ends = np.concatenate([np.roll(points, -1, axis=0) for points in polygons])
    low, high = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    crossings = np.zeros((shape[0], shape[1] + 1), np.int32)
    for index, row in _rows_between(low, high, shape[0]):
        (ax, ay), (bx, by) = starts[index].T, ends[index].T
        y = np.asarray(row + 0.5, np.float64)
        # A corner on the line through the centres belongs to the edge below it alone, so that it counts once.
        is_crossed = (low[index] <= y) & (y < high[index])
        x = _crossing(ax, ay, bx, by, y)[is_crossed]
        column = np.clip(np.ceil(x - 0.5), 0, shape[1]).astype(np.intp)
        np.add.at(crossings, (row[is_crossed], column), 1)
    inside: Pixels = np.cumsum(crossings[:, :-1], axis=1, dtype=np.int32) % 2 == 1
    return inside


def _crossing(ax: Points, ay: Points, bx: Points, by: Points, y: Points) -> Points:
    """Returns the x at which each edge from a to b has the height y; NaN where it does not reach it or is level."""
    rise = by - ay
    with np.errstate(over="ignore"):  # infinity, of an edge that is nearly level, is above 1 too
        t = np.divide(y - ay, rise, out=np.full_like(rise, np.nan), where=rise != 0)
    t[(t < 0) | (t > 1)] = np.nan
    return np.asarray(ax + t * (bx - ax))


def _rows_between(
    low: Points, high: Points, height: int
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Yields (index, row) for each row whose centre is between ``low[index]`` and ``high[index]``, many at a time."""
    first = np.clip(np.ceil(low - 0.5), 0, height).astype(np.intp)
    counts = np.clip(np.floor(high - 0.5) + 1, 0, height).astype(np.intp) - first
    counts = np.maximum(counts, 0)
    per_pass = max(1, _SPANS_AT_A_TIME // max(1, int(counts.max(initial=0))))
    for begin in range(0, len(counts), per_pass):
        part = counts[begin : begin + per_pass]
        index = np.repeat(np.arange(begin, begin + len(part)), part)
        before = np.repeat(np.cumsum(part) - part, part)
        yield index, first[index] + np.arange(len(index)) - before


def _add_spans(counts: npt.NDArray[np.int32], rows: Indices, begins: Indices, ends: Indices) -> None:
    """Counts spans of pixels where they begin, and takes them off where they end; rows outside are left out."""
    height, width = counts.shape[0], counts.shape[1] - 1
    begins, ends = np.clip(begins, 0, width), np.clip(ends, 0, width)
    is_inside = (rows >= 0) & (rows < height) & (begins < ends)
    row = rows[is_inside] * (width + 1)
    flat = counts.reshape(-1)
    np.add.at(flat, row + begins[is_inside], 1)
    np.add.at(flat, row + ends[is_inside], -1)


def _covered(counts: npt.NDArray[np.int32]) -> Pixels:
    covered: Pixels = np.cumsum(counts[:, :-1], axis=1, dtype=np.int32) > 0
    return covered


def _nearer(points_xy: npt.ArrayLike) -> Points:
    return np.clip(np.asarray(points_xy, np.float64).reshape(-1, 2), -_FAR, _FAR)


def _box_around(points: Points, margin: float, size_hw: tuple[int, ...]) -> Box:
    """Returns the part of the image that the points reach; empty, at a corner of it, where they are all outside."""
    height, width = size_hw
    x0, y0 = np.clip(np.floor(points.min(0) - margin), 0, (width, height)).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(points.max(0) + margin), 0, (width, height)).astype(int).tolist()
    return (x0, y0, max(x0, x1), max(y0, y1))


def _wider(box: Box, margin: int, size_hw: tuple[int, ...]) -> Box:
    height, width = size_hw
    x0, y0, x1, y1 = box
    return (max(0, x0 - margin), max(0, y0 - margin), min(width, x1 + margin), min(height, y1 + margin))


def _slices(box: Box) -> tuple[slice, slice]:
    x0, y0, x1, y1 = box
    return slice(y0, y1), slice(x0, x1)


def _shape_of(box: Box) -> Size:
    return (box[3] - box[1], box[2] - box[0])
