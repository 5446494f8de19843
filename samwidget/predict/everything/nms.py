"""Non-maximum suppression for *everything*: which of the candidates so far become found objects.

Two candidates whose boxes overlap by more than a threshold are taken for the same object, as in the reference
(``SamAutomaticMaskGenerator``, https://github.com/facebookresearch/segment-anything). Inside a crop the one with the
higher score stays; between crops the one of the smaller crop. Called by ``everything/search``, which decides before
which candidates are good and stable enough.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from samwidget.core import Box, FoundObject, Size

# A box is cut off if it is at most this many pixels from an edge of its crop; the reference's number.
_EDGE_PX = 20


class IncrementalNms:
    """Non-maximum suppression over candidates that arrive in parts; the result never depends on the parts.

    A suppressed candidate is remembered until its crop is done: it comes back if the candidate that suppressed it is
    suppressed by a third.

    Args:
        box_nms_thresh: IoU of boxes above which two candidates of one crop are the same object.
        crop_nms_thresh: the same for two candidates of different crops.
    """

    def __init__(self, box_nms_thresh: float, crop_nms_thresh: float) -> None:
        self._box_nms_thresh, self._crop_nms_thresh = box_nms_thresh, crop_nms_thresh
        self._earlier_crops: list[FoundObject] = []
        self._candidates: list[FoundObject] = []
        self._overlaps = _BoxOverlaps(box_nms_thresh)
        self._crop_count = 0

    def begin_crop(self) -> None:
        """Starts a new crop: candidates that are added from now on belong to it."""
        self._earlier_crops += self._objects_of_crop()
        self._candidates, self._overlaps = [], _BoxOverlaps(self._box_nms_thresh)
        self._crop_count += 1

    def add(self, candidates: Sequence[FoundObject]) -> None:
        """Adds candidates of the current crop, in any order."""
        self._candidates += candidates
        self._overlaps.add(candidates)

    def objects(self) -> list[FoundObject]:
        """The candidates that are not suppressed: smaller crops first, and inside a crop the highest score first."""
        found_objects = self._objects_of_crop()
        if self._crop_count < 2:
            return found_objects
        ranked = sorted([*self._earlier_crops, *found_objects], key=_crop_area)
        return suppress_overlaps(ranked, self._crop_nms_thresh)

    def _objects_of_crop(self) -> list[FoundObject]:
        candidates = self._candidates
        ranking = sorted(range(len(candidates)), key=lambda i: (-candidates[i].score, candidates[i].id))
        return [candidates[i] for i in self._overlaps.not_suppressed(ranking)]


def suppress_overlaps(ranked: Sequence[FoundObject], iou_max: float) -> list[FoundObject]:
    """The objects whose box overlaps no better object's box by more than ``iou_max``, in the order given.

    Args:
        ranked: objects, the best first.
        iou_max: IoU of two boxes above which the later object is removed.
    """
    overlaps = _BoxOverlaps(iou_max)
    overlaps.add(ranked)
    return [ranked[i] for i in overlaps.not_suppressed(range(len(ranked)))]


class _BoxOverlaps:
    """Which pairs of a growing list of boxes overlap by an IoU above ``iou_max``.

    A search asks for its objects after every few points. Only the new boxes are compared then.
    """

    def __init__(self, iou_max: float) -> None:
        self._iou_max = iou_max
        self._boxes = np.zeros((0, 4), np.float32)
        self._overlap = np.zeros((0, 0), np.bool_)

    def add(self, found_objects: Sequence[FoundObject]) -> None:
        """Appends the boxes of these objects to the list."""
        # The reference measures a box from its first to its last pixel.
        last_pixel = np.array([0, 0, 1, 1], np.float32)
        boxes = [found_object.box_xyxy for found_object in found_objects]
        new = np.array(boxes, np.float32).reshape(-1, 4) - last_pixel
        old_count = len(self._boxes)
        self._boxes = np.concatenate([self._boxes, new])
        self._overlap = np.pad(self._overlap, (0, len(new)))
        for index in range(old_count, len(self._boxes)):
            is_above = box_ious(self._boxes[index], self._boxes[: index + 1]) > self._iou_max
            self._overlap[index, : index + 1] = self._overlap[: index + 1, index] = is_above

    def not_suppressed(self, ranking: Sequence[int]) -> list[int]:
        """The indices of the boxes that overlap no better box in the result.

        Args:
            ranking: the indices of all boxes, the best first; the result is in this order.
        """
        is_suppressed = np.zeros(len(self._boxes), np.bool_)
        result = []
        for index in ranking:
            if not is_suppressed[index]:
                result.append(index)
                is_suppressed |= self._overlap[index]
        return result


def box_ious(box: npt.NDArray[np.float32], boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(N,) float32 IoU of a (4,) box x0, y0, x1, y1 with each of (N, 4) boxes; NaN if neither box has an area."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    overlap_sides, sides, other_sides = np.maximum(high - low, 0), box[2:] - box[:2], boxes[:, 2:] - boxes[:, :2]
    overlap = overlap_sides[:, 0] * overlap_sides[:, 1]
    with np.errstate(invalid="ignore"):
        union = sides[0] * sides[1] + other_sides[:, 0] * other_sides[:, 1] - overlap
        ious: npt.NDArray[np.float32] = overlap / union
    return ious


def is_cut_off(box_xyxy: Box, crop_xyxy: Box, image_hw: Size) -> bool:
    """Whether a mask's box is near an edge of its crop that is not an edge of the image.

    The object may continue beyond the crop, and another crop shows more of it.

    Args:
        box_xyxy: around the mask, in image pixels, the maximum exclusive.
        crop_xyxy: the part of the image that the model saw, in image pixels, the maximum exclusive.
        image_hw: height and width of the image.
    """
    x0, y0, x1, y1 = box_xyxy
    height, width = image_hw
    sides = zip((x0, y0, x1 - 1, y1 - 1), crop_xyxy, (0, 0, width, height), strict=True)
    return any(abs(side - crop) <= _EDGE_PX < abs(side - image) for side, crop, image in sides)


def _crop_area(found_object: FoundObject) -> int:
    x0, y0, x1, y1 = found_object.crop_xyxy
    return (x1 - x0) * (y1 - y0)
