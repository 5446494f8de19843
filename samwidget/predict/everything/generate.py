"""Everything: the objects of a whole image, found by asking at every point of a grid.

Owns the order of the search: crops, points, filters, progress, cancel. The rules and the defaults are those of the
official ``SamAutomaticMaskGenerator`` (https://github.com/facebookresearch/segment-anything), and so are the masks; but
they come as they are found, and none is ever a picture while it is filtered.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from samwidget.core import Box, FoundObject, Masks, make_prompt
from samwidget.errors import PromptError
from samwidget.images import load_rgb
from samwidget.predict.everything.grid import crop_boxes, point_grid, spread_order
from samwidget.predict.everything.nms import Selection, is_cut_off, without_duplicates
from samwidget.predict.everything.pace import Pace
from samwidget.predict.everything.small_regions import without_small_regions
from samwidget.predict.everything.stability import trace

if TYPE_CHECKING:
    from samwidget.models import Embedding
    from samwidget.predict.predictor import SamPredictor

_CANDIDATES = 3


@dataclass(frozen=True, eq=False)
class Progress:
    """How far a search is, and what has changed since the last time.

    Attributes:
        done: points that were asked.
        total: points in all, those of later crops among them.
        seconds_left: an estimate.
        objects: all that is found so far, best first. In the last one, after ``done == total``, the result.
        added: of these, the ones that were not there before.
        removed: ids of those that were there before and are not now, since a better one took their place. An object
            whose small regions were removed is in both, with one id: remove first, then add.
    """

    done: int
    total: int
    seconds_left: float
    objects: tuple[FoundObject, ...]
    added: tuple[FoundObject, ...]
    removed: tuple[int, ...]


def generate_masks(
    predictor: SamPredictor,
    image: Any,
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
) -> Iterator[Progress]:
    """The objects of an image while they are found, a few points at a time.

    The parameters and their defaults are those of the official ``SamAutomaticMaskGenerator``; where None is the default
    it stands for what suits the network (``Segmenter.everything_defaults``), for SAM the official numbers too.
    The points are asked in an order that is spread over the image; that changes nothing in the result.

    Args:
        predictor: a network; between two steps it answers others. Its setting ``clean`` applies.
        image: whatever ``load_rgb`` reads.
        points_per_side: the grid has this many points along each side.
        points_per_batch: points asked together at most; fewer where the network is slow, so that a step takes 0.1 s.
        pred_iou_thresh: masks with a score above it stay, 0 to 1; 0 keeps all.
        stability_score_thresh: masks at least as stable stay, 0 to 1; 0 keeps all.
        stability_score_offset: stability compares the masks at thresholds this much above and below 0.
        box_nms_thresh: of masks whose boxes overlap by more than this IoU the one with the highest score stays.
        crop_n_layers: look at crops too: 2 x 2 with one layer, 4 x 4 more with two, ... Small objects come out better,
            and each crop is encoded.
        crop_nms_thresh: as ``box_nms_thresh``, between crops; the object of the smaller crop stays.
        crop_overlap_ratio: overlap of the 2 x 2 crops as a share of the image's shorter side, below 1.
        crop_n_points_downscale_factor: divides ``points_per_side`` once for each layer of crops.
        point_grids: for the image and each layer of crops an (N, 2) array of x, y in [0, 1], instead of
            ``points_per_side``.
        min_mask_region_area: fills holes and removes islands of fewer pixels at the end; 0 does not.
        cancel: ends the search once it is set, looked at between steps. What was found until then has been yielded,
            with its small regions. An encoder that runs is finished first, where the image or a crop is a new one.

    Yields:
        ``Progress`` after each step; the last one holds the result. None at all where ``cancel`` is set from the start.

    Raises:
        PromptError: a parameter out of its range, before anything runs.
        ImageError: the image cannot be read.
        ModelError: the network failed.
        ClosedError: the predictor was closed, before or meanwhile.
    """
    defaults = predictor.everything_defaults
    if points_per_side is not None and point_grids is not None:
        raise PromptError("points_per_side and point_grids were both given", hint="give one of them")
    _check_range("pred_iou_thresh", pred_iou_thresh, 1)
    _check_range("stability_score_thresh", stability_score_thresh, 1)
    _check_range("stability_score_offset", stability_score_offset, np.inf)
    _check_range("box_nms_thresh", box_nms_thresh, 1)
    _check_range("crop_nms_thresh", crop_nms_thresh, 1)
    _check_range("crop_overlap_ratio", crop_overlap_ratio, np.nextafter(1, 0))
    _check_whole("points_per_batch", points_per_batch, 1)
    _check_whole("crop_n_layers", crop_n_layers, 0)
    _check_whole("min_mask_region_area", min_mask_region_area, 0)
    if point_grids is None:
        side = defaults.points_per_side if points_per_side is None else points_per_side
        grids = _own_grids(side, crop_n_layers, crop_n_points_downscale_factor)
    else:
        grids = _given_grids(point_grids, crop_n_layers)
    pixels = load_rgb(image)
    height, width = pixels.shape[:2]
    search = _Search(
        predictor=predictor,
        pixels=pixels,
        crops=[(box, grids[layer]) for layer, box in crop_boxes((height, width), crop_n_layers, crop_overlap_ratio)],
        score_min=defaults.pred_iou_thresh if pred_iou_thresh is None else pred_iou_thresh,
        stability_min=defaults.stability_score_thresh if stability_score_thresh is None else stability_score_thresh,
        stability_offset=defaults.stability_score_offset if stability_score_offset is None else stability_score_offset,
        selection=Selection(box_nms_thresh, crop_nms_thresh),
        pace=Pace(points_per_batch),
        region_area_min=min_mask_region_area,
        region_nms_thresh=max(box_nms_thresh, crop_nms_thresh),
        cancel=cancel or Event(),
    )
    return search.steps()


def everything(predictor: SamPredictor, image: Any, **options: Any) -> list[FoundObject]:
    """The objects of an image, best first: ``generate_masks`` to its end.

    Args:
        predictor: a network.
        image: whatever ``load_rgb`` reads.
        options: those of ``generate_masks``; with ``cancel`` set meanwhile, what was found until then.

    Raises:
        SamWidgetError: as ``generate_masks``.
    """
    objects: tuple[FoundObject, ...] = ()
    for progress in generate_masks(predictor, image, **options):
        objects = progress.objects
    return list(objects)


# Jupyter completes what a signature names.
everything.__signature__ = inspect.signature(generate_masks).replace(  # type: ignore[attr-defined]
    return_annotation="list[FoundObject]"
)


@dataclass(eq=False)
class _Search:
    """One search: its settings, checked, and what it has found so far."""

    predictor: SamPredictor
    pixels: npt.NDArray[np.uint8]
    crops: list[tuple[Box, npt.NDArray[np.float64]]]
    score_min: float
    stability_min: float
    stability_offset: float
    selection: Selection
    pace: Pace
    region_area_min: int
    region_nms_thresh: float
    cancel: Event
    blas: ThreadpoolController = field(default_factory=lambda: ThreadpoolController().select(internal_api="openblas"))
    done: int = 0
    shown: tuple[FoundObject, ...] = ()

    def steps(self) -> Iterator[Progress]:
        # Masks are traced side by side: numpy lets go of the interpreter while it computes.
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1), "samwidget everything") as threads:
            yield from self._steps(threads)

    def _steps(self, threads: ThreadPoolExecutor) -> Iterator[Progress]:
        for index, (crop, grid) in enumerate(self.crops):
            if self.cancel.is_set():
                return
            x0, y0, x1, y1 = crop
            with self.pace.encoding():
                embedding = self.predictor.embed(self.pixels[y0:y1, x0:x1])
            self.selection.begin_crop()
            order = spread_order(len(grid))
            crops_left = len(self.crops) - index - 1
            first_id = sum(len(points) for _, points in self.crops[:index]) * _CANDIDATES
            while len(order):
                some, order = np.split(order, [self.pace.points_at_once])
                with self.pace.answering(len(some)):
                    ids = first_id + some * _CANDIDATES
                    self.selection.add(self._candidates(threads, embedding, crop, grid[some], ids))
                self.done += len(some)
                yield self._progress(self.selection.objects(), crops_left)
                if self.cancel.is_set():
                    return
        if self.region_area_min:
            yield self._progress(self._without_small_regions(), 0)

    def _candidates(
        self,
        threads: ThreadPoolExecutor,
        embedding: Embedding,
        crop: Box,
        points: npt.NDArray[np.float64],
        ids: npt.NDArray[np.intp],
    ) -> list[FoundObject]:
        """The masks at some points, relative to a crop, that pass the filters."""
        places = points * (crop[2] - crop[0], crop[3] - crop[1])
        answers = self.predictor.predict_many([make_prompt(place) for place in places], embedding)
        # As the reference compares: in the network's float32, and 0 keeps all.
        good = [
            (answer, level, (x + crop[0], y + crop[1]), first_id + level)
            for answer, (x, y), first_id in zip(answers, places.tolist(), ids.tolist(), strict=True)
            for level, score in enumerate(answer.scores)
            if self.score_min <= 0 or score > np.float32(self.score_min)
        ]
        # One thread each for numpy's small products: with two the masks would wait for each other, and take three times
        # as long.
        with self.blas.limit(limits=1):
            found = list(threads.map(lambda each: self._found(crop, *each), good))
        return [each for each in found if each is not None]

    def _found(
        self, crop: Box, answer: Masks, level: int, point_xy: tuple[float, float], number: int
    ) -> FoundObject | None:
        """One candidate of an answer; None where it is not stable, empty, or cut off by the crop."""
        traced = trace(answer.logits[level], answer.frame, self.stability_offset, self.stability_min)
        if traced is None:
            return None
        runs, stability = traced[0].moved(crop[0], crop[1], self._image_hw), traced[1]
        if runs.box_xyxy is None or is_cut_off(runs.box_xyxy, crop, self._image_hw):
            return None
        return FoundObject(
            id=number,
            run_lengths=runs,
            score=float(answer.scores[level]),
            stability=float(stability),
            point_xy=point_xy,
            level=level,
            crop_xyxy=crop,
            candidate=_one(answer, level) if answer.frame.image_hw == self._image_hw else None,
        )

    def _without_small_regions(self) -> list[FoundObject]:
        tidied = [(found, without_small_regions(found.run_lengths, self.region_area_min)) for found in self.shown]
        same = [found for found, runs in tidied if runs is found.run_lengths]
        changed = [
            replace(found, run_lengths=runs, candidate=None) for found, runs in tidied if runs is not found.run_lengths
        ]
        # A change may make two masks one; those that needed none win.
        return without_duplicates([*same, *changed], self.region_nms_thresh)

    def _progress(self, objects: list[FoundObject], crops_left: int) -> Progress:
        before, now = set(self.shown), set(objects)
        removed = tuple(found.id for found in self.shown if found not in now)
        self.shown = tuple(objects)
        total = sum(len(points) for _, points in self.crops)
        return Progress(
            done=self.done,
            total=total,
            seconds_left=self.pace.seconds_left(encodes=crops_left, points=total - self.done),
            objects=self.shown,
            added=tuple(found for found in objects if found not in before),
            removed=removed,
        )

    @property
    def _image_hw(self) -> tuple[int, int]:
        return (self.pixels.shape[0], self.pixels.shape[1])


def _one(answer: Masks, level: int) -> Masks:
    """One candidate, copied, since the others' memory would stay with it."""
    return Masks(answer.logits[level : level + 1].copy(), answer.scores[level : level + 1], answer.frame, answer.prompt)


