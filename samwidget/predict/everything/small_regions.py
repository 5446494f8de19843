"""Removes small holes and islands of finished masks: the option ``min_mask_region_area`` of *everything*.

Sizes are in image pixels. ``predict/cleanup`` does a similar thing to low-res logits, where the prompt's points decide.
Source: ``remove_small_regions`` in ``segment_anything/utils/amg.py``; the tests compare with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from samwidget.core import FoundObject, RunLengths, connected_regions
from samwidget.models import run_in_threads
from samwidget.predict.everything.nms import suppress_overlaps


def without_small_regions(
    objects: Sequence[FoundObject], area_min: int, iou_max: float, threads: int
) -> list[FoundObject]:
    """The objects without small regions; of those that are the same then, one. Unchanged ones are not copied.

    Args:
        objects: the best first.
        area_min: as for ``remove_small_regions``.
        iou_max: of objects whose boxes overlap by more than this IoU, the first is kept, and unchanged ones first.
        threads: how many CPU threads compute.
    """

    def mended(item: FoundObject) -> FoundObject:
        run_lengths = remove_small_regions(item.run_lengths, area_min)
        return item if run_lengths is item.run_lengths else replace(item, run_lengths=run_lengths, candidate=None)

    pairs = list(zip(objects, run_in_threads(mended, objects, threads), strict=True))
    unchanged = [new for old, new in pairs if new is old]
    # As in the reference, unchanged masks rank first.
    return suppress_overlaps([*unchanged, *(new for old, new in pairs if new is not old)], iou_max)


def remove_small_regions(run_lengths: RunLengths, area_min: int) -> RunLengths:
    """The mask with holes smaller than ``area_min`` pixels filled, then islands smaller than that removed.

    If all islands are small, the largest stays. A mask without small regions is returned itself, not copied.
    """
    if run_lengths.box_xyxy is None:
        return run_lengths
    x0, y0, x1, y1 = run_lengths.box_xyxy
    height, width = run_lengths.size_hw
    # Beyond the mask's box there is only background. So only the box and a margin of one pixel on each side are
    # computed, and a pixel of the margin weighs as much as all the background that it stands for. Where the background
    # on a side is so small that it may count as a hole, the margin is the whole side.
    left, right = (_margin(size, size * height, area_min) for size in (x0, width - x1))
    top, bottom = (_margin(size, size * width, area_min) for size in (y0, height - y1))
    mask = run_lengths.moved(left - x0, top - y0, (top + y1 - y0 + bottom, left + x1 - x0 + right)).to_mask()
    row_weights, column_weights = np.ones(mask.shape[0], np.int64), np.ones(mask.shape[1], np.int64)
    row_weights[0] += y0 - top
    row_weights[-1] += height - y1 - bottom
    column_weights[0] += x0 - left
    column_weights[-1] += width - x1 - right

    # As in the reference, pixels that touch by a corner are connected.
    numbers, areas = connected_regions(~mask, diagonal=True, weights=np.outer(row_weights, column_weights))
    is_hole = areas < area_min
    is_hole[0] = False
    filled = mask | is_hole[numbers]
    numbers, areas = connected_regions(filled, diagonal=True)
    stays = areas >= area_min
    if not is_hole.any() and stays[1:].all():
        return run_lengths
    if not stays[1:].any():
        stays[1 + np.argmax(areas[1:])] = True
    stays[0] = False
    return RunLengths.from_mask(stays[numbers]).moved(x0 - left, y0 - top, run_lengths.size_hw)


def _margin(size: int, area: int, area_min: int) -> int:
    """Pixels to compute on one side of the box: all of them if they may be a hole, else one."""
    return size if area < area_min else 1
