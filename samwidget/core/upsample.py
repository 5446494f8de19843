"""Low-res logits to image pixels, on numpy alone. Owns the interpolation; which logits to show is its callers' affair.

The reference resizes twice: logits to the network's input, cut to the part the image fills, and that to the image, both
bilinear with ``align_corners=False`` and without antialiasing, also where they shrink. Both steps are linear and work
on each axis alone, so they compose to one small matrix per axis: the result is exact, and no picture of the input's
size is made in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
import numpy.typing as npt

from samwidget.core.frame import Frame

# Image rows made at a time: 64 rows of a 4000 pixel wide image are 1 MB, which stays in the processor's cache while it
# is compared with the threshold.
_ROWS_AT_A_TIME = 64


@dataclass(frozen=True, eq=False)
class _Band:
    """One axis of the interpolation: pixel i is the sum of ``weights[i, k] * logits[first[i] + k]``.

    Attributes:
        first: (N,) intp, not decreasing.
        weights: (N, K) float32, each row adds up to 1; K is 3 where both steps enlarge.
    """

    first: npt.NDArray[np.intp]
    weights: npt.NDArray[np.float32]

    def pixels_touched(self, low: int, high: int) -> slice:
        """The pixels that see any of the logits ``low`` to ``high``, both included."""
        width = self.weights.shape[1]
        return slice(
            int(np.searchsorted(self.first, low - width + 1, side="left")),
            int(np.searchsorted(self.first, high, side="right")),
        )

    def matrix(self, pixels: slice) -> tuple[slice, npt.NDArray[np.float32]]:
        """The logits that ``pixels`` see, and the (pixels, logits) float32 matrix between them."""
        first, weights = self.first[pixels], self.weights[pixels]
        low, high = int(first[0]), int(first[-1]) + weights.shape[1]
        matrix = np.zeros((len(first), high - low), np.float32)
        rows = np.arange(len(first))
        for k in range(weights.shape[1]):
            matrix[rows, first - low + k] = weights[:, k]
        return slice(low, high), matrix


def upsample(logits: npt.NDArray[np.float32], frame: Frame) -> npt.NDArray[np.float32]:
    """(H, W) float32 logits at the image's own size.

    Args:
        logits: (h, w) float32 low-res logits over the frame's logits window.
        frame: ties the logits to image pixels.

    Raises:
        ValueError: the logits are not of the frame's size.
    """
    rows, columns = _bands(logits, frame)
    seen_columns, column_matrix = columns.matrix(slice(None))
    wide = logits[:, seen_columns] @ column_matrix.T
    out = np.empty(frame.image_hw, np.float32)
    for start in range(0, len(out), _ROWS_AT_A_TIME):
        block = slice(start, min(start + _ROWS_AT_A_TIME, len(out)))
        seen_rows, row_matrix = rows.matrix(block)
        np.matmul(row_matrix, wide[seen_rows], out=out[block])
    return out


def upsample_mask(logits: npt.NDArray[np.float32], frame: Frame, threshold: float = 0.0) -> npt.NDArray[np.bool_]:
    """(H, W) bool, True where the logits at the image's own size exceed ``threshold``.

    The same as ``upsample(logits, frame) > threshold``, computed only in the rows and columns that a logit above the
    threshold can reach: interpolation never exceeds the values it mixes.

    Args:
        logits: (h, w) float32 low-res logits over the frame's logits window.
        frame: ties the logits to image pixels.
        threshold: a logit; 0 is the network's own.

    Raises:
        ValueError: the logits are not of the frame's size.
    """
    out = np.zeros(frame.image_hw, np.bool_)
    for y, x, values in upsampled_strips(logits, frame, threshold):
        np.greater(values, threshold, out=out[y, x])
    return out


def upsampled_extent(
    logits: npt.NDArray[np.float32], frame: Frame, threshold: float = 0.0
) -> tuple[int, tuple[int, int, int, int] | None]:
    """Pixels of ``upsample_mask``, and the box x0, y0, x1, y1 around them, maximum exclusive; (0, None) where none are.

    Args:
        logits: (h, w) float32 low-res logits over the frame's logits window.
        frame: ties the logits to image pixels.
        threshold: a logit.

    Raises:
        ValueError: the logits are not of the frame's size.
    """
    height, width = frame.image_hw
    area, rows, columns = 0, np.zeros(height, np.bool_), np.zeros(width, np.bool_)
    for y, x, values in upsampled_strips(logits, frame, threshold):
        inside = values > threshold
        area += int(np.count_nonzero(inside))
        rows[y] = inside.any(1)
        columns[x] |= inside.any(0)
    if area == 0:
        return 0, None
    xs, ys = np.flatnonzero(columns), np.flatnonzero(rows)
    return area, (int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1)


def upsampled_strips(
    logits: npt.NDArray[np.float32], frame: Frame, threshold: float = 0.0
) -> Iterator[tuple[slice, slice, npt.NDArray[np.float32]]]:
    """The full-size logits wherever they can exceed ``threshold``, some rows at a time; outside none does.

    Args:
        logits: (h, w) float32 low-res logits over the frame's logits window.
        frame: ties the logits to image pixels.
        threshold: a logit.

    Yields:
        Rows, columns and the (rows, columns) float32 logits there, from top to bottom, all of the same columns.

    Raises:
        ValueError: the logits are not of the frame's size.
    """
    rows, columns = _bands(logits, frame)
    above = logits > threshold
    hit_rows, hit_columns = np.flatnonzero(above.any(1)), np.flatnonzero(above.any(0))
    if len(hit_rows) == 0:
        return
    y = rows.pixels_touched(hit_rows[0], hit_rows[-1])
    x = columns.pixels_touched(hit_columns[0], hit_columns[-1])
    if y.start == y.stop or x.start == x.stop:  # everything above the threshold lies in the padding
        return
    seen_columns, column_matrix = columns.matrix(x)
    wide = logits[:, seen_columns] @ column_matrix.T
    for start in range(y.start, y.stop, _ROWS_AT_A_TIME):
        block = slice(start, min(start + _ROWS_AT_A_TIME, y.stop))
        seen_rows, row_matrix = rows.matrix(block)
        yield block, x, row_matrix @ wide[seen_rows]


def area_bounds(logits: npt.NDArray[np.float32], frame: Frame, threshold: float) -> tuple[int, int]:
    """At least and at most so many pixels of the image have a logit above ``threshold``; no picture is made.

    A pixel mixes the few logits of one window: it exceeds what all of them exceed, and nothing that none does.

    Args:
        logits: (h, w) float32 low-res logits over the frame's logits window.
        frame: ties the logits to image pixels.
        threshold: a logit.

    Raises:
        ValueError: the logits are not of the frame's size.
    """
    rows, columns = _bands(logits, frame)
    widths = (rows.weights.shape[1], columns.weights.shape[1])
    all_above = in_windows(np.logical_and, logits > threshold, widths)
    some_above = in_windows(np.logical_or, logits > threshold, widths)
    # How many pixels see each window.
    down = np.bincount(rows.first, minlength=len(all_above))
    along = np.bincount(columns.first, minlength=all_above.shape[1])
    return int(down @ all_above @ along), int(down @ some_above @ along)


def in_windows(join: np.ufunc, flags: npt.NDArray[np.bool_], widths: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(h, w) bool flags of each window of ``widths`` rows, columns joined into one: (h - rows + 1, w - columns + 1)."""
    for width in widths:
        count = len(flags) - width + 1
        # Transposed, so that the second pass joins columns and turns all back.
        flags = reduce(join, [flags[k : k + count] for k in range(width)]).T
    return flags


