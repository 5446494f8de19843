"""Overlap: how many pixels two masks share, counted in their runs. Pure numpy. Called by ``similar``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from samwidget.core import RunLengths


def shared_area(a: RunLengths, b: RunLengths) -> int:
    """Number of pixels that are in both masks, which have one size."""
    if a.box_xyxy is None or b.box_xyxy is None:
        return 0
    (a_x0, a_y0, a_x1, a_y1), (b_x0, b_y0, b_x1, b_y1) = a.box_xyxy, b.box_xyxy
    if a_x0 >= b_x1 or b_x0 >= a_x1 or a_y0 >= b_y1 or b_y0 >= a_y1:
        return 0
    height = a.size_hw[0]
    a_begins = a.columns.astype(np.int64) * height + a.tops
    b_begins = b.columns.astype(np.int64) * height + b.tops
    lengths = (b.bottoms - b.tops).astype(np.int64)
    before = np.cumsum(lengths) - lengths

    def pixels_below(positions: npt.NDArray[np.int64]) -> int:
        """Number of pixels of ``b`` before each position, summed; pixels are counted down one column after another."""
        index = np.searchsorted(b_begins, positions, side="right") - 1
        passed = np.clip(positions - b_begins[index], 0, lengths[index])
        return int(np.where(index < 0, 0, before[index] + passed).sum())

    return pixels_below(a_begins + (a.bottoms - a.tops)) - pixels_below(a_begins)


def iou(a: RunLengths, b: RunLengths) -> float:
    """Intersection over union of two masks of one size, 0 to 1; 1 where both are empty."""
    shared = shared_area(a, b)
    union = a.area + b.area - shared
    return shared / union if union else 1.0
