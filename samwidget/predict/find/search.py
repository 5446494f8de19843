"""The course of a search for similar objects: points where the likeness is high, their masks, and again.

Owns the rounds, which points are asked, what is learned from the first findings, and which of two masks of an object
stays. ``likeness`` says where to ask, ``quality`` which masks are kept. Called by ``similar``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from samwidget.core import FoundObject, Masks, Prompt, RunLengths, make_prompt
from samwidget.models import run_in_threads
from samwidget.predict.everything import Progress
from samwidget.predict.everything.pace import Pace
from samwidget.predict.find.features import Features
from samwidget.predict.find.likeness import Cover, Likeness
from samwidget.predict.find.overlap import shared_area
from samwidget.predict.find.peaks import enlarged, peaks, smoothed
from samwidget.predict.find.quality import Filter, Similar

if TYPE_CHECKING:
    from samwidget.models import Embedding, EverythingDefaults

POINTS_AT_ONCE = 64

# Of two masks that share more than this part of the smaller, the better one stays.
_SHARED_MAX = 0.4
_ENLARGED = 2
_POINTS_MAX = 400
# A round ends where fewer than so many of the last points gave a new mask: the likest places come first.
_LAST, _LAST_GAINS_MIN = 24, 4
# The best findings of a round are examples in the next: at most so many, and of at least this quality.
_LEARNED_MAX = 12
_LEARNED_QUALITY = 0.8
# A point in a mask of this quality is not asked any more.
_SURE_QUALITY = 0.8
# Distance between points in radii of the smaller examples, for each round.
_ROUNDS = (1.8, 1.0)


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


@dataclass(eq=False)
class Search:
    """One search: its settings and what it has found so far."""

    predictor: Predictor
    embedding: Embedding
    features: Features
    filter: Filter
    likeness: Likeness
    examples: list[Cover]
    excluded: list[Cover]
    known: list[RunLengths]
    covered: Cover
    areas: npt.NDArray[np.float64]
    likeness_min: float
    objects_max: int | None
    pace: Pace
    cancel: Event
    threads: int
    done: int = 0
    total: int = 0
    candidates: list[Similar] = field(default_factory=list)
    overlaps: list[set[int]] = field(default_factory=list)
    objects: tuple[FoundObject, ...] = ()
    asked_cells_xy: list[list[float]] = field(default_factory=list)

    def steps(self) -> Iterator[Progress]:
        """Yields the progress after each step; the last one holds the result."""
        for distance in _ROUNDS:
            waiting = self._points(distance)
            self.total += len(waiting)
            gains: list[float] = []
            while len(waiting):
                if self.cancel.is_set():
                    return
                batch, waiting = np.split(waiting, [self.pace.points_at_once])
                with self.pace.decoding(len(batch)):
                    gain = self._ask(batch)
                gains += [gain / len(batch)] * len(batch)
                self.done += len(batch)
                if len(gains) >= _LAST and sum(gains[-_LAST:]) < _LAST_GAINS_MIN:
                    waiting = waiting[:0]
                elif gain:
                    waiting = waiting[~self._is_surely_covered(waiting)]
                self.total = self.done + len(waiting)
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
        for x, y in self.asked_cells_xy:
            _forget(values, x * _ENLARGED, y * _ENLARGED, 0.5 * radius_min * _ENLARGED)
        cells_xy = peaks(
            values, max(1.0, distance * radius_min * _ENLARGED), self.likeness_min, _POINTS_MAX - self.total
        )
        height, width = self.embedding.frame.image_hw
        points_xy = self.features.frame.logits_to_image(cells_xy / _ENLARGED).astype(np.float64)
        return np.minimum(points_xy, (width - 0.5, height - 0.5))

    def _is_surely_covered(self, points_xy: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """(N,) bool, which points lie in a mask that is good enough to ask no more there."""
        sure = [item.cover for item in self._best() if item.quality >= _SURE_QUALITY]
        if not sure:
            return np.zeros(len(points_xy), bool)
        columns, rows = self.features.frame.image_to_logits(points_xy).astype(np.intp).T
        height, width = self.covered.shape
        is_covered: npt.NDArray[np.bool_] = (
            np.maximum.reduce(sure)[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)] > 0.5
        )
        return is_covered

    def _learn(self) -> None:
        """Takes the best findings as further examples: objects of a kind differ more than one of them shows."""
        learned = [item for item in self._best() if item.quality >= _LEARNED_QUALITY][:_LEARNED_MAX]
        if learned:
            self.likeness = Likeness(self.features, [*self.examples, *(item.cover for item in learned)], self.excluded)
            self.areas = np.array([*self.areas, *(item.found_object.area for item in learned)], np.float64)

    def _ask(self, points_xy: npt.NDArray[np.float64]) -> int:
        """Asks the model at (N, 2) points; returns how many new masks that gave."""
        self.asked_cells_xy += self.features.frame.image_to_logits(points_xy).tolist()
        prompts = [make_prompt(point) for point in points_xy]
        masks_of_points = self.predictor.predict_many(prompts, self.embedding, threads=self.threads)
        first_id = self.done
        chosen = run_in_threads(
            lambda index: self.filter.best(masks_of_points[index], points_xy[index], first_id + index),
            range(len(prompts)),
            self.threads,
        )
        return sum(self._add(candidate) for candidate in chosen if candidate is not None)

    def _add(self, candidate: Similar) -> bool:
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

    def _best(self) -> list[Similar]:
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
