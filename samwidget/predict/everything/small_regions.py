"""Small holes and islands of finished masks, by pixels of the image: the ``min_mask_region_area`` of *everything*.

Not ``filters.clean``, which tidies the low-res logits of an answer and knows its points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from samwidget.core import RunLengths

# Pixels that touch by a corner are one region, as in the reference.
_EIGHT_NEIGHBOURS = np.ones((3, 3), np.bool_)


def without_small_regions(runs: RunLengths, area_min: int) -> RunLengths:
    """The mask with holes smaller than ``area_min`` pixels filled, then islands smaller than that removed.

    Where all islands are small the largest stays. A mask without small regions is returned itself.
    """
    if runs.box_xyxy is None:
        return runs
    x0, y0, x1, y1 = runs.box_xyxy
    height, width = runs.size_hw
    # Beyond the box all is background: on each side one line of pixels stands for all of it, unless that is so little
    # that it may count as a hole itself.
    left, right = (_margin(size, size * height, area_min) for size in (x0, width - x1))
    top, bottom = (_margin(size, size * width, area_min) for size in (y0, height - y1))
    mask = runs.moved(left - x0, top - y0, (top + y1 - y0 + bottom, left + x1 - x0 + right)).to_mask()
    rows, columns = np.ones(mask.shape[0]), np.ones(mask.shape[1])
    rows[0] += y0 - top
    rows[-1] += height - y1 - bottom
    columns[0] += x0 - left
    columns[-1] += width - x1 - right

    numbers, areas = _regions(~mask, np.outer(rows, columns))
    is_hole = areas < area_min
    is_hole[0] = False
    filled = mask | is_hole[numbers]
    numbers, areas = _regions(filled, None)
    stays = areas >= area_min
    if not is_hole.any() and stays[1:].all():
        return runs
    if not stays[1:].any():
        stays[1 + np.argmax(areas[1:])] = True
    stays[0] = False
    return RunLengths.from_mask(stays[numbers]).moved(x0 - left, y0 - top, runs.size_hw)


def _margin(size: int, area: int, area_min: int) -> int:
    return size if area < area_min else 1


def _regions(
    mask: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64] | None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[Any]]:
    """Region numbers (H, W) from 1, 0 outside, and the areas by number, (R + 1,), pixels weighted."""
    numbers, count = ndimage.label(mask, _EIGHT_NEIGHBOURS)
    weights = None if weights is None else weights.ravel()
    return numbers, np.bincount(numbers.ravel(), weights, minlength=count + 1)
