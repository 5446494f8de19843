"""The search of *everything*: a model is asked at every point of a grid, and the masks are filtered.

Owns the order of a search: crops, points, filters, progress and cancel. The rules are those of the official
``SamAutomaticMaskGenerator`` (https://github.com/facebookresearch/segment-anything), and it gives the same masks.
Unlike there, objects are yielded as they are found, and a mask is stored as run lengths and not as an image. It does
not own the model. Called by ``generate``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from samwidget.core import Box, FoundObject, Masks, Prompt, Size, make_prompt
from samwidget.images import load_rgb
from samwidget.models import run_in_threads, thread_count
from samwidget.predict.everything.grid import crop_boxes, spread_order
from samwidget.predict.everything.nms import IncrementalNms, is_cut_off
from samwidget.predict.everything.options import EverythingOptions
from samwidget.predict.everything.pace import Pace
from samwidget.predict.everything.small_regions import without_small_regions
from samwidget.predict.everything.stability import mask_and_stability

if TYPE_CHECKING:
    from samwidget.models import Embedding, EverythingDefaults
    from samwidget.predict.locked_segmenter import EmbedResult

_CANDIDATES = 3


class Predictor(Protocol):
    """What a search needs of a predictor; a ``SamPredictor`` is one."""

    @property
    def everything_defaults(self) -> EverythingDefaults:
        """The options that suit the model."""
        ...

    @property
    def thread_count(self) -> int:
        """How many CPU threads compute where the caller does not say it."""
        ...

    def embed_with_source(self, image: npt.NDArray[np.uint8], *, threads: int | None) -> EmbedResult:
        """The embedding of (H, W, 3) uint8 RGB pixels, and whether a cache had it."""
        ...

    def predict_many(self, prompts: Sequence[Prompt], embedding: Embedding, *, threads: int | None) -> list[Masks]:
        """Three candidates for each prompt."""
        ...


@dataclass(frozen=True, eq=False)
class Progress:
    """The state of a search after a step, and what the step changed.

    Attributes:
        done: number of points that were asked so far.
        total: number of points of the whole search, with those of all crops.
        seconds_left: an estimate.
        objects: all objects found so far, the best first. In the last ``Progress`` they are the result.
        added: the objects in ``objects`` that were not in the previous one.
        removed: ids of the objects that were in the previous ``objects`` and are no longer, because a better object
            overlaps them. An object whose small regions were removed is in both under the same id: remove first, then
            add.
    """

    done: int
    total: int
    seconds_left: float
    objects: tuple[FoundObject, ...]
    added: tuple[FoundObject, ...]
    removed: tuple[int, ...]


def search(
    predictor: Predictor,
    image: object,
    options: EverythingOptions,
    cancel: Event | None = None,
    threads: int | None = None,
) -> Iterator[Progress]:
    """``generate_masks`` with its options as one value."""
    defaults = predictor.everything_defaults
    grids = options.grids(defaults.points_per_side)
    pixels = load_rgb(image)
    height, width = pixels.shape[:2]
    crops = crop_boxes((height, width), options.crop_n_layers, options.crop_overlap_ratio)
    count = predictor.thread_count if threads is None else thread_count(threads)
    return _Search(
        predictor=predictor,
        pixels=pixels,
        crops=[_Crop(box_xyxy, grids[layer]) for layer, box_xyxy in crops],
        score_min=_first_given(options.pred_iou_thresh, defaults.pred_iou_thresh),
        stability_min=_first_given(options.stability_score_thresh, defaults.stability_score_thresh),
        stability_offset=_first_given(options.stability_score_offset, defaults.stability_score_offset),
        nms=IncrementalNms(options.box_nms_thresh, options.crop_nms_thresh),
        pace=Pace(options.points_per_batch, count),
        region_area_min=options.min_mask_region_area,
        region_nms_thresh=max(options.box_nms_thresh, options.crop_nms_thresh),
        cancel=cancel or Event(),
        threads=count,
    ).steps()


def _first_given(value: float | None, default: float) -> float:
    return default if value is None else value


class _Crop(NamedTuple):
    """A part of the image, or all of it.

    Attributes:
        box_xyxy: in image pixels, the maximum exclusive.
        grid: (N, 2) float64 points x, y as shares of the crop's width and height.
    """

    box_xyxy: Box
    grid: npt.NDArray[np.float64]


class _Candidate(NamedTuple):
    """A candidate with a score above the threshold.

    Attributes:
        masks: the three candidates of its point.
        level: which of them it is.
        point_xy: the point, in image pixels.
        id: its number in this search.
    """

    masks: Masks
    level: int
    point_xy: tuple[float, float]
    id: int


@dataclass(eq=False)
class _Search:
    """One search: its settings and the objects found so far. See ``generate_masks`` for the settings."""

    predictor: Predictor
    pixels: npt.NDArray[np.uint8]
    crops: list[_Crop]
    score_min: float
    stability_min: float
    stability_offset: float
    nms: IncrementalNms
    pace: Pace
    region_area_min: int
    region_nms_thresh: float
    cancel: Event
    threads: int
    done: int = 0
    objects: tuple[FoundObject, ...] = ()

    def steps(self) -> Iterator[Progress]:
        first_id = 0
        for index, crop in enumerate(self.crops):
            if self.cancel.is_set():
                return
            x0, y0, x1, y1 = crop.box_xyxy
            with self.pace.encoding():
                embedding = self.predictor.embed_with_source(self.pixels[y0:y1, x0:x1], threads=self.threads).embedding
            self.nms.begin_crop()
            waiting = spread_order(len(crop.grid))
            crops_left = len(self.crops) - index - 1
            while len(waiting):
                batch, waiting = np.split(waiting, [self.pace.points_at_once])
                with self.pace.decoding(len(batch)):
                    ids = first_id + batch * _CANDIDATES
                    self.nms.add(self._found_objects(embedding, crop, crop.grid[batch], ids))
                self.done += len(batch)
                yield self._progress(self.nms.objects(), crops_left)
                if self.cancel.is_set():
                    return
            first_id += len(crop.grid) * _CANDIDATES
        if self.region_area_min:
            mended = without_small_regions(self.objects, self.region_area_min, self.region_nms_thresh, self.threads)
            yield self._progress(mended, 0)

    def _found_objects(
        self,
        embedding: Embedding,
        crop: _Crop,
        points: npt.NDArray[np.float64],
        ids: npt.NDArray[np.intp],
    ) -> list[FoundObject]:
        """The candidates of (N, 2) points of a crop's grid that pass all filters but non-maximum suppression.

        ``ids`` (N,) are the ids of each point's first candidate.
        """
        x0, y0, x1, y1 = crop.box_xyxy
        points_xy = points * (x1 - x0, y1 - y0)
        prompts = [make_prompt(point_xy) for point_xy in points_xy]
        masks_of_points = self.predictor.predict_many(prompts, embedding, threads=self.threads)
        # As the reference compares: in the model's float32, and 0 keeps all.
        candidates = [
            _Candidate(masks, level, (x + x0, y + y0), first_id + level)
            for masks, (x, y), first_id in zip(masks_of_points, points_xy.tolist(), ids.tolist(), strict=True)
            for level, score in enumerate(masks.scores)
            if self.score_min <= 0 or score > np.float32(self.score_min)
        ]
        # Numpy releases the interpreter lock while it computes the full-size masks.
        found_objects = run_in_threads(
            lambda candidate: self._found_object(crop.box_xyxy, candidate), candidates, self.threads
        )
        return [found_object for found_object in found_objects if found_object is not None]

    def _found_object(self, crop_xyxy: Box, candidate: _Candidate) -> FoundObject | None:
        """The candidate as a found object; None if it is not stable, empty or cut off by the crop."""
        masks, level = candidate.masks, candidate.level
        result = mask_and_stability(masks.logits[level], masks.frame, self.stability_offset, self.stability_min)
        if result is None:
            return None
        run_lengths, stability = result[0].moved(crop_xyxy[0], crop_xyxy[1], self._image_hw), result[1]
        if run_lengths.box_xyxy is None or is_cut_off(run_lengths.box_xyxy, crop_xyxy, self._image_hw):
            return None
        return FoundObject(
            id=candidate.id,
            run_lengths=run_lengths,
            score=float(masks.scores[level]),
            stability=float(stability),
            point_xy=candidate.point_xy,
            level=level,
            crop_xyxy=crop_xyxy,
            candidate=_masks_of_level(masks, level) if masks.frame.image_hw == self._image_hw else None,
        )

    def _progress(self, objects: list[FoundObject], crops_left: int) -> Progress:
        before, now = set(self.objects), set(objects)
        removed = tuple(found_object.id for found_object in self.objects if found_object not in now)
        self.objects = tuple(objects)
        total = sum(len(crop.grid) for crop in self.crops)
        return Progress(
            done=self.done,
            total=total,
            seconds_left=self.pace.seconds_left(encodes=crops_left, points=total - self.done),
            objects=self.objects,
            added=tuple(found_object for found_object in objects if found_object not in before),
            removed=removed,
        )

    @property
    def _image_hw(self) -> Size:
        return (self.pixels.shape[0], self.pixels.shape[1])


def _masks_of_level(masks: Masks, level: int) -> Masks:
    """One candidate, copied: a view would keep the memory of the other candidates."""
    logits, scores = masks.logits[level : level + 1].copy(), masks.scores[level : level + 1]
    return replace(masks, logits=logits, scores=scores)
