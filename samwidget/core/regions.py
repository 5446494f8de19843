"""Connected regions of a mask.

``predict.cleanup`` asks for those of low-res logits; ``small_regions`` and ``document.edits`` for those of image
pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Pixels that share an edge are connected; or those, too, that share only a corner.
_FOUR_NEIGHBOURS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.bool_)
_EIGHT_NEIGHBOURS = np.ones((3, 3), np.bool_)


def connected_regions(
    mask: npt.NDArray[np.bool_], *, diagonal: bool = False, weights: npt.NDArray[np.int64] | None = None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The number of the region at each pixel, and the area of each region.

    Args:
        mask: (H, W) bool.
        diagonal: whether pixels that touch only by a corner are connected.
        weights: (H, W) int64, how many pixels each pixel stands for; None counts each pixel once.

    Returns:
        (H, W) int32 region numbers from 1, with 0 outside the mask; and (R + 1,) int64 areas in pixels by region
        number, where entry 0 is the area outside the mask.
    """
    from scipy import ndimage  # 0.1 s to import, which a widget does not need to open

    numbers, count = ndimage.label(mask, _EIGHT_NEIGHBOURS if diagonal else _FOUR_NEIGHBOURS)
    flat_weights = None if weights is None else weights.ravel()
    # With weights, bincount returns float64, which holds integers up to 2**53 exactly.
    areas = np.bincount(numbers.ravel(), flat_weights, minlength=count + 1).astype(np.int64, copy=False)
    return numbers, areas
