"""Clean-up of a network's masks, in the low-res logits: what comes out is logits again, and remains the one result."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from samwidget.core import EXCLUDE, INCLUDE, Frame, Prompt


def regions(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The connected regions of an (H, W) mask; pixels that share an edge are connected.

    Returns:
        (H, W) int32 region numbers from 1, 0 outside; and (R + 1,) int64 areas by number, pixels outside first.
    """
    numbers, count = ndimage.label(mask)
    return numbers, np.bincount(numbers.ravel(), minlength=count + 1)


# A hole or an island smaller than this share of the object is noise; larger ones may be a handle or a wheel.
_SMALL = 0.1
# How sure a flipped pixel is at least, so that one of exactly zero changes sides too.
_LEAST_LOGIT = np.float32(1e-3)


def clean(logits: npt.NDArray[np.float32], prompt: Prompt, frame: Frame) -> npt.NDArray[np.float32]:
    """(C, h, w) float32 logits of masks without stray islands and small holes.

    An island goes where other regions hold an included point and it holds none; where no region holds one, as with a
    box alone, it goes when it is small. A hole is filled when it is small and holds no excluded point. A pixel changes
    sides by changing its sign, so that it stays as far from the threshold as it was.

    Args:
        logits: (C, h, w) float32 over the frame's logits window.
        prompt: what was asked; its points are in image pixels.
        frame: ties the points to the logits.
    """
    included = _pixels(prompt.points_xy[prompt.labels == INCLUDE], frame)
    excluded = _pixels(prompt.points_xy[prompt.labels == EXCLUDE], frame)
    return np.stack([_clean_one(candidate, included, excluded) for candidate in logits])


def _clean_one(
    logits: npt.NDArray[np.float32], included: npt.NDArray[np.intp], excluded: npt.NDArray[np.intp]
) -> npt.NDArray[np.float32]:
    mask = logits > 0
    numbers, areas = regions(mask)
    if len(areas) == 1:  # an empty mask
        return logits
    areas[0] = 0
    chosen = _regions_at(numbers, included)
    keep = np.zeros(len(areas), np.bool_)
    if len(chosen):
        keep[chosen] = True
    else:
        keep = areas >= _SMALL * areas.max()
    keep[0] = False
    kept = keep[numbers]

    # Holes are regions of the outside that do not reach the border; padding makes the rest one region.
    hole_numbers, hole_areas = regions(np.pad(~kept, 1, constant_values=True))
    fill = hole_areas < _SMALL * int(np.count_nonzero(kept))
    fill[hole_numbers[0, 0]] = False
    fill[_regions_at(hole_numbers, excluded + 1)] = False
    fill[0] = False
    filled = fill[hole_numbers][1:-1, 1:-1]

    strength = np.maximum(np.abs(logits), _LEAST_LOGIT)
    return np.where(filled, strength, np.where(mask & ~kept, -strength, logits))


def _pixels(points_xy: npt.NDArray[np.float32], frame: Frame) -> npt.NDArray[np.intp]:
    """(N, 2) x, y of the logits that the points lie in."""
    height, width = frame.logits_hw
    return np.clip(np.floor(frame.image_to_logits(points_xy)).astype(np.intp), 0, (width - 1, height - 1))


def _regions_at(numbers: npt.NDArray[np.int32], pixels_xy: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
    """The regions under these pixels or next to them: a click on an outline means the region beside it."""
    found = [numbers[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].ravel() for x, y in pixels_xy]
    unique = np.unique(np.concatenate(found)) if found else np.zeros(0, numbers.dtype)
    return unique[unique > 0]
