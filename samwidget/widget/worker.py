"""Worker: one thread with two lanes. Owns order, cancelling and closing; knows neither widgets nor networks.

*Ordered* jobs run one after the other, each exactly once. The *preview* lane is a mailbox of one: a newer job replaces
the one that waits, and it is served only while no ordered job waits. A third slot holds one job for *later*, run when
nothing else is asked for and its time has come.

The thread is started by the first job and ends after ``idle_s`` without any, so a notebook that made fifty widgets does
not keep fifty threads. It holds no reference to whoever submits the jobs, except while one of them waits or runs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, TypeVar

from samwidget.errors import ClosedError

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Job:
    work: Callable[[], Any]
    future: Future[Any]

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.work())
        except BaseException as error:  # the thread must outlive any job; whoever waits on the future gets it
            self.future.set_exception(error)


class Worker:
    """Runs jobs on one daemon thread of its own.

    Args:
        name: of the thread, for debuggers.
        idle_s: seconds without a job after which the thread ends; the next job starts another.
    """

    def __init__(self, name: str, *, idle_s: float = 30.0) -> None:
        self._name = name
        self._idle_s = idle_s
        # A Condition on an RLock: garbage collection may call close() on this very thread while it holds the lock.
        self._changed = threading.Condition(threading.RLock())
        self._ordered: deque[_Job] = deque()
        self._preview: _Job | None = None
        self._later: tuple[float, _Job] | None = None
        self._thread: threading.Thread | None = None
        self._is_running = False
        self._closed = False
        self._last: Callable[[], None] | None = None

    @property
    def thread(self) -> threading.Thread | None:
        """The thread, or None while there is none."""
        return self._thread

    @property
    def is_current(self) -> bool:
        """Whether the caller is on the worker's own thread."""
        return threading.current_thread() is self._thread

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Runs ``work`` after every job submitted before; raises ClosedError after ``close``."""
        job = _Job(work, Future())
        with self._changed:
            self._check_open()
            self._ordered.append(job)
            self._wake()
        return job.future

    def offer(self, work: Callable[[], None]) -> None:
        """Puts ``work`` in the mailbox in place of what waits there; nothing after ``close``."""
        self._put("_preview", _reported(work))

    def later(self, work: Callable[[], None], delay_s: float) -> None:
        """Runs ``work`` once nothing else has been asked for and ``delay_s`` has passed since the last call."""
        self._put("_later", (time.monotonic() + delay_s, _reported(work)))

    def call(self, work: Callable[[], T], timeout_s: float | None = None) -> T:
        """The result of ``work``, run in order; at once where the caller is on the worker's thread already.

        Raises:
            ClosedError: the worker is closed, or was closed before the job's turn.
            TimeoutError: ``timeout_s`` passed; the job is withdrawn where it had not begun.
        """
        if self.is_current:
            return work()
        future = self.submit(work)
        try:
            return future.result(timeout_s)
        except CancelledError:
            raise ClosedError("the widget was closed before this call's turn") from None
        except FutureTimeout:
            if future.done():  # the job itself ran out of time, which is its own affair
                raise
            raise TimeoutError(f"the widget was still busy after {timeout_s:g} s") from None
        finally:
            # Also when the user interrupts the cell: what was not begun then is not done behind their back.
            future.cancel()

    def close(self, last: Callable[[], None] | None = None) -> None:
        """Drops what waits and lets the thread end after the job that runs now. Returns at once, and may be repeated.

        Args:
            last: done when no job runs any more: at once, or by the thread after its present job.
        """
        with self._changed:
            self._closed = True
            dropped = list(self._ordered)
            self._ordered.clear()
            self._preview = self._later = None
            if self._is_running:
                self._last, last = last, None
            self._changed.notify_all()
        for job in dropped:
            job.future.cancel()
        if last is not None:
            last()

    def _put(self, slot: str, value: Any) -> None:
        with self._changed:
            if not self._closed:
                setattr(self, slot, value)
                self._wake()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the widget is closed", hint="make a new one")

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            job.run()
            # Without this the thread would keep the job, and with it the widget, alive while it waits for the next.
            del job
        last, self._last = self._last, None
        if last is not None:
            last()

    def _next(self) -> _Job | None:
        """The job to run now, waiting for it; None where the thread shall end."""
        give_up = time.monotonic() + self._idle_s
        with self._changed:
            self._is_running = False
            self._changed.notify_all()
            while not self._closed:
                job = self._take()
                if job is not None:
                    self._is_running = True
                    return job
                now = time.monotonic()
                if self._later is not None:
                    self._changed.wait(max(0.0, self._later[0] - now))
                elif now < give_up:
                    self._changed.wait(give_up - now)
                else:
                    break
            self._thread = None
            return None

    def _take(self) -> _Job | None:
        if self._ordered:
            return self._ordered.popleft()
        if self._preview is not None:
            job, self._preview = self._preview, None
            return job
        if self._later is not None and time.monotonic() >= self._later[0]:
            (_, job), self._later = self._later, None
            return job
        return None


def log_failure(future: Future[Any]) -> None:
    """Logs what a job raised that nobody waits for."""
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error("a job of the widget failed", exc_info=error)


def _reported(work: Callable[[], None]) -> _Job:
    job = _Job(work, Future())
    job.future.add_done_callback(log_failure)
    return job
