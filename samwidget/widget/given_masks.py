"""Given masks: reads what a user passes to ``add_masks``, in any of its forms, and decides about overlaps.

``labelling`` calls it before anything changes. Reading one mask is ``core.checked_mask``; COCO's text is ``formats``'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import RunLengths, Size, as_array, checked_mask
from samwidget.errors import FormatError, PromptError
from samwidget.widget.protocol.fields import short_text

OVERLAPS = ("keep", "newest", "first")
_HINT = "give masks of (H, W) bool, (N, H, W), a label map of whole numbers, or COCO run lengths"


def read_masks(masks: Any, image_hw: Size) -> list[RunLengths]:
    """Returns masks at the image's size.

    Args:
        masks: a list of (H, W) masks, of COCO run lengths (``{"size", "counts"}``) or of records with one of these as
            their ``segmentation``; an (N, H, W) array; or a label map: (H, W) whole numbers, where each number but 0 is
            a mask, in ascending order.
        image_hw: height and width of the image.

    Raises:
        PromptError: another form or another size.
    """
    if isinstance(masks, Mapping):
        masks = [masks]
    try:
        array = None if isinstance(masks, list | tuple) else as_array(masks, masked=0)
    except (TypeError, ValueError, RuntimeError):
        array = np.array(None)
    if array is None:
        return [_read_mask(mask, image_hw) for mask in masks]
    if array.ndim == 3:
        return [_read_mask(mask, image_hw) for mask in array]
    if array.ndim != 2:
        raise PromptError(f"masks is {short_text(masks)}", hint=_HINT)
    if array.dtype.kind in "iu":
        return _read_label_map(array, image_hw)
    return [_read_mask(array, image_hw)]


def without_overlaps(
    masks: Sequence[RunLengths], others: Iterable[npt.NDArray[np.bool_]], overlap: str
) -> list[RunLengths]:
    """Returns masks of which no two share a pixel, unless ``overlap`` is ``keep``; some may be empty then.

    Args:
        masks: the new ones, in drawing order.
        others: masks of the objects that are there already; with ``first`` they keep their pixels too.
        overlap: ``keep`` leaves them, with ``first`` the earlier one keeps a pixel, with ``newest`` the later one.
    """
    if overlap == "keep" or not masks:
        return list(masks)
    taken = np.zeros(masks[0].size_hw, np.bool_)
    for other in others if overlap == "first" else ():
        taken |= other
    apart = []
    for mask in masks if overlap == "first" else reversed(masks):
        if mask.box_xyxy is None:
            apart.append(mask)
            continue
        x0, y0, x1, y1 = mask.box_xyxy
        part = taken[y0:y1, x0:x1]
        pixels = mask.moved(-x0, -y0, part.shape).to_mask()
        apart.append(RunLengths.from_mask(pixels & ~part).moved(x0, y0, mask.size_hw))
        part |= pixels
    return apart if overlap == "first" else apart[::-1]


def _read_mask(mask: Any, image_hw: Size) -> RunLengths:
    if isinstance(mask, Mapping) and "segmentation" in mask:  # as SAM's generator returns them
        mask = mask["segmentation"]
    if isinstance(mask, Mapping):
        from samwidget.formats import decode_rle  # 10 ms to import, which most widgets never need

        try:
            mask = decode_rle(mask)
        except FormatError as error:
            raise PromptError(error.message, hint=error.hint or _HINT) from None
    return RunLengths.from_mask(checked_mask(mask, image_hw))


def _read_label_map(labels: npt.NDArray[Any], image_hw: Size) -> list[RunLengths]:
    if labels.shape != image_hw:
        raise PromptError(f"the label map has shape {labels.shape}, the image is {image_hw}", hint=_HINT)
    from samwidget.formats import masks_of  # 10 ms to import, which most widgets never need

    return list(masks_of(labels).values())
