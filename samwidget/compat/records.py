"""Found objects in the names and conventions of the reference implementation, for code that was written for it.

Source: ``SamAutomaticMaskGenerator.generate`` (https://github.com/facebookresearch/segment-anything). Users call it as
``samwidget.to_sam_dicts``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args

from samwidget.compat.errors import ArgumentError
from samwidget.core import FoundObject
from samwidget.formats import encode_rle

OutputMode = Literal["binary_mask", "uncompressed_rle", "coco_rle"]


# Any: the values of a record have different types, and code for the reference indexes them unchecked.
def to_sam_dicts(objects: Iterable[FoundObject], output_mode: OutputMode = "binary_mask") -> list[dict[str, Any]]:
    """The records that the official ``SamAutomaticMaskGenerator.generate`` returns, with the same keys.

    Boxes follow its convention, not ours: x, y, width and height, where the width of ``bbox`` is the distance from the
    first column to the last, which is the number of columns less one.

    Args:
        objects: what ``SamPredictor.everything`` returned.
        output_mode: ``binary_mask`` gives ``segmentation`` as an (H, W) bool array, ``uncompressed_rle`` as COCO's
            uncompressed run lengths, which take little memory, and ``coco_rle`` as compressed ones, as text.

    Returns:
        A dict for each object: ``segmentation``, ``area``, ``bbox``, ``predicted_iou``, ``point_coords``,
        ``stability_score``, ``crop_box``.

    Raises:
        PromptError: there is no such mode. It is a ValueError.
    """
    check_output_mode(output_mode)
    return [_sam_dict(found_object, output_mode) for found_object in objects]


def check_output_mode(output_mode: str) -> None:
    """Raises ArgumentError, which is a PromptError, where there is no such mode."""
    modes = get_args(OutputMode)
    if output_mode not in modes:
        raise ArgumentError(f"output_mode is {output_mode!r}", hint=f"give one of {', '.join(modes)}")


def _sam_dict(found_object: FoundObject, output_mode: str) -> dict[str, Any]:
    x0, y0, x1, y1 = found_object.box_xyxy
    crop_x0, crop_y0, crop_x1, crop_y1 = found_object.crop_xyxy
    run_lengths = found_object.run_lengths
    if output_mode == "uncompressed_rle":
        segmentation: object = {"size": list(run_lengths.size_hw), "counts": run_lengths.to_counts()}
    elif output_mode == "coco_rle":
        segmentation = encode_rle(run_lengths)
    else:
        segmentation = found_object.mask
    return {
        "segmentation": segmentation,
        "area": found_object.area,
        "bbox": [x0, y0, x1 - 1 - x0, y1 - 1 - y0],
        "predicted_iou": found_object.score,
        "point_coords": [list(found_object.point_xy)],
        "stability_score": found_object.stability,
        "crop_box": [crop_x0, crop_y0, crop_x1 - crop_x0, crop_y1 - crop_y0],
    }
