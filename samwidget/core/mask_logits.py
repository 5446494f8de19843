"""Masks that the user gives as pixels: checked, and turned into the low-res logits that a network can start from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core.frame import Frame
from samwidget.errors import PromptError

# As sure of itself as a network is well inside or outside of an object.
_LOGIT = 8.0


def checked_mask(mask: Any, image_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(H, W) bool copy of a mask at the image's size, read-only.

    Args:
        mask: (H, W) bool, or numbers that are all 0, 1 or 255.
        image_hw: height and width of the image.

    Raises:
        PromptError: another shape or other values.
    """
    array = np.asarray(mask)
    if array.shape != image_hw:
        raise PromptError(
            f"mask has shape {array.shape}, the image is {image_hw}", hint="give (H, W), one value per image pixel"
        )
    if array.dtype != np.bool_ and (array.dtype.kind not in "uif" or not np.isin(array, (0, 1, 255)).all()):
        raise PromptError(f"mask holds {array.dtype} values other than 0 and 1", hint="give a bool array")
    pixels: npt.NDArray[np.bool_] = array.astype(np.bool_)
    pixels.flags.writeable = False
    return pixels


def logits_of_mask(pixels: npt.NDArray[np.bool_], frame: Frame) -> npt.NDArray[np.float32]:
    """(h, w) float32 low-res logits of an (H, W) bool mask, read-only: 8 inside, -8 outside and in the padding.

    Each logit takes the share of its own area that the mask covers, so that edges are right on average.
    """
    rows, columns = frame.logits_hw
    # The far corners of every logit in image pixels; beyond the image there is nothing to cover.
    edges = frame.logits_to_image(np.stack([np.arange(rows + 1), np.arange(rows + 1)], axis=1))[:, 1]
    share = _cell_means(pixels, edges)
    edges = frame.logits_to_image(np.stack([np.arange(columns + 1), np.arange(columns + 1)], axis=1))[:, 0]
    share = _cell_means(share.T, edges).T
    logits = np.asarray((share - 0.5) * (2 * _LOGIT), np.float32)
    logits.flags.writeable = False
    return logits


def _cell_means(array: npt.NDArray[Any], edges: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(N, W) mean of an (H, W) array over the rows between each two of N + 1 ascending positions; zero outside."""
    height = len(array)
    sums = np.zeros((height + 1, *array.shape[1:]), np.float64 if array.dtype.kind == "f" else np.uint32)
    np.cumsum(array, axis=0, out=sums[1:], dtype=sums.dtype)
    place = np.clip(edges.astype(np.float64), 0, height)
    low = np.minimum(place.astype(np.intp), height - 1)
    part = (place - low)[:, None]
    at_edges = sums[low] * (1 - part) + sums[low + 1] * part
    return np.asarray(np.diff(at_edges, axis=0) / np.diff(edges.astype(np.float64))[:, None])
