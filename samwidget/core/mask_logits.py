"""Masks of pixels as low-res logits: the form in which a network reads a mask, and in which samwidget stores objects.

Owns the check of a mask that a user passes in (``checked_mask``), and its logits (``logits_of_mask``). The widget uses
both. The client of a remote endpoint receives masks without logits, and uses ``logits_of_mask``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from samwidget.core.arrays import as_array
from samwidget.core.frame import Frame
from samwidget.core.measure import box_of
from samwidget.core.rle import RunLengths
from samwidget.errors import PromptError

# A network's logits are about this large far away from an outline.
_LOGIT = 8.0


def checked_mask(mask: npt.ArrayLike, image_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(H, W) bool copy of a mask at the image's size, read-only.

    Args:
        mask: (H, W) bool, or numbers that are all 0, 1 or 255; what a masked array masks is outside the mask.
        image_hw: height and width of the image.

    Raises:
        PromptError: the mask has another shape or other values.
    """
    try:
        array = as_array(mask, masked=0)
    except (TypeError, ValueError, RuntimeError) as error:  # such as lists of several lengths
        raise PromptError("mask is no array", hint="give a (H, W) bool array") from error
    if array.shape != image_hw:
        raise PromptError(
            f"mask has shape {array.shape}, the image is {image_hw}", hint="give (H, W), one value per image pixel"
        )
    if array.dtype != np.bool_ and (array.dtype.kind not in "uif" or not np.isin(array, (0, 1, 255)).all()):
        raise PromptError(f"mask holds {array.dtype} values other than 0 and 1", hint="give a bool array")
    pixels: npt.NDArray[np.bool_] = array.astype(np.bool_)
    pixels.flags.writeable = False
    return pixels


def logits_of_mask(mask: npt.NDArray[np.bool_] | RunLengths, frame: Frame) -> npt.NDArray[np.float32]:
    """(h, w) float32 low-res logits of an (H, W) mask, read-only: 8 inside, -8 outside and in the padding.

    A logit at the outline follows the share of its area that the mask covers: 0 is half. Scaled up, the logits
    therefore cross zero at the outline.
    """
    logits = np.full(frame.logits_hw, -_LOGIT, np.float32)
    box = mask.box_xyxy if isinstance(mask, RunLengths) else box_of(mask)
    if box is not None:
        # Of a photo most objects are a small part: only the cells around the mask are computed.
        x0, y0, x1, y1 = box
        if isinstance(mask, RunLengths):
            part = mask.moved(-x0, -y0, (y1 - y0, x1 - x0)).to_mask()
        else:
            part = mask[y0:y1, x0:x1]
        rows, row_edges = _cells_around(_edges(frame, axis=0), y0, y1)
        columns, column_edges = _cells_around(_edges(frame, axis=1), x0, x1)
        means = _cell_means(part, row_edges)
        share = _cell_means(np.ascontiguousarray(means.T), column_edges).T
        logits[rows, columns] = (share - 0.5) * (2 * _LOGIT)
    logits.flags.writeable = False
    return logits


def _cells_around(edges: npt.NDArray[np.float64], begin: int, end: int) -> tuple[slice, npt.NDArray[np.float64]]:
    """The cells that a part of an axis touches, and their edges counted from where the part begins."""
    first = max(0, int(np.searchsorted(edges, begin, side="right")) - 1)
    last = min(len(edges) - 1, int(np.searchsorted(edges, end, side="left")))
    return slice(first, last), edges[first : last + 1] - begin


def _edges(frame: Frame, axis: int) -> npt.NDArray[np.float64]:
    """(n + 1,) positions in image pixels where the n logits of an axis begin and end; beyond the image is padding."""
    numbers = np.arange(frame.logits_hw[axis] + 1)
    return frame.logits_to_image(np.stack([numbers, numbers], axis=1))[:, 1 - axis].astype(np.float64)


def _cell_means(
    array: npt.NDArray[np.bool_] | npt.NDArray[np.float64], edges: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(N, W) means of an (H, W) array over the rows between each two of N + 1 ascending positions; 0 outside of it."""
    position = np.clip(edges, 0, len(array))
    row = np.minimum(position.astype(np.intp), len(array) - 1)
    # The sums of so few flags fit into a byte, in which they are added up five times as fast.
    rows_max = int(np.diff(row).max(initial=1))
    dtype = np.float64 if array.dtype.kind == "f" else np.uint8 if rows_max <= 255 else np.uint32
    # Full rows from each edge to the next. Where two edges lie in one row, reduceat returns this row instead of none.
    sums = np.add.reduceat(array, row, axis=0, dtype=dtype)[:-1]
    sums = np.where((row[1:] > row[:-1])[:, None], sums, 0)
    before_edge = array[row] * (position - row)[:, None]
    return np.asarray((sums + before_edge[1:] - before_edge[:-1]) / np.diff(edges)[:, None])
