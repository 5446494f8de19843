"""SamAutomaticMaskGenerator with the reference's arguments and records; *everything* of samwidget searches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from samwidget.compat.errors import ArgumentError
from samwidget.compat.modeling import Sam
from samwidget.compat.predictor import SamPredictor
from samwidget.compat.records import OutputMode, check_output_mode, to_sam_dicts
from samwidget.core import FoundObject, RunLengths
from samwidget.predict import SamPredictor as Predictor
from samwidget.predict.everything import EverythingOptions, without_small_regions


class _MaskData(Protocol):
    """What ``postprocess_small_regions`` needs of the reference's ``MaskData``: lists and arrays by name."""

    def __getitem__(self, key: str) -> Any: ...  # Any: lists, arrays or tensors

    def filter(self, keep: torch.Tensor) -> None: ...


class SamAutomaticMaskGenerator:
    """Finds the objects of an image.

    Arguments and attributes are those of the reference, whose page explains them;
    ``samwidget.generate_masks`` does too. The attributes may be changed.

    Args:
        model: as for ``SamPredictor``.
        points_per_side: number of points along each side of the grid; None with ``point_grids``.
        points_per_batch: the largest number of points that are decoded together.
        pred_iou_thresh: masks with a score above it are kept; 0 keeps all.
        stability_score_thresh: masks with at least this stability are kept; 0 keeps all.
        stability_score_offset: the stability compares the masks at thresholds this far above and below.
        box_nms_thresh: of masks whose boxes overlap by more than this IoU, the one with the highest score is kept.
        crop_n_layers: layers of crops that are searched besides the image.
        crop_nms_thresh: as ``box_nms_thresh`` between crops.
        crop_overlap_ratio: overlap of the crops in the first layer.
        crop_n_points_downscale_factor: ``points_per_side`` is divided by it once for each layer.
        point_grids: (N, 2) points in [0, 1] for the image and each layer of crops, in place of ``points_per_side``.
        min_mask_region_area: holes and islands of fewer pixels are removed.
        output_mode: form of ``segmentation``: ``binary_mask``, ``uncompressed_rle`` or ``coco_rle``.

    Raises:
        ArgumentError: not exactly one of ``points_per_side`` and ``point_grids`` is given, or there is no such
            ``output_mode``.
    """

    def __init__(
        self,
        model: Sam | Predictor | str | Path | None,
        points_per_side: int | None = 32,
        points_per_batch: int = 64,
        pred_iou_thresh: float = 0.88,
        stability_score_thresh: float = 0.95,
        stability_score_offset: float = 1.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: Sequence[npt.NDArray[np.float64]] | None = None,
        min_mask_region_area: float = 0,
        output_mode: OutputMode = "binary_mask",
    ) -> None:
        if (points_per_side is None) == (point_grids is None):
            raise ArgumentError(
                f"points_per_side is {points_per_side} and point_grids {'are' if point_grids else 'are not'} given",
                hint="give exactly one of them; points_per_side=None with point_grids",
            )
        check_output_mode(output_mode)
        self.predictor = SamPredictor(model)
        if point_grids is None:
            assert points_per_side is not None
            options = EverythingOptions(
                crop_n_layers=crop_n_layers, crop_n_points_downscale_factor=crop_n_points_downscale_factor
            )
            point_grids = options.grids(points_per_side)
        self.point_grids = point_grids
        self.points_per_batch = points_per_batch
        self.pred_iou_thresh = pred_iou_thresh
        self.stability_score_thresh = stability_score_thresh
        self.stability_score_offset = stability_score_offset
        self.box_nms_thresh = box_nms_thresh
        self.crop_n_layers = crop_n_layers
        self.crop_nms_thresh = crop_nms_thresh
        self.crop_overlap_ratio = crop_overlap_ratio
        self.crop_n_points_downscale_factor = crop_n_points_downscale_factor
        self.min_mask_region_area = min_mask_region_area
        self.output_mode = output_mode

    # Any: the values of a record have different types, and code for the reference indexes them unchecked.
    def generate(self, image: object) -> list[dict[str, Any]]:
        """A record for each object that is found, the best first.

        Args:
            image: (H, W, 3) uint8 RGB, or whatever else ``samwidget.load_rgb`` reads.

        Returns:
            As ``to_sam_dicts``: ``segmentation``, ``area``, ``bbox`` x, y, width, height, ``predicted_iou``,
            ``point_coords``, ``stability_score`` and ``crop_box``.

        Raises:
            PromptError: an option is out of its range.
            ImageError: the image cannot be read.
            ModelError: the model failed.
        """
        model = self.predictor.model
        if model.mask_threshold != 0:
            raise ArgumentError(
                f"mask_threshold of the model is {model.mask_threshold}", hint="objects are searched with 0 only"
            )
        objects = model.current_predictor.everything(
            image,
            points_per_batch=self.points_per_batch,
            pred_iou_thresh=_at_least_0(self.pred_iou_thresh),
            stability_score_thresh=_at_least_0(self.stability_score_thresh),
            stability_score_offset=self.stability_score_offset,
            box_nms_thresh=self.box_nms_thresh,
            crop_n_layers=self.crop_n_layers,
            crop_nms_thresh=self.crop_nms_thresh,
            crop_overlap_ratio=self.crop_overlap_ratio,
            point_grids=self.point_grids,
            min_mask_region_area=_rounded_up(self.min_mask_region_area),
        )
        return to_sam_dicts(objects, self.output_mode)

    @staticmethod
    def postprocess_small_regions(mask_data: _MaskData, min_area: float, nms_thresh: float) -> _MaskData:
        """Removes holes and islands of fewer than ``min_area`` pixels, then masks that have become the same.

        Args:
            mask_data: the reference's ``MaskData``, with ``rles`` and ``boxes``. It is changed.
            min_area: in pixels.
            nms_thresh: of masks whose boxes overlap by more than this IoU, the first is kept, and unchanged ones first.

        Returns:
            ``mask_data``.
        """
        before = [
            FoundObject(
                i, RunLengths.from_counts(rle["counts"], tuple(rle["size"])), 0, 0, (0, 0), 0, (0, 0, 0, 0), None
            )
            for i, rle in enumerate(mask_data["rles"])
        ]
        kept_objects = without_small_regions(before, math.ceil(min_area), nms_thresh, 1)
        for item in kept_objects:
            if item is not before[item.id]:
                x0, y0, x1, y1 = item.box_xyxy
                mask_data["rles"][item.id] = {
                    "size": list(item.run_lengths.size_hw),
                    "counts": item.run_lengths.to_counts(),
                }
                mask_data["boxes"][item.id] = torch.tensor([x0, y0, x1 - 1, y1 - 1])
        mask_data.filter(torch.tensor([item.id for item in kept_objects], dtype=torch.int64))
        return mask_data


# The reference takes numbers that samwidget refuses; the options say what is wrong with everything else.


def _at_least_0(threshold: Any) -> Any:
    return 0 if isinstance(threshold, Real) and threshold < 0 else threshold


def _rounded_up(area: Any) -> Any:
    return math.ceil(area) if isinstance(area, Real) and math.isfinite(area) else area
