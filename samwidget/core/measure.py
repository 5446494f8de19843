"""Measures of masks: box and overlap. Pure functions of arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def box_of(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """x0, y0, x1, y1 around the True pixels of an (H, W) mask, maximum exclusive; None where there are none."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        return None
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def iou(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """Intersection over union of two bool arrays of one shape; 1.0 where both are empty."""
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 1.0
