"""The course of a search for similar objects: points where the likeness is high, their masks, and again.

Owns the rounds, which points are asked, and what is learned from the first findings. ``likeness`` says where to ask,
``quality`` which masks are kept, and ``candidates`` which of those that overlap. Called by ``similar``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from samwidget.core import FoundObject, make_prompt
from samwidget.models import run_in_threads
from samwidget.predict.everything import Progress
from samwidget.predict.everything.pace import Pace
from samwidget.predict.find.candidates import Candidates
from samwidget.predict.find.features import Features
from samwidget.predict.find.likeness import Cover, Likeness
from samwidget.predict.find.parts import Predictor, masks_near
from samwidget.predict.find.peaks import enlarged, peaks, smoothed
from samwidget.predict.find.quality import Filter, Similar

if TYPE_CHECKING:
    from samwidget.models import Embedding

POINTS_AT_ONCE = 16
"""The most points in a step. After each group of so many it is decided which others are asked."""

_ENLARGED = 2
_POINTS_MAX = 400
# A round ends where so many groups gave fewer than so many new masks: the likest places come first.
_LAST, _LAST_GAINS_MIN = 2, 5
# The best findings of a round are examples in the next: at most so many, and of at least this quality.
_LEARNED_MAX = 12
_LEARNED_QUALITY = 0.8
# A point in a mask of this quality is not asked any more.
_SURE_QUALITY = 0.8
# Distance between points in radii of the smaller examples, for each round.
_ROUNDS = (1.8, 1.0)
# A mask may be several objects from this area on, in typical areas; then a last round asks at some points inside.
_LARGE_AREA = 1.6
_INSIDE_DISTANCE, _INSIDE_POINTS_MAX = 1.2, 32


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
    covered: Cover
    areas: npt.NDArray[np.float64]
    reach: float
    likeness_min: float
    candidates: Candidates
    pace: Pace
    cancel: Event
    threads: int
    done: int = 0
    total: int = 0
    objects: tuple[FoundObject, ...] = ()
    asked_cells_xy: list[list[float]] = field(default_factory=list)

    def steps(self) -> Iterator[Progress]:
        """Yields the progress after each step; the last one holds the result."""
        for distance in _ROUNDS:
            covered = np.maximum.reduce([self.covered, *(item.cover for item in self.candidates.best)])
            yield from self._round(self._points(1 - covered, distance, _POINTS_MAX - self.total))
            self._learn()
        large = [item.cover for item in self.candidates.best if self._is_large(item)]
        if large:
            points_xy = self._points(np.maximum.reduce(large), _INSIDE_DISTANCE, _INSIDE_POINTS_MAX)
            yield from self._round(points_xy, is_inside=True)

    def _round(self, waiting: npt.NDArray[np.float64], *, is_inside: bool = False) -> Iterator[Progress]:
        """Asks at (N, 2) points in their order, until they find nothing new, or all that are inside of masks."""
        self.total += len(waiting)
        gains: list[int] = []
        asked = gain = 0
        while len(waiting) and not self.cancel.is_set():
            batch, waiting = np.split(waiting, [min(self.pace.points_at_once, POINTS_AT_ONCE - asked)])
            with self.pace.decoding(len(batch)):
                gain += self._ask(batch)
            asked += len(batch)
            self.done += len(batch)
            # Not after each batch: its size depends on the machine, and what is found must not.
            if asked == POINTS_AT_ONCE:
                gains.append(gain)
                asked = gain = 0
                if not is_inside:
                    waiting = self._still_wanted(waiting, gains)
            self.total = self.done + len(waiting)
            yield self._progress()

    def _points(self, wanted: Cover, distance: float, count_max: int) -> npt.NDArray[np.float64]:
        """(N, 2) float64 x, y in image pixels: where masks are wanted and nothing was asked, the likest first.

        Args:
            wanted: (h, w), 0 to 1.
            distance: between points, in radii of the smaller examples.
            count_max: the largest number of points.
        """
        # Examples of several sizes are looked for at each of them: the likeness is smoothed less for small ones.
        radii = np.sqrt(self.areas / self.features.pixels_per_cell / np.pi)
        radius_min = float(radii.min())
        # Only what is asked may be a peak, and a mask is no reason to ask beside it.
        values = enlarged(smoothed(self.likeness.map * wanted, 0.3 * radius_min), _ENLARGED)
        for x, y in self.asked_cells_xy:
            _forget(values, x * _ENLARGED, y * _ENLARGED, 0.5 * radius_min * _ENLARGED)
        cells_xy = peaks(values, max(1.0, distance * radius_min * _ENLARGED), self.likeness_min, count_max)
        height, width = self.embedding.frame.image_hw
        points_xy = self.features.frame.logits_to_image(cells_xy / _ENLARGED).astype(np.float64)
        return np.minimum(points_xy, (width - 0.5, height - 0.5))

    def _still_wanted(self, waiting: npt.NDArray[np.float64], gains: list[int]) -> npt.NDArray[np.float64]:
        """Those of (N, 2) points that are still asked, after the numbers of new masks that each group gave."""
        if len(gains) >= _LAST and sum(gains[-_LAST:]) < _LAST_GAINS_MIN:
            return waiting[:0]
        return waiting[~self._is_surely_covered(waiting)]

    def _is_surely_covered(self, points_xy: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """(N,) bool, which points lie in a mask that is good enough to ask no more there."""
        sure = [item.cover for item in self.candidates.best if item.quality >= _SURE_QUALITY]
        if not sure:
            return np.zeros(len(points_xy), bool)
        columns, rows = self.features.frame.image_to_logits(points_xy).astype(np.intp).T
        height, width = self.covered.shape
        is_covered: npt.NDArray[np.bool_] = (
            np.maximum.reduce(sure)[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)] > 0.5
        )
        return is_covered

    def _is_large(self, item: Similar) -> bool:
        """Whether a mask may be that of several objects."""
        return item.found_object.area > _LARGE_AREA * float(np.median(self.areas))

    def _learn(self) -> None:
        """Takes the best findings as further examples: objects of a kind differ more than one of them shows."""
        learned = [item for item in self.candidates.best if item.quality >= _LEARNED_QUALITY][:_LEARNED_MAX]
        if learned:
            self.likeness = Likeness(self.features, [*self.examples, *(item.cover for item in learned)], self.excluded)
            self.areas = np.array([*self.areas, *(item.found_object.area for item in learned)], np.float64)

    def _ask(self, points_xy: npt.NDArray[np.float64]) -> int:
        """Asks the model at (N, 2) points; returns how many new masks that gave."""
        self.asked_cells_xy += self.features.frame.image_to_logits(points_xy).tolist()
        prompts = [make_prompt(point) for point in points_xy]
        masks_of_points = masks_near(self.predictor, self.embedding, prompts, self.reach, self.threads)
        first_id = self.done
        of_points = run_in_threads(
            lambda index: self.filter.passing(masks_of_points[index], points_xy[index], first_id + index),
            range(len(prompts)),
            self.threads,
        )
        return sum(sum(self.candidates.add(candidate) for candidate in of_point) for of_point in of_points)

    def _progress(self) -> Progress:
        objects = tuple(item.found_object for item in self.candidates.best)
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


def _forget(values: npt.NDArray[np.float32], x: float, y: float, radius: float) -> None:
    """Sets (h, w) values to 0 where their centres are within ``radius`` of a place."""
    height, width = values.shape
    rows = slice(max(0, int(y - radius)), min(height, int(y + radius) + 1))
    columns = slice(max(0, int(x - radius)), min(width, int(x + radius) + 1))
    ys, xs = np.arange(height)[rows] + 0.5 - y, np.arange(width)[columns] + 0.5 - x
    values[rows, columns][np.hypot.outer(ys, xs) <= max(radius, 0.1)] = 0
