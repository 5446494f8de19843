"""Candidates: the masks that a search has found, and which of those that overlap are found objects.

Of two masks of one object, that of the higher quality stays. Several masks that fill one stay instead of it, also where
they are a little worse: objects that touch have good masks as a group too. Called by ``search``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from samwidget.core import RunLengths
from samwidget.predict.find.overlap import shared_area
from samwidget.predict.find.quality import Similar

# Two masks are of one object where they share more than this part of the smaller.
_SHARED_MAX = 0.4
# Masks fill another where this part of each lies in it, each is smaller than this part of it, and together they cover
# this part of it. Each may be worse by this quality.
_INSIDE_MIN, _AREA_MAX, _COVERED_MIN, _WORSE_MAX = 0.8, 0.75, 0.6, 0.15
_NOWHERE = (0, 0, 0, 0)


class Candidates:
    """All masks of a search that passed its filter.

    Args:
        known: masks that are not found again: of the examples, of what is excluded, and of objects that are there.
        count_max: at most so many objects, the best; None for all.
    """

    def __init__(self, known: Sequence[RunLengths], count_max: int | None) -> None:
        self._known, self._count_max = _Masks(known), count_max
        self._masks = _Masks()
        self._candidates: list[Similar] = []
        # For each candidate: those that may be of the same object, and the pixels that they share.
        self._rivals: list[dict[int, int]] = []
        self._best: list[Similar] | None = []

    def add(self, candidate: Similar) -> bool:
        """Remembers a candidate, unless it is known; returns whether it is the first of its object."""
        mask = candidate.found_object.run_lengths
        if self._known.same_as(mask):
            return False
        index, rivals = len(self._candidates), self._masks.same_as(mask)
        for other, shared in rivals.items():
            self._rivals[other][index] = shared
        self._masks.add(mask)
        self._candidates.append(candidate)
        self._rivals.append(rivals)
        self._best = None
        return not rivals

    @property
    def best(self) -> list[Similar]:
        """The candidates that are found objects, the best first."""
        if self._best is None:
            out: set[int] = set()
            self._best = []
            for index in sorted(range(len(self._candidates)), key=self._order):
                if index not in out and not self._is_several(index, out):
                    self._best.append(self._candidates[index])
                    out |= self._rivals[index].keys()
        return self._best[: self._count_max]

    def _is_several(self, group: int, out: set[int]) -> bool:
        """Whether candidates fill this one, without those that are ``out``."""
        area, quality = self._area(group), self._candidates[group].quality
        parts: list[int] = []
        for index in sorted(self._rivals[group].keys() - out, key=self._order):
            if (
                self._candidates[index].quality > quality - _WORSE_MAX
                and self._rivals[group][index] > _INSIDE_MIN * self._area(index)
                and self._area(index) < _AREA_MAX * area
                and not self._rivals[index].keys() & set(parts)
            ):
                parts.append(index)
        return len(parts) > 1 and sum(self._rivals[group][index] for index in parts) > _COVERED_MIN * area

    def _order(self, index: int) -> float:
        return -self._candidates[index].quality

    def _area(self, index: int) -> int:
        return self._candidates[index].found_object.area


class _Masks:
    """Masks of one image and where they are; an empty one is nowhere."""

    def __init__(self, masks: Sequence[RunLengths] = ()) -> None:
        self._masks: list[RunLengths] = []
        self._boxes_xyxy = np.zeros((0, 4), np.int64)
        for mask in masks:
            self.add(mask)

    def add(self, mask: RunLengths) -> None:
        """Remembers one more."""
        self._masks.append(mask)
        self._boxes_xyxy = np.vstack([self._boxes_xyxy, mask.box_xyxy or _NOWHERE])

    def same_as(self, mask: RunLengths) -> dict[int, int]:
        """The numbers of those that may be of the same object as ``mask``, and the pixels that they share with it."""
        (x0, y0, x1, y1), boxes = mask.box_xyxy or _NOWHERE, self._boxes_xyxy
        is_near = (boxes[:, 0] < x1) & (boxes[:, 2] > x0) & (boxes[:, 1] < y1) & (boxes[:, 3] > y0)
        shared = {index: shared_area(mask, self._masks[index]) for index in np.flatnonzero(is_near).tolist()}
        return {
            index: pixels
            for index, pixels in shared.items()
            if pixels > _SHARED_MAX * min(mask.area, self._masks[index].area)
        }
