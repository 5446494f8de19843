"""Pace: how many points to ask together so that nobody waits long, and how long the rest of a search takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# Between two looks at the cancel event; a slow step may take three times as long as the one before and be in time.
_STEP_S = 0.1


class Pace:
    """Measures a search while it runs.

    Args:
        points_at_once_max: never more, however quick the network is.
    """

    def __init__(self, points_at_once_max: int) -> None:
        self.points_at_once = 1
        self._points_at_once_max = points_at_once_max
        self._points, self._points_s = 0, 0.0
        self._encodes, self._encodes_s = 0, 0.0

    @contextmanager
    def encoding(self) -> Iterator[None]:
        """Around one encode."""
        start = time.monotonic()
        yield
        self._encodes += 1
        self._encodes_s += time.monotonic() - start

    @contextmanager
    def answering(self, count: int) -> Iterator[None]:
        """Around the answers to ``count`` points."""
        start = time.monotonic()
        yield
        took_s = time.monotonic() - start
        self._points += count
        self._points_s += took_s
        fitting = int(_STEP_S * count / took_s) if took_s > 0 else self._points_at_once_max
        self.points_at_once = max(1, min(fitting, self._points_at_once_max))

    def seconds_left(self, *, encodes: int, points: int) -> float:
        """An estimate for so many more encodes and points; 0 for what has not been measured yet."""
        return encodes * self._encodes_s / max(1, self._encodes) + points * self._points_s / max(1, self._points)
