"""What was found, in the names and conventions of the reference implementation, for code that was written for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from samwidget.core import FoundObject


def to_sam_dicts(
    objects: Iterable[FoundObject], output_mode: Literal["binary_mask", "uncompressed_rle"] = "binary_mask"
) -> list[dict[str, Any]]:
    """The records that the official ``SamAutomaticMaskGenerator.generate`` returns, key for key.

    Its conventions are not ours: boxes are x, y, width and height, and the width of ``bbox`` is the distance from the
    first column to the last, one less than their number.

    Args:
        objects: what was found.
        output_mode: ``segmentation`` as an (H, W) bool array, or as COCO's uncompressed run lengths, which take little
            memory.

    Returns:
        A dict for each object: ``segmentation``, ``area``, ``bbox``, ``predicted_iou``, ``point_coords``,
        ``stability_score``, ``crop_box``.
    """
    return [_sam_dict(found, output_mode) for found in objects]


def _sam_dict(found: FoundObject, output_mode: str) -> dict[str, Any]:
    x0, y0, x1, y1 = found.box_xyxy
    crop_x0, crop_y0, crop_x1, crop_y1 = found.crop_xyxy
    as_runs = output_mode == "uncompressed_rle"
    return {
        "segmentation": {"size": list(found.run_lengths.size_hw), "counts": found.run_lengths.to_counts()}
        if as_runs
        else found.mask,
        "area": found.area,
        "bbox": [x0, y0, x1 - 1 - x0, y1 - 1 - y0],
        "predicted_iou": found.score,
        "point_coords": [list(found.point_xy)],
        "stability_score": found.stability,
        "crop_box": [crop_x0, crop_y0, crop_x1 - crop_x0, crop_y1 - crop_y0],
    }
