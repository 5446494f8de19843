"""How many points *everything* decodes together, and how long the rest of a search takes.

Measures encodes and decodes with a clock; knows nothing about images or masks. Called by ``everything/search``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# Target time of a step. The cancel event is checked once a step, and a cancel should take effect within 0.3 s also
# where a step takes three times as long as the one before.
_STEP_S = 0.1


class Pace:
    """Times the encodes and decodes of one search.

    Args:
        points_at_once_max: the largest number of points in a step, however fast the model is.
        threads: how many threads compute. A step has a multiple of as many points, so that none waits for the others.

    Attributes:
        points_at_once: how many points the next step should decode.
    """

    def __init__(self, points_at_once_max: int, threads: int = 1) -> None:
        self.points_at_once = 1
        self._threads = threads
        self._points_at_once_max = points_at_once_max
        self._points, self._points_s = 0, 0.0
        self._encodes, self._encodes_s = 0, 0.0

    @contextmanager
    def encoding(self) -> Iterator[None]:
        """Times the encode of one image or crop inside the ``with`` block."""
        start = time.monotonic()
        yield
        self._encodes += 1
        self._encodes_s += time.monotonic() - start

    @contextmanager
    def decoding(self, count: int) -> Iterator[None]:
        """Times a step of ``count`` points inside the ``with`` block, and sets ``points_at_once`` for the next."""
        start = time.monotonic()
        yield
        took_s = time.monotonic() - start
        self._points += count
        self._points_s += took_s
        points_in_time = int(_STEP_S * count / took_s) if took_s > 0 else self._points_at_once_max
        points = max(1, min(points_in_time, self._points_at_once_max))
        self.points_at_once = points - points % self._threads if points > self._threads else points

    def seconds_left(self, *, encodes: int, points: int) -> float:
        """Estimated seconds for this many more encodes and points; what was not timed yet counts 0."""
        return encodes * self._encodes_s / max(1, self._encodes) + points * self._points_s / max(1, self._points)
