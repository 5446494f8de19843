"""Selection: which of the candidates that *everything* has found so far are objects, and which say the same again.

Boxes that overlap much are taken for one object, as in the reference: inside a crop the higher score stays, between
crops the smaller crop. A candidate that lost is remembered until its crop is done, since its rival may lose in turn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from samwidget.core.found import FoundObject
from samwidget.core.frame import Size
from samwidget.core.runs import Box

# How near a box comes to the edge of its crop before it counts as cut off, pixels; the reference's number.
_EDGE_PX = 20


class Selection:
    """Candidates in, objects out.

    Args:
        box_nms_thresh: IoU of boxes above which two candidates of one crop are one object.
        crop_nms_thresh: the same between crops.
    """

    def __init__(self, box_nms_thresh: float, crop_nms_thresh: float) -> None:
        self._box_nms_thresh, self._crop_nms_thresh = box_nms_thresh, crop_nms_thresh
        self._finished: list[FoundObject] = []
        self._candidates: list[FoundObject] = []
        self._crops = 0

    def begin_crop(self) -> None:
        """Later candidates are of another crop."""
        self._finished += self._of_this_crop()
        self._candidates = []
        self._crops += 1

    def add(self, candidates: Sequence[FoundObject]) -> None:
        """Candidates of this crop, in any order."""
        self._candidates += candidates

    def objects(self) -> list[FoundObject]:
        """The objects among all candidates so far: those of smaller crops first, then by score."""
        found = self._of_this_crop()
        if self._crops < 2:
            return found
        return without_duplicates(sorted([*self._finished, *found], key=_crop_area), self._crop_nms_thresh)

    def _of_this_crop(self) -> list[FoundObject]:
        ranked = sorted(self._candidates, key=lambda found: (-found.score, found.id))
        return without_duplicates(ranked, self._box_nms_thresh)


def without_duplicates(ranked: Sequence[FoundObject], iou_max: float) -> list[FoundObject]:
    """Those whose box overlaps no better one's by more than ``iou_max``. The given come best first, and so do these."""
    # The reference measures from the first to the last pixel.
    boxes = np.array([found.box_xyxy for found in ranked], np.float32).reshape(-1, 4) - np.array(
        [0, 0, 1, 1], np.float32
    )
    kept = []
    left = np.arange(len(boxes))
    while len(left):
        best, left = left[0], left[1:]
        kept.append(ranked[best])
        left = left[~(box_ious(boxes[best], boxes[left]) > iou_max)]
    return kept


def box_ious(box: npt.NDArray[np.float32], boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(N,) float32 IoU of a (4,) box x0, y0, x1, y1 with (N, 4) boxes; NaN where both are without area."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    area, areas = np.prod(box[2:] - box[:2]), np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    with np.errstate(invalid="ignore"):
        ious: npt.NDArray[np.float32] = shared / (area + areas - shared)
    return ious


def is_cut_off(box_xyxy: Box, crop_xyxy: Box, image_hw: Size) -> bool:
    """Whether a box comes near an edge of its crop that is no edge of the image: another crop sees more of the object.

    Args:
        box_xyxy: around a mask, image pixels, maximum exclusive.
        crop_xyxy: what the network saw.
        image_hw: height and width of the image.
    """
    x0, y0, x1, y1 = box_xyxy
    height, width = image_hw
    sides = zip((x0, y0, x1 - 1, y1 - 1), crop_xyxy, (0, 0, width, height), strict=True)
    return any(abs(side - crop) <= _EDGE_PX < abs(side - image) for side, crop, image in sides)


def _crop_area(found: FoundObject) -> int:
    x0, y0, x1, y1 = found.crop_xyxy
    return (x1 - x0) * (y1 - y0)
