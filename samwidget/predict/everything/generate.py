"""*Everything*: finds the objects of a whole image. Its options are written out, for completion and help.

Names and defaults are those of the official ``SamAutomaticMaskGenerator``. ``options`` checks them and ``search`` does
the work. Both functions are also methods: ``SamPredictor`` has them in its class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event

import numpy.typing as npt

from samwidget.core import FoundObject
from samwidget.predict.everything.options import EverythingOptions
from samwidget.predict.everything.search import Predictor, Progress, search


def generate_masks(
    predictor: Predictor,
    image: object,
    *,
    points_per_side: int | None = None,
    points_per_batch: int = 64,
    pred_iou_thresh: float | None = None,
    stability_score_thresh: float | None = None,
    stability_score_offset: float | None = None,
    box_nms_thresh: float = 0.7,
    crop_n_layers: int = 0,
    crop_nms_thresh: float = 0.7,
    crop_overlap_ratio: float = 512 / 1500,
    crop_n_points_downscale_factor: int = 1,
    point_grids: Sequence[npt.ArrayLike] | None = None,
    min_mask_region_area: int = 0,
    cancel: Event | None = None,
    threads: int | None = None,
) -> Iterator[Progress]:
    """The objects of an image while they are found, a few points at a time.

    The options and their defaults are those of the official ``SamAutomaticMaskGenerator``. Where the default is None,
    the model's own value is taken (``Segmenter.everything_defaults``); for SAM that is the official number.
    The order of the points is spread over the image; it does not change the result.

    Args:
        predictor: a ``SamPredictor``. It can serve other callers between two steps. Its setting ``clean`` applies.
        image: whatever ``load_rgb`` reads.
        points_per_side: number of points along each side of the grid.
        points_per_batch: largest number of points that are decoded together. With a slow model fewer are, so that a
            step takes about 0.1 s.
        pred_iou_thresh: masks with a score above it are kept, 0 to 1; 0 keeps all.
        stability_score_thresh: masks with at least this stability are kept, 0 to 1; 0 keeps all.
        stability_score_offset: stability compares the masks at the thresholds this far above and below 0, in logits.
        box_nms_thresh: of masks whose boxes overlap by more than this IoU, the one with the highest score is kept.
        crop_n_layers: number of layers of crops that are searched besides the image: 2 x 2 crops in the first, 4 x 4 in
            the second, and so on. They improve small objects, and each crop has to be encoded.
        crop_nms_thresh: as ``box_nms_thresh`` between crops; the object of the smaller crop is kept.
        crop_overlap_ratio: overlap of the 2 x 2 crops as a share of the image's shorter side, below 1.
        crop_n_points_downscale_factor: ``points_per_side`` is divided by it once for each layer of crops.
        point_grids: an (N, 2) array of x, y in [0, 1] for the image and for each layer of crops, in place of
            ``points_per_side``.
        min_mask_region_area: holes and islands of fewer pixels are removed at the end; 0 removes none.
        cancel: the search ends when this event is set. It is checked after each step, so all that was found has been
            yielded; small regions are not removed then. An encode that runs is finished first.
        threads: how many CPU threads compute; None takes the predictor's number.

    Yields:
        ``Progress`` after each step; the last one holds the result. Nothing if ``cancel`` is set from the start.

    Raises:
        PromptError: an option is out of its range; raised by the call, before the model runs.
        ImageError: the image cannot be read; raised by the call too.
        ModelError: the model failed.
        ClosedError: the predictor is closed.
    """
    options = EverythingOptions(
        points_per_side=points_per_side,
        points_per_batch=points_per_batch,
        pred_iou_thresh=pred_iou_thresh,
        stability_score_thresh=stability_score_thresh,
        stability_score_offset=stability_score_offset,
        box_nms_thresh=box_nms_thresh,
        crop_n_layers=crop_n_layers,
        crop_nms_thresh=crop_nms_thresh,
        crop_overlap_ratio=crop_overlap_ratio,
        crop_n_points_downscale_factor=crop_n_points_downscale_factor,
        point_grids=point_grids,
        min_mask_region_area=min_mask_region_area,
    )
    return search(predictor, image, options, cancel, threads)


def everything(
    predictor: Predictor,
    image: object,
    *,
    points_per_side: int | None = None,
    points_per_batch: int = 64,
    pred_iou_thresh: float | None = None,
    stability_score_thresh: float | None = None,
    stability_score_offset: float | None = None,
    box_nms_thresh: float = 0.7,
    crop_n_layers: int = 0,
    crop_nms_thresh: float = 0.7,
    crop_overlap_ratio: float = 512 / 1500,
    crop_n_points_downscale_factor: int = 1,
    point_grids: Sequence[npt.ArrayLike] | None = None,
    min_mask_region_area: int = 0,
    cancel: Event | None = None,
    threads: int | None = None,
) -> list[FoundObject]:
    """All objects of an image, the best first.

    Runs ``generate_masks`` to its end; that function explains each option and each error. With ``cancel`` set
    meanwhile, the objects that were found until then are returned.
    """
    options = EverythingOptions(
        points_per_side=points_per_side,
        points_per_batch=points_per_batch,
        pred_iou_thresh=pred_iou_thresh,
        stability_score_thresh=stability_score_thresh,
        stability_score_offset=stability_score_offset,
        box_nms_thresh=box_nms_thresh,
        crop_n_layers=crop_n_layers,
        crop_nms_thresh=crop_nms_thresh,
        crop_overlap_ratio=crop_overlap_ratio,
        crop_n_points_downscale_factor=crop_n_points_downscale_factor,
        point_grids=point_grids,
        min_mask_region_area=min_mask_region_area,
    )
    objects: tuple[FoundObject, ...] = ()
    for progress in search(predictor, image, options, cancel, threads):
        objects = progress.objects
    return list(objects)
