"""Measured: the document's objects at the threshold that the slider shows, each measured once. Used from any thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

from samwidget.core.objects import SegmentedObject


class Measured:
    """Objects at a threshold. Snapshots keep their objects at 0, so the slider is no step of the history."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threshold = 0.0
        self._known: WeakKeyDictionary[SegmentedObject, SegmentedObject] = WeakKeyDictionary()

    @property
    def threshold(self) -> float:
        """Logits above it are mask."""
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        with self._lock:
            self._threshold = value
            self._known.clear()

    def at(self, objects: Sequence[SegmentedObject]) -> tuple[SegmentedObject, ...]:
        """The same objects at the present threshold; equal calls give the very same values, measured once."""
        with self._lock:
            if self._threshold == 0.0:
                return tuple(objects)
            for found in objects:
                if found not in self._known:
                    self._known[found] = replace(found, threshold=self._threshold)
            return tuple(self._known[found] for found in objects)
