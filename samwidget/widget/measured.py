"""Measured: the document's objects at the threshold that the slider shows, each measured once. Used from any thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from samwidget.core import SegmentedObject


class Measured:
    """Objects at a threshold. Snapshots keep their objects at 0, so the slider is no step of the history."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threshold = 0.0
        self._known: dict[SegmentedObject, SegmentedObject] = {}

    @property
    def threshold(self) -> float:
        """Logits above it are mask."""
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        with self._lock:
            self._threshold = value
            self._known = {}

    def at(self, objects: Sequence[SegmentedObject]) -> tuple[SegmentedObject, ...]:
        """The same objects at the present threshold; those of the last call are the very same values again."""
        with self._lock:
            if self._threshold == 0.0:
                return tuple(objects)
            self._known = {found: self._known.get(found) or self._moved(found) for found in objects}
            return tuple(self._known.values())

    def one(self, found: SegmentedObject) -> SegmentedObject:
        """One object at the present threshold, measured anew."""
        return self._moved(found) if self._threshold else found

    def _moved(self, found: SegmentedObject) -> SegmentedObject:
        return replace(found, threshold=self._threshold)