def _own_grids(points_per_side: int, layers: int, downscale_factor: int) -> list[npt.NDArray[np.float64]]:
    _check_whole("points_per_side", points_per_side, 1)
    _check_whole("crop_n_points_downscale_factor", downscale_factor, 1)
    sides = [int(points_per_side / downscale_factor**layer) for layer in range(layers + 1)]
    if sides[-1] == 0:
        raise PromptError(
            f"{points_per_side} points per side divided {layers} times by {downscale_factor} leave none",
            hint="give a smaller crop_n_points_downscale_factor",
        )
    return [point_grid(side) for side in sides]


def _given_grids(point_grids: Sequence[npt.ArrayLike], layers: int) -> list[npt.NDArray[np.float64]]:
    grids = [np.asarray(grid, np.float64) for grid in point_grids]
    if len(grids) <= layers:
        raise PromptError(
            f"there are {len(grids)} point grids for the image and {layers} layers of crops",
            hint="give one for the image and one for each layer",
        )
    for grid in grids:
        if grid.ndim != 2 or grid.shape[1:] != (2,) or len(grid) == 0:
            raise PromptError(f"a point grid has shape {grid.shape}", hint="give (N, 2), x before y")
        if not ((grid >= 0) & (grid <= 1)).all():
            raise PromptError(
                f"a point grid holds values from {grid.min():g} to {grid.max():g}",
                hint="give shares of the width and the height, 0 to 1",
            )
    return grids


def _check_range(name: str, value: float | None, most: float) -> None:
    if value is not None and not 0 <= value <= most:
        hint = "give a number from 0" if most == np.inf else f"give a number from 0 to {most:g}"
        raise PromptError(f"{name} is {value}", hint=hint)


def _check_whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or int(value) != value or value < least:
        raise PromptError(f"{name} is {value}", hint=f"give a whole number, {least} or more")
