"""Admission: how many requests the server takes on at once, and which of them may use a predictor next.

Owns the count of admitted requests, the queue of those that wait for a predictor (first come, first served), the
longest wait, and the threads that predictors run in. The routes call it. How much one request may ask is in
``serving.limits``.

A request is admitted when its body is there, so a slow upload takes no place. A request that is cancelled is no longer
counted at once; its predictor is free only when the thread that uses it has ended.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from samwidget.predict import SamPredictor
from samwidget.serving.decoding import PROCESSES
from samwidget.serving.http.errors import BusyError

T = TypeVar("T")

_STOPPING = "the server is stopping"
# Weight of the latest run in the mean that Retry-After is computed from.
_MEAN_WEIGHT = 0.2


class WorkCancelledError(Exception):
    """Ends work in a thread whose request was cancelled. It never reaches a client."""


class Cancellation:
    """Tells work in a thread that its request was cancelled."""

    def __init__(self) -> None:
        self._is_cancelled = threading.Event()

    def cancel(self) -> None:
        """Makes ``check`` raise from now on."""
        self._is_cancelled.set()

    def check(self) -> None:
        """Raises WorkCancelledError where the request was cancelled."""
        if self._is_cancelled.is_set():
            raise WorkCancelledError


Work = Callable[[SamPredictor, Cancellation], T]
"""What a request runs in a thread. Long work calls ``Cancellation.check`` between its steps."""


class Admission:
    """Admission control for one event loop.

    Args:
        predictors: copies of one network, at least one.
        at_once: requests that use one copy at a time. The network itself works for one after the other; more than one
            lets images and masks be read and written meanwhile.
        waiting_max: requests that may wait, beyond those that run.
        wait_s: the longest time in seconds that an image waits for a predictor.
    """

    def __init__(
        self, predictors: Sequence[SamPredictor], *, at_once: int = 1, waiting_max: int = 32, wait_s: float = 30.0
    ) -> None:
        self._free = deque(predictor for _ in range(at_once) for predictor in predictors)
        self._waiting: deque[asyncio.Future[SamPredictor]] = deque()
        # time.monotonic() at the start of each run; each returns a type of its own.
        self._started: dict[asyncio.Future[Any], float] = {}
        self._running_max = len(self._free)
        self._admitted_max = self._running_max + waiting_max
        self._admitted = 0
        self._unprepared = 0
        self._wait_s = wait_s
        self._mean_run_s = 1.0
        self._is_closed = False
        # Those that run, one more for each that is ready when it ends, and those whose images are being decoded.
        self._prepared = asyncio.Semaphore(2 * self._running_max + PROCESSES)
        self._threads = ThreadPoolExecutor(self._running_max, thread_name_prefix="samwidget-network")

    @property
    def admitted(self) -> int:
        """Admitted requests: those that wait and those that run."""
        return self._admitted

    @property
    def running(self) -> int:
        """Runs in threads, those of cancelled requests included."""
        return len(self._started)

    @property
    def longest_run_s(self) -> float:
        """For how many seconds the oldest run has been running; 0 where none runs."""
        return time.monotonic() - min(self._started.values()) if self._started else 0.0

    def check(self) -> None:
        """Raises BusyError where the server has as many requests as it admits, or is stopping."""
        if self._is_closed:
            raise self._busy(_STOPPING)
        if self._admitted >= self._admitted_max:
            raise self._busy(f"the server already has {self._admitted} requests")

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Counts one more request as admitted while the block runs; raises as ``check``."""
        self.check()
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    @asynccontextmanager
    async def prepare(self) -> AsyncIterator[float]:
        """Bounds the memory for decoded images: few requests at a time may be within the block, first come first.

        A request decodes its image and calls ``run`` within the block, with the seconds that it may still wait.

        Raises:
            BusyError: the request waited too long, or the server is stopping.
        """
        self._unprepared += 1
        start = time.monotonic()
        try:
            await asyncio.wait_for(self._prepared.acquire(), self._wait_s)
        except asyncio.TimeoutError as error:
            raise self._busy(f"the request waited longer than {self._wait_s:g} s") from error
        finally:
            self._unprepared -= 1
        wait_s = self._wait_s - (time.monotonic() - start)
        try:
            if self._is_closed:
                raise self._busy(_STOPPING)
            yield max(0.0, wait_s)
        finally:
            self._prepared.release()

    async def run(self, work: Work[T], wait_s: float | None = None) -> T:
        """Runs ``work`` in a thread with the next free predictor, and returns or raises what it does.

        Cancelling this call ends the wait for a predictor, or cancels the work. Cancelled work keeps its predictor
        until it has ended.

        Args:
            work: what the request runs.
            wait_s: the longest time in seconds to wait for a predictor; None takes that of the server.

        Raises:
            BusyError: no predictor became free in time, or the server is stopping.
        """
        predictor, cancellation = await self._acquire(self._wait_s if wait_s is None else wait_s), Cancellation()
        run: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(
            self._threads, work, predictor, cancellation
        )
        self._started[run] = time.monotonic()
        run.add_done_callback(lambda ended: self._finish(predictor, ended))
        try:
            # Awaiting the future itself would cancel it together with this call, though its thread goes on.
            await asyncio.wait({run})
        except asyncio.CancelledError:
            cancellation.cancel()
            raise
        return run.result()

    def close(self) -> None:
        """Refuses all waiting and all further requests; work that runs goes on to its end."""
        self._is_closed = True
        while self._waiting:
            self._waiting.popleft().set_exception(self._busy(_STOPPING))

    async def _acquire(self, wait_s: float) -> SamPredictor:
        """The next free predictor; waits for it."""
        if self._is_closed:
            raise self._busy(_STOPPING)
        if self._free:
            return self._free.popleft()
        assigned: asyncio.Future[SamPredictor] = asyncio.get_running_loop().create_future()
        self._waiting.append(assigned)
        try:
            await asyncio.wait({assigned}, timeout=wait_s)
        except asyncio.CancelledError:
            self._stop_waiting(assigned)
            raise
        if not assigned.done():
            self._waiting.remove(assigned)
            raise self._busy(f"the request waited longer than {self._wait_s:g} s")
        return assigned.result()

    def _stop_waiting(self, assigned: asyncio.Future[SamPredictor]) -> None:
        if not assigned.done():
            self._waiting.remove(assigned)
        elif assigned.exception() is None:  # a predictor was assigned just before the cancellation
            self._release(assigned.result())

    def _finish(self, predictor: SamPredictor, run: asyncio.Future[T]) -> None:
        run_s = time.monotonic() - self._started.pop(run)
        self._mean_run_s += _MEAN_WEIGHT * (run_s - self._mean_run_s)
        run.exception()  # asyncio would log it as never retrieved where the request was cancelled
        self._release(predictor)

    def _release(self, predictor: SamPredictor) -> None:
        """Gives a predictor to the request that has waited longest, or makes it free."""
        if self._waiting:
            self._waiting.popleft().set_result(predictor)
        else:
            self._free.append(predictor)

    def _busy(self, message: str) -> BusyError:
        """The error with the time after which the queue is expected to have been served."""
        wait_s = self._mean_run_s * (self._unprepared + len(self._waiting) + 1) / self._running_max
        return BusyError(message, retry_after_s=max(1, math.ceil(wait_s)))
