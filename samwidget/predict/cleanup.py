"""Removes stray islands and fills small holes in the masks of a prompt, by changing their low-res logits.

The result is logits again, so everything that works on logits works on cleaned masks too. ``SamPredictor`` calls this
for each prompt where its option ``clean`` is on, and the evaluation in ``training`` does the same. Small regions of
finished masks, counted in image pixels, are removed by ``everything/small_regions``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.ndimage  # noqa: F401, connected_regions uses it: loaded with the model, so that no click waits for it

from samwidget.core import EXCLUDE, INCLUDE, Frame, Prompt, connected_regions

# An island or a hole is small below this share of the object's area. Larger ones may be a handle or a wheel.
_SMALL_SHARE = 0.1
# A hole in which a logit is this or less is no mistake, as the food on a plate: the network gives a pixel there a
# probability of 0.27 or less.
_SURE_LOGIT = -1.0
# The smallest absolute logit of a pixel that is changed, so that a logit of exactly 0 changes sides too.
_ABS_LOGIT_MIN = np.float32(1e-3)


def remove_islands_and_holes(logits: npt.NDArray[np.float32], prompt: Prompt, frame: Frame) -> npt.NDArray[np.float32]:
    """(C, h, w) float32 logits of the same candidates without stray islands and small holes.

    If any region of a mask contains an included point, all regions without one are removed. Otherwise, for example
    with a box alone, only small regions are removed. A hole is filled if it is small, contains no excluded point, and
    the network is not sure of it. The sign of a changed pixel's logit is flipped, so its distance from the threshold
    stays the same.

    Args:
        logits: (C, h, w) float32 low-res logits over the frame's logits window, one candidate each.
        prompt: the prompt that gave these candidates; its points are in image pixels.
        frame: ties image pixels to the logits.
    """
    included = _logit_pixels(prompt.points_xy[prompt.labels == INCLUDE], frame)
    excluded = _logit_pixels(prompt.points_xy[prompt.labels == EXCLUDE], frame)
    cleaned: npt.NDArray[np.float32] = logits.copy()
    for candidate in cleaned:
        # Beyond the mask nothing changes, and most masks are small.
        mask = candidate > 0
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        if len(rows):
            top, left = rows[0], columns[0]
            part = candidate[top : rows[-1] + 1, left : columns[-1] + 1]
            part[:] = _clean_candidate(part, included - (left, top), excluded - (left, top))
    return cleaned


def _clean_candidate(
    logits: npt.NDArray[np.float32], included: npt.NDArray[np.intp], excluded: npt.NDArray[np.intp]
) -> npt.NDArray[np.float32]:
    """The (h, w) logits of a mask that is not empty, cleaned. Points may lie beyond the array."""
    mask = logits > 0
    numbers, areas = connected_regions(mask)
    areas[0] = 0
    clicked = _regions_at(numbers, included)
    stays = np.zeros(len(areas), np.bool_)
    if len(clicked):
        stays[clicked] = True
    else:
        stays = areas >= _SMALL_SHARE * areas.max()
    stays[0] = False
    has_islands = np.count_nonzero(stays) < len(stays) - 1
    kept_mask = stays[numbers] if has_islands else mask

    # Holes are regions of the outside that do not reach the border. The margin joins all other regions of the outside
    # into the one at the corner.
    outside = np.ones((mask.shape[0] + 2, mask.shape[1] + 2), np.bool_)
    np.logical_not(kept_mask, out=outside[1:-1, 1:-1])
    hole_numbers, hole_areas = connected_regions(outside)
    if not has_islands and len(hole_areas) == 2:  # one region inside, and one outside: as most masks are
        return logits
    is_filled = hole_areas < _SMALL_SHARE * int(np.count_nonzero(kept_mask))
    is_filled[hole_numbers[0, 0]] = False
    is_filled[hole_numbers[1:-1, 1:-1][logits <= _SURE_LOGIT]] = False
    is_filled[_regions_at(hole_numbers, excluded + 1)] = False
    is_filled[0] = False
    filled = is_filled[hole_numbers][1:-1, 1:-1]

    strength = np.maximum(np.abs(logits), _ABS_LOGIT_MIN)
    return np.where(filled, strength, np.where(mask & ~kept_mask, -strength, logits))


def _logit_pixels(points_xy: npt.NDArray[np.float32], frame: Frame) -> npt.NDArray[np.intp]:
    """(N, 2) x, y of the logits that contain (N, 2) points in image pixels."""
    height, width = frame.logits_hw
    return np.clip(np.floor(frame.image_to_logits(points_xy)).astype(np.intp), 0, (width - 1, height - 1))


def _regions_at(numbers: npt.NDArray[np.int32], pixels_xy: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
    """Numbers of the regions at (N, 2) pixels or beside them: a click on an outline means the region next to it."""
    nearby = [numbers[max(0, y - 1) : max(0, y + 2), max(0, x - 1) : max(0, x + 2)].ravel() for x, y in pixels_xy]
    unique = np.unique(np.concatenate(nearby)) if nearby else np.zeros(0, numbers.dtype)
    return unique[unique > 0]
