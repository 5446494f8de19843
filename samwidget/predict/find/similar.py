"""The search for objects that look like some that are chosen, in an image whose embedding is there: nothing is encoded.

Owns the order of the search: likeness of the examples (``likeness``), points where it is high (``peaks``), masks of
these points, filters, and again where no mask is yet. It does not own the model. Called by ``SamPredictor`` and by the
widget.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from samwidget.core import Box, FoundObject, Masks, Prompt, RunLengths, make_prompt
from samwidget.errors import PromptError
from samwidget.models import run_in_threads, thread_count
from samwidget.predict.everything import Progress
from samwidget.predict.everything.pace import Pace
from samwidget.predict.everything.stability import mask_and_stability
from samwidget.predict.find.features import Features
from samwidget.predict.find.likeness import Cover, Likeness
from samwidget.predict.find.overlap import shared_area
from samwidget.predict.find.peaks import enlarged, peaks, smoothed

if TYPE_CHECKING:
    from samwidget.models import Embedding, EverythingDefaults

LIKENESS_THRESH = 0.45
"""Least likeness of a mask where the caller does not say it."""

# A mask is like an example where their areas differ by less than this factor.
_AREA_FACTOR = 2.5
# Of two masks that share more than this part of the smaller, the better one stays.
_SHARED_MAX = 0.4
# The model's scores are lower for small things than for those that *everything* looks for.
_SCORE_PART = 0.7
_ENLARGED = 2
_POINTS_MAX = 400
# A round ends after so many points in a row that gave no new mask: the likest places come first.
_MISSES_MAX = 24
# The best findings of a round are examples in the next: at most so many, and of at least this quality.
_LEARNED_MAX = 12
_LEARNED_QUALITY = 0.5
# A mask that passes all filters has at least this quality.
_QUALITY_MIN = 0.4
_POINTS_AT_ONCE = 64
# Distance between points in radii of the example, for each round.
_ROUNDS = (1.0, 0.7)


class Predictor(Protocol):
    """What a search needs of a predictor; a ``SamPredictor`` is one."""

    @property
    def everything_defaults(self) -> EverythingDefaults:
        """The thresholds that suit the model."""
        ...

    @property
    def thread_count(self) -> int:
        """How many CPU threads compute where the caller does not say it."""
        ...

    def predict_many(self, prompts: Sequence[Prompt], embedding: Embedding, *, threads: int | None) -> list[Masks]:
        """Three candidates for each prompt."""
        ...


def search_similar(
    predictor: Predictor,
    embedding: Embedding,
    examples: Sequence[RunLengths],
    excluded: Sequence[RunLengths] = (),
    *,
    known: Sequence[RunLengths] = (),
    max_objects: int | None = None,
    likeness_thresh: float | None = None,
    cancel: Event | None = None,
    threads: int | None = None,
) -> Iterator[Progress]:
    """The objects like the examples while they are found, a few points at a time.

    Args:
        predictor: decodes the points; it can serve other callers between two steps.
        embedding: of the image.
        examples: the masks of one object or more, at the image's size. They are not found again.
        excluded: the masks of objects that are not wanted, and what looks like them.
        known: the masks of other objects that are there already, and are not found again.
        max_objects: at most so many, the best; None for all.
        likeness_thresh: least likeness, 0 to 1; None takes ``LIKENESS_THRESH``.
        cancel: the search ends when this event is set, after the step that runs.
        threads: how many CPU threads compute; None takes the predictor's number.

    Yields:
        ``Progress`` after each step; the last one holds the result. Nothing where nothing looks like the examples.

    Raises:
        PromptError: there is no example, a mask is empty, of another size or as large as the image, or a limit is
            out of its range; raised by the call.
        ModelError: the model failed, or its features are not on this computer.
        ClosedError: the predictor is closed.
    """
    _check_limits(max_objects, likeness_thresh)
    _check_masks(examples, [*excluded, *known], embedding.frame.image_hw)
    defaults = predictor.everything_defaults
    count = predictor.thread_count if threads is None else thread_count(threads)
    features = Features.of(embedding)
    covers = [features.cover_of_mask(mask) for mask in (*examples, *excluded)]
    return _Search(
        predictor=predictor,
        embedding=embedding,
        features=features,
        likeness=Likeness(features, covers[: len(examples)], covers[len(examples) :]),
        examples=covers[: len(examples)],
        excluded=covers[len(examples) :],
        known=[*examples, *excluded, *known],
        covered=np.maximum.reduce([*covers, *(features.cover_of_mask(mask) for mask in known)]),
        areas=np.array([mask.area for mask in examples], np.float64),
        likeness_min=LIKENESS_THRESH if likeness_thresh is None else likeness_thresh,
        score_min=defaults.pred_iou_thresh * _SCORE_PART,
        stability_offset=defaults.stability_score_offset,
        objects_max=max_objects,
        pace=Pace(_POINTS_AT_ONCE, count),
        cancel=cancel or Event(),
        threads=count,
    ).steps()


def _check_limits(max_objects: int | None, likeness_thresh: float | None) -> None:
    count = max_objects
    if count is not None and (isinstance(count, bool) or int(count) != count or count < 1):
        raise PromptError(f"max_objects is {count}", hint="give a whole number, 1 or more, or None for all")
    if likeness_thresh is not None and not 0 <= likeness_thresh <= 1:
        raise PromptError(f"likeness_thresh is {likeness_thresh}", hint="give a number from 0 to 1")


def _check_masks(examples: Sequence[RunLengths], others: Sequence[RunLengths], image_hw: tuple[int, int]) -> None:
    if not examples:
        raise PromptError("there is no example", hint="choose at least one object")
    for mask in (*examples, *others):
        if mask.size_hw != image_hw:
            raise PromptError(
                f"a mask has size {mask.size_hw}, the image {image_hw}", hint="choose objects of this image"
            )
        if mask.area == 0:
            raise PromptError("the mask of an example is empty", hint="choose an object that has pixels")
    if any(mask.area > 0.9 * image_hw[0] * image_hw[1] for mask in examples):
        raise PromptError("the example covers the whole image", hint="choose an object with something around it")


class _Similar(NamedTuple):
    """A mask that passes the filters; the best of those that overlap becomes a found object."""

    found_object: FoundObject
    cover: Cover
    quality: float


@dataclass(eq=False)
class _Search:
    """One search: its settings and what it has found so far."""

    predictor: Predictor
    embedding: Embedding
    features: Features
    likeness: Likeness
    examples: list[Cover]
    excluded: list[Cover]
    known: list[RunLengths]
    covered: Cover
    areas: npt.NDArray[np.float64]
    likeness_min: float
    score_min: float
    stability_offset: float
    objects_max: int | None
    pace: Pace
    cancel: Event
    threads: int
    done: int = 0
    total: int = 0
    candidates: list[_Similar] = field(default_factory=list)
    overlaps: list[set[int]] = field(default_factory=list)
    objects: tuple[FoundObject, ...] = ()
    asked_xy: list[tuple[float, float]] = field(default_factory=list)

    def steps(self) -> Iterator[Progress]:
        for distance in _ROUNDS:
            waiting = self._points(distance)
            self.total += len(waiting)
            misses = 0
            while len(waiting) and misses < _MISSES_MAX:
                if self.cancel.is_set():
                    return
                batch, waiting = np.split(waiting, [self.pace.points_at_once])
                with self.pace.decoding(len(batch)):
                    gain = self._ask(batch)
                misses = 0 if gain else misses + len(batch)
                self.done += len(batch)
                if misses >= _MISSES_MAX:
                    self.total = self.done
                yield self._progress()
            self._learn()

    def _points(self, distance: float) -> npt.NDArray[np.float64]:
        """(N, 2) float64 x, y in image pixels: where a mask is wanted and is not yet, the likest first."""
        covered = np.maximum.reduce([self.covered, *(item.cover for item in self._best())])
        # Examples of several sizes are looked for at each of them: the likeness is smoothed less for small ones.
        radii = np.sqrt(self.areas / self.features.pixels_per_cell / np.pi)
        radius_min = float(radii.min())
        # Only what is asked may be a peak, and a mask is no reason to ask beside it.
        values = enlarged(smoothed(self.likeness.map * (1 - covered), 0.4 * radius_min), _ENLARGED)
        for x, y in self.asked_xy:
            _forget(values, x * _ENLARGED, y * _ENLARGED, 0.5 * radius_min * _ENLARGED)
        cells_xy = peaks(
            values, max(1.0, distance * radius_min * _ENLARGED), self.likeness_min, _POINTS_MAX - self.total
        )
        self.asked_xy += [(x / _ENLARGED, y / _ENLARGED) for x, y in cells_xy.tolist()]
        height, width = self.embedding.frame.image_hw
        points_xy = self.features.frame.logits_to_image(cells_xy / _ENLARGED).astype(np.float64)
        return np.minimum(points_xy, (width - 0.5, height - 0.5))

    def _learn(self) -> None:
        """Takes the best findings as further examples: objects of a kind differ more than one of them shows."""
        learned = [item for item in self._best() if item.quality >= _LEARNED_QUALITY][:_LEARNED_MAX]
        if learned:
            self.likeness = Likeness(self.features, [*self.examples, *(item.cover for item in learned)], self.excluded)
            self.areas = np.array([*self.areas, *(item.found_object.area for item in learned)], np.float64)

    def _ask(self, points_xy: npt.NDArray[np.float64]) -> int:
        """Asks the model at (N, 2) points; returns how many new masks that gave."""
        prompts = [make_prompt(point) for point in points_xy]
        masks_of_points = self.predictor.predict_many(prompts, self.embedding, threads=self.threads)
        first_id = self.done
        chosen = run_in_threads(
            lambda index: self._chosen(masks_of_points[index], points_xy[index], first_id + index),
            range(len(prompts)),
            self.threads,
        )
        return sum(self._add(candidate) for candidate in chosen if candidate is not None)

    def _chosen(self, masks: Masks, point_xy: npt.NDArray[np.float64], number: int) -> _Similar | None:
        """The candidate of one point that is likest to the examples; None where none passes the filters."""
        rows, columns = masks.frame.content_logits_hw
        (x0, y0), (x1, y1) = masks.frame.logits_to_image([[0, 0], [1, 1]]).tolist()
        pixels_per_logit = (x1 - x0) * (y1 - y0)
        best: tuple[float, int, Cover] | None = None
        for level, (logits, score) in enumerate(zip(masks.logits, masks.scores.tolist(), strict=True)):
            area = np.count_nonzero(logits[:rows, :columns] > 0) * pixels_per_logit
            difference = float(np.abs(np.log((area + 1e-9) / self.areas)).min()) / math.log(_AREA_FACTOR)
            if difference > 1 or score < self.score_min:
                continue
            cover = self.features.cover_of_logits(logits)
            likeness = self.likeness.of(cover)
            quality = math.sqrt(likeness) * score * math.exp(-(difference**2))
            if likeness >= self.likeness_min and (best is None or quality > best[0]):
                best = (quality, level, cover)
        if best is None:
            return None
        _, level, cover = best
        made = mask_and_stability(masks.logits[level], masks.frame, self.stability_offset, 0)
        if made is None or made[0].area == 0:
            return None
        # Measured on labelled photos: score and stability tell more than the likeness of what passes its threshold.
        quality = math.sqrt(self.likeness.of(cover)) * float(masks.scores[level]) * float(made[1])
        if quality < _QUALITY_MIN:
            return None
        height, width = masks.frame.image_hw
        whole_xyxy: Box = (0, 0, width, height)
        x, y = point_xy.tolist()
        logits, scores = masks.logits[level : level + 1].copy(), masks.scores[level : level + 1]
        found_object = FoundObject(
            id=number,
            run_lengths=made[0],
            score=float(masks.scores[level]),
            stability=float(made[1]),
            point_xy=(x, y),
            level=level,
            crop_xyxy=whole_xyxy,
            candidate=replace(masks, logits=logits, scores=scores),
        )
        return _Similar(found_object, cover, quality)

    def _add(self, candidate: _Similar) -> bool:
        """Remembers a candidate, unless it is an example or excluded; returns whether it is the first of its object."""
        mask = candidate.found_object.run_lengths
        if any(_is_same(mask, other) for other in self.known):
            return False
        index = len(self.candidates)
        self.overlaps.append(set())
        for other, item in enumerate(self.candidates):
            if _is_same(mask, item.found_object.run_lengths):
                self.overlaps[other].add(index)
                self.overlaps[index].add(other)
        self.candidates.append(candidate)
        return not self.overlaps[index]

    def _best(self) -> list[_Similar]:
        """The candidates that overlap no better one, the best first."""
        gone: set[int] = set()
        result = []
        for index in sorted(range(len(self.candidates)), key=lambda index: -self.candidates[index].quality):
            if index not in gone:
                result.append(self.candidates[index])
                gone |= self.overlaps[index]
        return result[: self.objects_max]

    def _progress(self) -> Progress:
        objects = tuple(item.found_object for item in self._best())
        before, now = set(self.objects), set(objects)
        progress = Progress(
            done=self.done,
            total=self.total,
            seconds_left=self.pace.seconds_left(encodes=0, points=self.total - self.done),
            objects=objects,
            added=tuple(item for item in objects if item not in before),
            removed=tuple(item.id for item in self.objects if item not in now),
        )
        self.objects = objects
        return progress


def _is_same(a: RunLengths, b: RunLengths) -> bool:
    return shared_area(a, b) > _SHARED_MAX * min(a.area, b.area)


def _forget(values: npt.NDArray[np.float32], x: float, y: float, radius: float) -> None:
    """Sets (h, w) values to 0 where their centres are within ``radius`` of a place."""
    height, width = values.shape
    rows = slice(max(0, int(y - radius)), min(height, int(y + radius) + 1))
    columns = slice(max(0, int(x - radius)), min(width, int(x + radius) + 1))
    ys, xs = np.arange(height)[rows] + 0.5 - y, np.arange(width)[columns] + 0.5 - x
    values[rows, columns][np.hypot.outer(ys, xs) <= max(radius, 0.1)] = 0
