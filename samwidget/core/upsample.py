"""Low-res logits to image pixels. Pure numpy, so that a mask of an object needs no torch.

Owns the interpolation. Which logits become a mask, and at which threshold, is up to the callers: masks, objects, the
search for everything and batch runs.

SAM's reference implementation resizes twice: first the logits to the network's input, then the part of it that the
image fills to the image. Both steps are bilinear with ``align_corners=False`` and without antialiasing, also where they
shrink. Both are linear and treat each axis alone, so together they are one small matrix per axis. The result is exact,
and no array of the input's size is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
import numpy.typing as npt

from samwidget.core.blas import one_blas_thread
from samwidget.core.frame import Frame, Size

# 64 rows of an image 4000 pixels wide are 1 MB, which stays in the processor's cache until it is compared with the
# threshold.
_ROWS_AT_A_TIME = 64
# A pixel depends on three logits, so of the matrix for many columns nearly all is zero.
_COLUMNS_AT_A_TIME = 128


@dataclass(frozen=True, eq=False)
class _Band:
    """The interpolation along one axis: pixel i is the sum over k of ``weights[i, k] * logits[first[i] + k]``.

    Attributes:
        first: (N,) intp, ascending, with repeats.
        weights: (N, K) float32, each row adds up to 1; K is 3 where both steps enlarge.
    """

    first: npt.NDArray[np.intp]
    weights: npt.NDArray[np.float32]

    def dependent_pixels(self, low: int, high: int) -> slice:
        """The pixels that depend on a logit from ``low`` to ``high``, both included."""
        width = self.weights.shape[1]
        return slice(
            int(np.searchsorted(self.first, low - width + 1, side="left")),
            int(np.searchsorted(self.first, high, side="right")),
        )

    def matrix(self, pixels: slice) -> tuple[slice, npt.NDArray[np.float32]]:
        """The logits that ``pixels`` depend on, and the (pixels, logits) float32 matrix that interpolates them."""
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
        logits: (h, w) float32 low-res logits, of the size ``frame.logits_hw``.
        frame: ties the logits to image pixels.

    Raises:
        ValueError: the logits have another size than ``frame.logits_hw``.
    """
    rows, columns = _bands(logits, frame)
    out = np.empty(frame.image_hw, np.float32)
    with one_blas_thread():
        wide = _widened(logits, columns, slice(0, out.shape[1]))
        for block in _blocks(slice(0, len(out)), _ROWS_AT_A_TIME):
            source_rows, row_matrix = rows.matrix(block)
            np.matmul(row_matrix, wide[source_rows], out=out[block])
    return out


def upsample_mask(logits: npt.NDArray[np.float32], frame: Frame, threshold: float = 0.0) -> npt.NDArray[np.bool_]:
    """(H, W) bool, True where the logits at the image's own size exceed ``threshold``.

    Equal to ``upsample(logits, frame) > threshold``, but computed only where a logit above the threshold can have an
    effect: an interpolated value never exceeds all of the values it is made from.

    Args:
        logits: (h, w) float32 low-res logits, of the size ``frame.logits_hw``.
        frame: ties the logits to image pixels.
        threshold: a logit; 0 is the network's own threshold.

    Raises:
        ValueError: the logits have another size than ``frame.logits_hw``.
    """
    out = np.zeros(frame.image_hw, np.bool_)
    for y, x, values in upsampled_strips(logits, frame, threshold):
        np.greater(values, threshold, out=out[y, x])
    return out


def upsampled_strips(
    logits: npt.NDArray[np.float32], frame: Frame, threshold: float = 0.0
) -> Iterator[tuple[slice, slice, npt.NDArray[np.float32]]]:
    """The full-size logits in the part of the image where they can exceed ``threshold``, a strip of rows at a time.

    Args:
        logits: (h, w) float32 low-res logits, of the size ``frame.logits_hw``.
        frame: ties the logits to image pixels.
        threshold: a logit.

    Yields:
        The strip's rows, its columns and its (rows, columns) float32 logits, from top to bottom. All strips have the
        same columns. Nothing is yielded where no logit exceeds the threshold.

    Raises:
        ValueError: the logits have another size than ``frame.logits_hw``.
    """
    rows, columns = _bands(logits, frame)
    above = logits > threshold
    hit_rows, hit_columns = np.flatnonzero(above.any(1)), np.flatnonzero(above.any(0))
    if len(hit_rows) == 0:
        return
    y = rows.dependent_pixels(hit_rows[0], hit_rows[-1])
    x = columns.dependent_pixels(hit_columns[0], hit_columns[-1])
    if y.start == y.stop or x.start == x.stop:  # all logits above the threshold are in the padding
        return
    with one_blas_thread():
        wide = _widened(logits, columns, x)
        for block in _blocks(y, _ROWS_AT_A_TIME):
            source_rows, row_matrix = rows.matrix(block)
            yield block, x, row_matrix @ wide[source_rows]


