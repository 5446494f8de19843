"""FoundObject: one mask that *everything* found, with what the search knows of it.

A value that a document can take over: ``answer`` where the network's logits are the mask, the pixels otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from samwidget.core.masks import Masks
from samwidget.core.runs import Box, Runs


@dataclass(frozen=True, eq=False)
class FoundObject:
    """A mask that was found without being asked for. Everything is in pixels of the whole image.

    Attributes:
        id: its number in this search: the same point and level have the same id in every run of equal settings.
        runs: the mask, not empty, at the image's own size.
        score: the network's estimate of the mask's IoU.
        stability: IoU of the masks at thresholds a little above and below; 1 is a sharp outline.
        point_xy: the point that found it.
        level: which of the point's three candidates it is, 0 to 2.
        crop_xyxy: the part of the image that the network saw.
        answer: the network's answer, one candidate, over the whole image: its mask is ``runs``. None where the network
            saw a crop, or small regions were removed afterwards: then the pixels are all there is.
    """

    id: int
    runs: Runs
    score: float
    stability: float
    point_xy: tuple[float, float]
    level: int
    crop_xyxy: Box
    answer: Masks | None

    @property
    def area(self) -> int:
        """Pixels in the mask."""
        return self.runs.area

    @property
    def box_xyxy(self) -> Box:
        """x0, y0, x1, y1 around the mask, maximum exclusive."""
        box = self.runs.box_xyxy
        assert box is not None
        return box

    def to_mask(self) -> npt.NDArray[np.bool_]:
        """(H, W) bool at the image's own size, a fresh array."""
        return self.runs.to_mask()


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
        "segmentation": {"size": list(found.runs.size_hw), "counts": found.runs.to_counts()}
        if as_runs
        else found.to_mask(),
        "area": found.area,
        "bbox": [x0, y0, x1 - 1 - x0, y1 - 1 - y0],
        "predicted_iou": found.score,
        "point_coords": [list(found.point_xy)],
        "stability_score": found.stability,
        "crop_box": [crop_x0, crop_y0, crop_x1 - crop_x0, crop_y1 - crop_y0],
    }