def _bands(logits: npt.NDArray[np.float32], frame: Frame) -> tuple[_Band, _Band]:
    if logits.shape != frame.logits_hw:
        raise ValueError(f"logits has shape {logits.shape}, the frame's logits are {frame.logits_hw}")
    (height, width), (rows, columns) = frame.image_hw, frame.logits_hw
    return (
        _two_steps(rows, frame.input_hw[0], frame.content_hw[0], height),
        _two_steps(columns, frame.input_hw[1], frame.content_hw[1], width),
    )


# A band of a 10,000 pixel axis is 200 kB, so the cache holds some MB at most.
@lru_cache(maxsize=32)
def _two_steps(logits: int, model: int, content: int, image: int) -> _Band:
    """Logits to ``model`` pixels, cut to the first ``content`` of them, and those to ``image`` pixels."""
    near, far, far_share = _linear(logits, model)
    low, high, high_share = _linear(content, image)
    sources = np.stack([near[low], far[low], near[high], far[high]], axis=1)
    shares = np.stack(
        [
            (1 - high_share) * (1 - far_share[low]),
            (1 - high_share) * far_share[low],
            high_share * (1 - far_share[high]),
            high_share * far_share[high],
        ],
        axis=1,
    )
    width = int((sources.max(1) - sources.min(1)).max()) + 1
    # Where the last pixels see fewer logits, the band begins earlier with zeros so that it stays inside.
    first = np.minimum(sources.min(1), logits - width)
    weights = np.zeros((image, width))
    np.add.at(weights, (np.arange(image)[:, None], sources - first[:, None]), shares)
    return _Band(first, weights.astype(np.float32))


def _linear(old: int, new: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """For each of ``new`` samples: the two of ``old`` it lies between, and the share of the second."""
    position = np.maximum((np.arange(new) + 0.5) * (old / new) - 0.5, 0.0)
    low = np.minimum(position.astype(np.intp), old - 1)
    return low, np.minimum(low + 1, old - 1), np.where(low + 1 < old, position - low, 0.0)