def area_bounds(logits: npt.NDArray[np.float32], frame: Frame, threshold: float) -> tuple[int, int]:
    """Bounds of the area of ``upsample_mask`` in pixels, computed without making the mask.

    A pixel is a weighted mean of the few logits in a window. It exceeds the threshold where all of them do, and it can
    only do so where one of them does.

    Args:
        logits: (h, w) float32 low-res logits, of the size ``frame.logits_hw``.
        frame: ties the logits to image pixels.
        threshold: a logit.

    Returns:
        The area is at least the first number, and at most the second.

    Raises:
        ValueError: the logits have another size than ``frame.logits_hw``.
    """
    rows, columns = _bands(logits, frame)
    window_hw = (rows.weights.shape[1], columns.weights.shape[1])
    all_above = in_windows(np.logical_and, logits > threshold, window_hw)
    any_above = in_windows(np.logical_or, logits > threshold, window_hw)
    # The number of pixels that depend on each window, along each axis.
    down = np.bincount(rows.first, minlength=len(all_above))
    along = np.bincount(columns.first, minlength=all_above.shape[1])
    return int(down @ all_above @ along), int(down @ any_above @ along)


def in_windows(join: np.ufunc, flags: npt.NDArray[np.bool_], window_hw: Size) -> npt.NDArray[np.bool_]:
    """(h - rows + 1, w - columns + 1) bool: each window of (h, w) flags joined into one flag.

    Args:
        join: ``np.logical_and`` for windows whose flags are all set, ``np.logical_or`` for those with any flag set.
        flags: (h, w) bool.
        window_hw: rows and columns of a window.
    """
    for length in window_hw:
        count = len(flags) - length + 1
        # Each pass transposes: the second one joins the columns and restores the order of the axes.
        flags = reduce(join, [flags[k : k + count] for k in range(length)]).T
    return flags


def _widened(logits: npt.NDArray[np.float32], columns: _Band, x: slice) -> npt.NDArray[np.float32]:
    """(h, pixels) float32: the logits interpolated along the rows, at the columns ``x`` of the image."""
    wide = np.empty((len(logits), x.stop - x.start), np.float32)
    for block in _blocks(x, _COLUMNS_AT_A_TIME):
        source, matrix = columns.matrix(block)
        np.matmul(logits[:, source], matrix.T, out=wide[:, block.start - x.start : block.stop - x.start])
    return wide


def _blocks(pixels: slice, size: int) -> Iterator[slice]:
    """The pixels, at most ``size`` at a time."""
    for start in range(pixels.start, pixels.stop, size):
        yield slice(start, min(start + size, pixels.stop))


def _bands(logits: npt.NDArray[np.float32], frame: Frame) -> tuple[_Band, _Band]:
    if logits.shape != frame.logits_hw:
        raise ValueError(f"logits has shape {logits.shape}: the frame needs {frame.logits_hw}")
    (height, width), (rows, columns) = frame.image_hw, frame.logits_hw
    return (
        _two_steps(rows, frame.input_hw[0], frame.content_hw[0], height),
        _two_steps(columns, frame.input_hw[1], frame.content_hw[1], width),
    )


# The band of an axis of 10,000 pixels takes 200 kB, so the cache takes a few MB at most.
@lru_cache(maxsize=32)
def _two_steps(logits: int, model_input: int, content: int, image: int) -> _Band:
    """The interpolation of an axis: logits to input pixels, the first ``content`` of them to image pixels."""
    near, far, far_weight = _linear(logits, model_input)
    low, high, high_weight = _linear(content, image)
    sources = np.stack([near[low], far[low], near[high], far[high]], axis=1)
    weights_of_steps = np.stack(
        [
            (1 - high_weight) * (1 - far_weight[low]),
            (1 - high_weight) * far_weight[low],
            high_weight * (1 - far_weight[high]),
            high_weight * far_weight[high],
        ],
        axis=1,
    )
    width = int((sources.max(1) - sources.min(1)).max()) + 1
    # The last pixels may depend on fewer logits: their windows begin earlier, with zeros, and so end inside.
    first = np.minimum(sources.min(1), logits - width)
    weights = np.zeros((image, width))
    np.add.at(weights, (np.arange(image)[:, None], sources - first[:, None]), weights_of_steps)
    return _Band(first, weights.astype(np.float32))


def _linear(old: int, new: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """For each of ``new`` samples: the two of ``old`` samples that it lies between, and the weight of the second."""
    position = np.maximum((np.arange(new) + 0.5) * (old / new) - 0.5, 0.0)
    low = np.minimum(position.astype(np.intp), old - 1)
    return low, np.minimum(low + 1, old - 1), np.where(low + 1 < old, position - low, 0.0)
