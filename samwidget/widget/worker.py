"""Worker: runs jobs on one thread. Owns their order, cancelling and closing; it knows no widget and no model.

*Ordered* jobs run one after the other, each exactly once. The *preview* slot holds one job: a newer job replaces the
one that waits, and it runs only when no ordered job waits. The *later* slot holds one job too, which runs when no other
job waits and its time has come.

The first job starts the thread, and it ends after ``idle_s`` without a job, so fifty widgets in a notebook are not
fifty threads. Before it ends it returns freed memory to the system. It refers to the owner of a job only while the job
waits or runs.

When the interpreter ends, the jobs that run are waited for, and those that wait are dropped. A thread that is inside
the import of torch at that moment, or inside a model, would hang the process or break it.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401, torch imports it, which fails when the interpreter ends
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from samwidget.core import held_interrupts, return_freed_memory
from samwidget.errors import ClosedError

T = TypeVar("T")
log = logging.getLogger(__name__)

# A job may wait for a download or for another computer; then the process ends all the same.
_WAIT_AT_EXIT_S = 60.0


@dataclass(frozen=True, eq=False)
class _Job:
    work: Callable[[], Any]
    future: Future[Any]

    def run(self) -> Callable[[], None]:
        """Does the work; returns a function that hands its result to the code that waits for the future."""
        if not self.future.set_running_or_notify_cancel():
            return lambda: None
        try:
            result = self.work()
        except BaseException as error:  # the thread goes on; the code that waits gets the error
            return partial(self.future.set_exception, error)
        return partial(self.future.set_result, result)


class Worker:
    """Runs jobs on one daemon thread of its own.

    Args:
        name: of the thread, for debuggers.
        idle_s: seconds without a job after which the thread ends; the next job starts a new one.
    """

    def __init__(self, name: str, *, idle_s: float = 30.0) -> None:
        self._name = name
        self._idle_s = idle_s
        # An RLock, because garbage collection may call close() on this very thread while it holds the lock.
        self._changed = threading.Condition(threading.RLock())
        self._ordered: deque[_Job] = deque()
        self._preview: _Job | None = None
        self._later: tuple[float, _Job] | None = None
        self._thread: threading.Thread | None = None
        self._is_running = False
        self._closed = False
        self._last: Callable[[], None] | None = None
        _workers.add(self)

    @property
    def thread(self) -> threading.Thread | None:
        """The thread, or None while there is none."""
        return self._thread

    @property
    def is_current(self) -> bool:
        """Whether the caller runs on the worker's thread."""
        return threading.current_thread() is self._thread

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def submit(self, work: Callable[[], object]) -> None:
        """Runs ``work`` after all ordered jobs submitted before, and logs its error; ClosedError after ``close``."""
        with held_interrupts(holds_all=True):
            self._put(_logged(work))

    def submit_first(self, work: Callable[[], object]) -> None:
        """Runs ``work`` before all jobs that wait; does nothing after ``close``."""
        with held_interrupts(holds_all=True), self._changed:
            if not self._closed:
                self._wake()
                self._ordered.appendleft(_logged(work))

    def offer(self, work: Callable[[], None]) -> None:
        """Runs ``work`` when no ordered job waits, unless a newer offer replaces it; does nothing after ``close``."""
        with held_interrupts(holds_all=True), self._changed:
            if not self._closed:
                self._wake()
                self._preview = _logged(work)

    def later(self, work: Callable[[], None], delay_s: float) -> None:
        """Runs ``work`` when no other job waits and ``delay_s`` seconds have passed; a newer call replaces it."""
        with held_interrupts(holds_all=True), self._changed:
            if not self._closed:
                self._wake()
                self._later = (time.monotonic() + delay_s, _logged(work))

    def call(self, work: Callable[[], T], timeout_s: float | None = None) -> T:
        """Runs ``work`` in order and returns its result; runs it at once where the caller is on the worker's thread.

        Raises:
            ClosedError: the worker is closed, or was closed before the job began.
            TimeoutError: ``timeout_s`` passed; a job that has not begun does not run.
        """
        if self.is_current:
            return work()
        with held_interrupts(holds_all=True) as interrupts:
            future: Future[T] = Future()
            self._put(_Job(work, future))
            try:
                if not interrupts.wait_for(future, timeout_s):
                    raise TimeoutError(f"the widget was still busy after {timeout_s:g} s")
                return future.result()
            except CancelledError:
                raise ClosedError(
                    "the widget was closed before this call was carried out", hint="make a new one"
                ) from None
            finally:
                # Also when the user interrupts the cell: a job that has not begun must not run afterwards.
                future.cancel()

    def close(self, last: Callable[[], None] | None = None) -> None:
        """Drops the jobs that wait; the thread ends after the job that runs. Returns at once, and may be called again.

        Args:
            last: called when no job runs any more: now, or on the thread after the job that runs.
        """
        with held_interrupts():
            with held_interrupts(holds_all=True):
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

    def _put(self, job: _Job) -> None:
        with self._changed:
            if self._closed:
                raise ClosedError("the widget is closed", hint="make a new one")
            self._wake()
            self._ordered.append(job)

    def _wake(self) -> None:
        """Has the thread look for a job once the lock is free; raises RuntimeError where no thread can be started."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            thread.start()
            self._thread = thread
        self._changed.notify_all()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            hand_over = job.run()
            with self._changed:
                self._is_running = False  # before the caller goes on, who may close the widget
            hand_over()
            # Otherwise the thread would keep the job, and with it the widget, alive while it waits for the next one.
            del job, hand_over
        if not self._closed:
            return_freed_memory()
        last, self._last = self._last, None
        if last is not None:
            last()

    def _next(self) -> _Job | None:
        """Waits for the next job and returns it; None where the thread must end."""
        ends_at = time.monotonic() + self._idle_s
        with self._changed:
            while not self._closed:
                job = self._take()
                if job is not None:
                    self._is_running = True
                    return job
                now = time.monotonic()
                if self._later is not None:
                    self._changed.wait(max(0.0, self._later[0] - now))
                elif now < ends_at:
                    self._changed.wait(ends_at - now)
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


_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


def _close_all() -> None:
    """Closes the workers of this process, and waits for the jobs that run."""
    # No thread can be started any more, so loading may fail now; nobody needs to know.
    logging.getLogger("samwidget.widget").setLevel(logging.CRITICAL + 1)
    ends_at = time.monotonic() + _WAIT_AT_EXIT_S
    workers = list(_workers)
    for worker in workers:
        worker.close()
    for worker in workers:
        thread = worker.thread
        if thread is not None:
            thread.join(max(0.0, ends_at - time.monotonic()))


# Not atexit: torch makes finalizers while it loads, and those that are made in an atexit function are not called.
weakref.finalize(Worker, _close_all)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.clear)  # a forked process has none of the threads


def _log_failure(future: Future[Any]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error("a job of the widget failed", exc_info=error)


def _logged(work: Callable[[], object]) -> _Job:
    """Returns a job that nobody waits for, whose error is logged."""
    job = _Job(work, Future())
    job.future.add_done_callback(_log_failure)
    return job
