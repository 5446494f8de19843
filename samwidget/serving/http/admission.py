"""Queue: who uses the networks next. First come, first served; the line is bounded, and so is the wait in it.

Owns places in the house, turns at the networks and the threads that run them. A place is taken before the body of a
request is read, so that the memory of all that wait is bounded too. Whoever gives up frees the place at once; a
network is free again when its thread has really ended.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from samwidget.errors import SamWidgetError
from samwidget.predict import SamPredictor

T = TypeVar("T")


class BusyError(SamWidgetError):
    """Too many ask at once, or the server is stopping; ``retry_after_s`` says when to come back."""

    code = "busy"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message, hint=f"ask again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class StoppedError(Exception):
    """Ends work in a thread that nobody waits for any more; nobody sees it."""


class Stop:
    """Tells a thread that nobody waits for its answer."""

    def __init__(self) -> None:
        self._is_set = threading.Event()

    def set(self) -> None:
        """From now on ``check`` raises."""
        self._is_set.set()

    def check(self) -> None:
        """Raises StoppedError where nobody waits any more."""
        if self._is_set.is_set():
            raise StoppedError


Work = Callable[[SamPredictor, Stop], T]


class Queue:
    """The line in front of the networks. For one event loop; ``run`` calls work in threads.

    Args:
        predictors: one copy of the network or several.
        at_once: requests that use one copy at a time. The network itself takes one after the other; more than one
            lets images and masks be read and written meanwhile.
        waiting_max: requests that may wait, beyond those that run.
        wait_s: the longest wait in the line.
    """

    def __init__(
        self, predictors: Sequence[SamPredictor], *, at_once: int = 1, waiting_max: int = 32, wait_s: float = 30.0
    ) -> None:
        self._free = deque(predictor for _ in range(at_once) for predictor in predictors)
        self._line: deque[asyncio.Future[SamPredictor]] = deque()
        self._began: dict[asyncio.Future[Any], float] = {}
        self._turns = len(self._free)
        self._places = self._turns + waiting_max
        self._inside = 0
        self._wait_s = wait_s
        self._mean_s = 1.0
        self._is_closed = False
        self._threads = ThreadPoolExecutor(self._turns, thread_name_prefix="samwidget-network")

    @property
    def inside(self) -> int:
        """Requests that have a place: reading, waiting or running."""
        return self._inside

    @property
    def running(self) -> int:
        """Turns that are taken, also by work whose asker has gone."""
        return len(self._began)

    @property
    def longest_run_s(self) -> float:
        """How long the oldest work has been running."""
        return time.monotonic() - min(self._began.values()) if self._began else 0.0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the house while the block runs.

        Raises:
            BusyError: there is none, or the server is stopping.
        """
        if self._is_closed:
            raise self._busy("the server is stopping")
        if self._inside >= self._places:
            raise self._busy(f"{self._inside} requests are here already")
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def run(self, work: Work[T]) -> T:
        """What ``work`` returns, in a thread, with a predictor whose turn it is; what it raises, too.

        Cancelling gives up the wait, or tells the work to stop; it then keeps its turn until it has.

        Raises:
            BusyError: the turn did not come in time, or the server is stopping.
        """
        predictor, stop = await self._turn(), Stop()
        job: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(self._threads, work, predictor, stop)
        self._began[job] = time.monotonic()
        job.add_done_callback(lambda done: self._ended(predictor, done))
        try:
            await asyncio.wait({job})  # awaiting the job itself would cancel it with us, and lose track of its thread
        except asyncio.CancelledError:
            stop.set()
            raise
        return job.result()

    def close(self) -> None:
        """Lets what runs run to its end, and sends everyone else away, now and from now on."""
        self._is_closed = True
        while self._line:
            self._line.popleft().set_exception(self._busy("the server is stopping"))

    async def _turn(self) -> SamPredictor:
        if self._is_closed:
            raise self._busy("the server is stopping")
        if self._free:
            return self._free.popleft()
        turn: asyncio.Future[SamPredictor] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await asyncio.wait({turn}, timeout=self._wait_s)
        except asyncio.CancelledError:
            self._give_up(turn)
            raise
        if not turn.done():
            self._line.remove(turn)
            raise self._busy(f"the turn did not come within {self._wait_s:g} s")
        return turn.result()

    def _give_up(self, turn: asyncio.Future[SamPredictor]) -> None:
        if not turn.done():
            self._line.remove(turn)
        elif turn.exception() is None:  # the turn came in the same moment: it is the next one's
            self._next(turn.result())

    def _ended(self, predictor: SamPredictor, job: asyncio.Future[T]) -> None:
        took_s = time.monotonic() - self._began.pop(job)
        self._mean_s += 0.2 * (took_s - self._mean_s)
        job.exception()  # marks it as seen: whoever asked may have gone
        self._next(predictor)

    def _next(self, predictor: SamPredictor) -> None:
        if self._line:
            self._line.popleft().set_result(predictor)
        else:
            self._free.append(predictor)

    def _busy(self, why: str) -> BusyError:
        return BusyError(why, retry_after_s=max(1, math.ceil(self._mean_s * (len(self._line) + 1) / self._turns)))
