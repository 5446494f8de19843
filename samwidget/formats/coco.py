"""COCO: masks as run lengths or polygons, and the JSON entries of images and annotations.

Owns the entries and the text form of run lengths, that of ``maskApi.c`` in pycocotools. Batch outputs and ``coco_file``
call it.

COCO counts pixels down the columns: first those outside, then those inside, and so on. From the fourth count on the
text holds the difference to the count before the last. Each number is written in groups of five bits, least significant
first, and each group as a printable character.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import PIXELS_MAX, RunLengths
from samwidget.errors import FormatError
from samwidget.formats.polygons import mask_polygons

CATEGORIES = ({"id": 1, "name": "object", "supercategory": ""},)
"""The categories of a file: one, because the networks find objects and do not name them."""

_BITS, _MORE, _SIGN, _FIRST_CHARACTER = 5, 0x20, 0x10, 48


def encode_rle(mask: npt.NDArray[np.bool_] | RunLengths) -> dict[str, Any]:
    """``{"size": [H, W], "counts": text}`` of an (H, W) bool mask, for JSON and for pycocotools.

    Raises:
        FormatError: the mask is an array of another type or number of dimensions.
    """
    run_lengths = _run_lengths(mask)
    return {"size": list(run_lengths.size_hw), "counts": compress_counts(run_lengths.to_counts())}


def decode_rle(rle: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """(H, W) bool mask of run lengths, whose counts are compressed text or bytes, or a list of numbers.

    Raises:
        FormatError: size or counts are missing, the text is cut off, or the counts do not add up to the size.
    """
    return read_rle(rle).to_mask()


def read_rle(rle: Mapping[str, Any]) -> RunLengths:
    """The mask of run lengths as ``decode_rle`` takes them, without making its pixels; raises the same."""
    try:
        height, width = (int(length) for length in rle["size"])
        if height < 1 or width < 1 or height * width > PIXELS_MAX:
            raise FormatError(
                f"the mask has {width} x {height} pixels", hint=f"only masks of 1 to {PIXELS_MAX} pixels are read"
            )
        counts = rle["counts"]
        if isinstance(counts, str | bytes):
            counts = decompress_counts(counts if isinstance(counts, bytes) else counts.encode("ascii"))
        return RunLengths.from_counts(counts, (height, width))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError("the run lengths cannot be read", hint=str(error)) from error


def compress_counts(counts: list[int]) -> str:
    """The text form of run lengths; see the module."""
    values = np.asarray(counts, np.int64)
    values[3:] -= np.asarray(counts, np.int64)[1:-2]
    groups, is_used = [], []
    used = np.ones(len(values), np.bool_)
    while used.any():
        group = values & (_MORE - 1)
        values = values >> _BITS
        # The highest bit of the last group is the sign, so a positive number with a 1 there needs another group.
        more = used & np.where(group & _SIGN, values != -1, values != 0)
        groups.append(group + _FIRST_CHARACTER + np.where(more, _MORE, 0))
        is_used.append(used)
        used = more
    return np.stack(groups, 1)[np.stack(is_used, 1)].astype(np.uint8).tobytes().decode("ascii") if groups else ""


def decompress_counts(text: bytes) -> list[int]:
    """The run lengths of a text form; see the module.

    Raises:
        FormatError: the text is cut off, or not of this form.
    """
    groups = np.frombuffer(text, np.uint8).astype(np.int64) - _FIRST_CHARACTER
    if len(groups) and (groups.min() < 0 or groups.max() >= 2 * _MORE or groups[-1] & _MORE):
        raise FormatError("the run lengths are not compressed counts", hint="the text may be cut off")
    is_last = (groups & _MORE) == 0
    ends = np.flatnonzero(is_last)
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)
    if len(ends) and (ends - starts).max() >= 63 // _BITS:
        raise FormatError("the run lengths are not compressed counts", hint="a count has too many digits")
    positions = np.arange(len(groups)) - np.repeat(starts, ends - starts + 1)
    shifted = (groups & (_MORE - 1)) << (_BITS * positions)
    values = np.add.reduceat(shifted, starts) if len(ends) else np.zeros(0, np.int64)
    negative = (groups[ends] & _SIGN) != 0
    values = np.where(negative, values - (np.int64(1) << (_BITS * (ends - starts + 1))), values)
    # Each value from the fourth on is the difference to the count before the last: the odd counts and the even ones are
    # two running sums. The first three values are the counts themselves.
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    counts: list[int] = values.tolist()
    return counts


def image_entry(image_id: int, file_name: str, size_hw: tuple[int, int]) -> dict[str, Any]:
    """An entry of ``images``. Numbers of numpy become Python's, which JSON can hold."""
    height, width = size_hw
    return {"id": int(image_id), "file_name": file_name, "height": int(height), "width": int(width)}


def annotation_entry(
    annotation_id: int,
    image_id: int,
    mask: npt.NDArray[np.bool_] | RunLengths,
    *,
    score: float | None = None,
    category_id: int = 1,
    polygons: bool = False,
) -> dict[str, Any]:
    """An entry of ``annotations``: the mask as run lengths, its area in pixels, and its box as x, y, width, height.

    With ``polygons`` the mask is a list of polygons instead, see ``polygons.mask_polygons``.

    Raises:
        FormatError: as ``encode_rle``.
    """
    run_lengths = _run_lengths(mask)
    x0, y0, x1, y1 = run_lengths.box_xyxy or (0, 0, 0, 0)
    entry = {
        "id": int(annotation_id),
        "image_id": int(image_id),
        "category_id": int(category_id),
        "segmentation": mask_polygons(run_lengths) if polygons else encode_rle(run_lengths),
        "area": int(run_lengths.area),
        "bbox": [int(x0), int(y0), int(x1 - x0), int(y1 - y0)],
        "iscrowd": 0,
    }
    return entry if score is None else {**entry, "score": float(score)}


def _run_lengths(mask: npt.NDArray[np.bool_] | RunLengths) -> RunLengths:
    if isinstance(mask, RunLengths):
        return mask
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise FormatError(f"mask is {mask.dtype} of shape {mask.shape}", hint="give an (H, W) bool array")
    return RunLengths.from_mask(mask)
