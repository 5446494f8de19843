"""Peaks: the places of a map to ask the model at. Pure numpy. Called by ``similar``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def smoothed(values: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    """(h, w) float32, smoothed by a Gaussian of ``sigma`` cells; beyond the border the values go on."""
    if sigma < 0.2:
        return values
    reach = max(1, round(3 * sigma))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    out = values.astype(np.float64)
    for axis in (0, 1):
        padded = np.pad(out, [(reach, reach) if side == axis else (0, 0) for side in (0, 1)], mode="edge")
        out = np.apply_along_axis(np.convolve, axis, padded, kernel, "valid")
    return out.astype(np.float32)


def enlarged(values: npt.NDArray[np.float32], factor: int) -> npt.NDArray[np.float32]:
    """(h * factor, w * factor) float32, interpolated linearly between the centres of the cells."""
    out = values
    for axis in (0, 1):
        count = out.shape[axis]
        positions = np.clip((np.arange(count * factor) + 0.5) / factor - 0.5, 0, count - 1)
        low = np.minimum(positions.astype(np.intp), max(count - 2, 0))
        high = np.minimum(low + 1, count - 1)
        share = (positions - low).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
        out = out.take(low, axis) * (1 - share) + out.take(high, axis) * share
    return out


def peaks(
    values: npt.NDArray[np.float32], distance: float, value_min: float, count_max: int
) -> npt.NDArray[np.float64]:
    """(N, 2) float64 x, y of the centres of the highest cells, the highest first, no two nearer than ``distance``.

    Args:
        values: (h, w).
        distance: in cells.
        value_min: cells below it are no peaks.
        count_max: the largest number of peaks.
    """
    left = values.copy()
    width = left.shape[1]
    reach = int(np.ceil(distance))
    offsets = np.arange(-reach, reach + 1)
    is_near = np.hypot.outer(offsets, offsets) < max(distance, 0.5)
    out: list[tuple[float, float]] = []
    for index in np.argsort(-values, axis=None, kind="stable"):
        y, x = divmod(int(index), width)
        if values[y, x] < value_min or len(out) == count_max:
            break
        if left[y, x] == -np.inf:
            continue
        out.append((x + 0.5, y + 0.5))
        top, first = max(0, y - reach), max(0, x - reach)
        part = left[top : y + reach + 1, first : x + reach + 1]
        part[is_near[top - y + reach :, first - x + reach :][: part.shape[0], : part.shape[1]]] = -np.inf
    return np.array(out, np.float64).reshape(-1, 2)
