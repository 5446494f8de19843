"""Selection: which of the candidates that *everything* has found so far are objects, and which say the same again.

Boxes that overlap much are taken for one object, as in the reference: inside a crop the higher score stays, between
crops the smaller crop. A candidate that lost is remembered until its crop is done, since its rival may lose in turn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from samwidget.core import Box, FoundObject, Size

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
        self._rivals = _Rivals(box_nms_thresh)
        self._crops = 0

    def begin_crop(self) -> None:
        """Later candidates are of another crop."""
        self._finished += self._of_this_crop()
        self._candidates, self._rivals = [], _Rivals(self._box_nms_thresh)
        self._crops += 1

    def add(self, candidates: Sequence[FoundObject]) -> None:
        """Candidates of this crop, in any order."""
        self._candidates += candidates
        self._rivals.add(candidates)

    def objects(self) -> list[FoundObject]:
        """The objects among all candidates so far: those of smaller crops first, then by score."""
        found = self._of_this_crop()
        if self._crops < 2:
            return found
        return without_duplicates(sorted([*self._finished, *found], key=_crop_area), self._crop_nms_thresh)

    def _of_this_crop(self) -> list[FoundObject]:
        found = self._candidates
        ranking = sorted(range(len(found)), key=lambda i: (-found[i].score, found[i].id))
        return [found[i] for i in self._rivals.winners(ranking)]


def without_duplicates(ranked: Sequence[FoundObject], iou_max: float) -> list[FoundObject]:
    """Those whose box overlaps no better one's by more than ``iou_max``. The given come best first, and so do these."""
    rivals = _Rivals(iou_max)
    rivals.add(ranked)
    return [ranked[i] for i in rivals.winners(range(len(ranked)))]


class _Rivals:
    """Which of a growing number of boxes overlap by more than ``iou_max``.

    A search asks after every few points for the winners among all so far, but only the new boxes have to be compared.
    """

    def __init__(self, iou_max: float) -> None:
        self._iou_max = iou_max
        self._boxes = np.zeros((0, 4), np.float32)
        self._overlap = np.zeros((0, 0), np.bool_)

    def add(self, found: Sequence[FoundObject]) -> None:
        """More boxes; they get the next numbers."""
        # The reference measures from the first to the last pixel.
        last_pixel = np.array([0, 0, 1, 1], np.float32)
        new = np.array([one.box_xyxy for one in found], np.float32).reshape(-1, 4) - last_pixel
        old = len(self._boxes)
        self._boxes = np.concatenate([self._boxes, new])
        self._overlap = np.pad(self._overlap, (0, len(new)))
        for number in range(old, len(self._boxes)):
            beyond = box_ious(self._boxes[number], self._boxes[: number + 1]) > self._iou_max
            self._overlap[number, : number + 1] = self._overlap[: number + 1, number] = beyond

    def winners(self, ranking: Sequence[int]) -> list[int]:
        """The numbers, in the order of their ranking, of those that overlap no better winner."""
        lost = np.zeros(len(self._boxes), np.bool_)
        kept = []
        for number in ranking:
            if not lost[number]:
                kept.append(number)
                lost |= self._overlap[number]
        return kept


def box_ious(box: npt.NDArray[np.float32], boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(N,) float32 IoU of a (4,) box x0, y0, x1, y1 with (N, 4) boxes; NaN where both are without area."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    sides, own, others = np.maximum(high - low, 0), box[2:] - box[:2], boxes[:, 2:] - boxes[:, :2]
    shared = sides[:, 0] * sides[:, 1]
    with np.errstate(invalid="ignore"):
        ious: npt.NDArray[np.float32] = shared / (own[0] * own[1] + others[:, 0] * others[:, 1] - shared)
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
