"""Polygons to masks: the pixels whose centres are inside.

Owns the rule. Readers of all formats that hold outlines call it; ``polygons`` goes the other way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from samwidget.core import RunLengths, Size
from samwidget.errors import FormatError

Ring = npt.NDArray[np.float64]
"""(N, 2) x, y in image pixels; the last corner is joined to the first."""

_CROSSINGS_MAX = 100_000_000  # of a mask: 3 GB while it is filled


def filled(polygons: Iterable[Sequence[Ring]], size_hw: Size) -> RunLengths:
    """The pixels whose centres are inside at least one of the polygons; what is outside the image is cut off.

    Args:
        polygons: each is a list of rings, of which even-odd decides: a ring inside another one is a hole.
        size_hw: height and width of the image.

    Raises:
        FormatError: the polygons have too many long edges.
    """
    spans = [_spans(rings, size_hw) for rings in polygons]
    if not spans:
        return RunLengths.joined([], size_hw)
    begins, ends = (np.concatenate(edges) for edges in zip(*spans, strict=True))
    return RunLengths.from_spans(begins, ends, size_hw)


def united(masks: Sequence[RunLengths], size_hw: Size) -> RunLengths:
    """The pixels that are in at least one of the masks, which have the size ``size_hw``."""
    if not masks:
        return RunLengths.joined([], size_hw)
    starts = [mask.columns.astype(np.int64) * size_hw[0] for mask in masks]
    begins = np.concatenate([start + mask.tops for start, mask in zip(starts, masks, strict=True)])
    ends = np.concatenate([start + mask.bottoms for start, mask in zip(starts, masks, strict=True)])
    return RunLengths.from_spans(begins, ends, size_hw)


def _spans(rings: Sequence[Ring], size_hw: Size) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Begins and ends of the pixels inside one polygon, counted down the columns."""
    height, width = size_hw
    starts = np.concatenate(rings)
    stops = np.concatenate([np.roll(ring, -1, 0) for ring in rings])
    # From left to right, so that an edge that is there and back has the same crossings twice, and they cancel.
    is_backward = stops[:, 0] < starts[:, 0]
    left, right = np.where(is_backward[:, None], stops, starts), np.where(is_backward[:, None], starts, stops)
    # An edge crosses the centres of the columns from its left end up to, and without, its right end.
    first = np.clip(np.ceil(left[:, 0] - 0.5), 0, width).astype(np.int64)
    count = np.clip(np.ceil(right[:, 0] - 0.5), 0, width).astype(np.int64) - first
    if count.sum() > _CROSSINGS_MAX:
        raise FormatError(f"the polygon crosses {count.sum()} columns of pixels", hint="give it fewer corners")
    edge = np.repeat(np.arange(len(count)), count)
    column = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    (x0, y0), (x1, y1) = left[edge].T, right[edge].T
    y = y0 + (column + 0.5 - x0) / (x1 - x0) * (y1 - y0)
    row = np.clip(np.ceil(y - 0.5), 0, height).astype(np.int64)
    flat = np.sort(column * (height + 1) + row)
    columns, rows = np.divmod(flat, height + 1)
    edges = columns * height + rows
    return edges[::2], edges[1::2]
