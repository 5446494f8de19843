"""Threads: how many of them models compute with, and work that is shared among them.

samwidget shares its work among threads of its own, and each of them calls torch and numpy with one thread. Torch's
other way, OpenMP, splits every small operation among all cores, and a thread that is done waits actively for the
others: alone on a machine that gains little, and several notebooks on the same cores slow each other down ten times.
Here a thread takes a large piece, such as a prompt or a block of the image, and sleeps when there is none left.

It does not decide what the pieces are: models and ``predict`` do.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

import torch
from threadpoolctl import LibController, ThreadpoolController

from samwidget.core import BlasLimit, in_force
from samwidget.errors import ModelError
from samwidget.models.cores import core_count
from samwidget.models.threads_argument import checked_threads

Item = TypeVar("Item")
Result = TypeVar("Result")

VARIABLE = "SAMWIDGET_THREADS"
"""Environment variable: the number of threads where no argument says it."""


def thread_count(threads: int | None = None) -> int:
    """The number of threads to compute with, at least 1.

    Args:
        threads: what the user asked for. None takes the environment variable SAMWIDGET_THREADS; without it, as many as
            torch uses (OMP_NUM_THREADS, ``torch.set_num_threads``), but no more than this process has cores: it
            obeys CPU affinity and the CPU quota of a container.

    Raises:
        ModelError: the number is below 1 or not a whole one.
    """
    count = checked_threads(threads)
    if count is not None:
        return count
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return min(torch.get_num_threads(), core_count())
    if not text.isdecimal() or not text.strip("0"):
        raise ModelError(f"the environment variable {VARIABLE} is {text!r}", hint="set it to a number such as 2")
    return int(text)


def run_in_threads(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> list[Result]:
    """What ``function`` returns for each item, in order, computed by up to ``threads`` threads at the same time.

    The caller's thread is one of them. Each takes the next item when it is done with one, and torch and numpy use one
    thread in it; the caller's ``no_grad`` or ``inference_mode`` applies in all. Within ``function``, another call
    computes its items one after the other. When this returns or raises, no thread computes an item any more.

    Args:
        function: called once for each item; from several threads at once where ``threads`` is above 1.
        items: of about equal work, a millisecond or more: handing one over costs about 0.05 ms.
        threads: as ``thread_count`` gives it.

    Raises:
        BaseException: the first that ``function`` raised, or the user's Ctrl-C. Items that nobody had begun are left
            out.
    """
    work = _Work(function, items)
    try:
        if not _state.is_busy:
            work.call_extra_threads(threads - 1)
        with one_thread():
            work.compute()
    finally:
        try:
            work.end()
        except KeyboardInterrupt:  # perhaps before its first step; to end again costs nothing
            work.end()
            raise
    return work.results()


def one_thread() -> AbstractContextManager[None]:
    """Within the block, torch and numpy compute with one thread when they are called from this thread.

    ``run_in_threads`` still uses several: the block may hold small steps between larger ones that it shares out.
    """
    return nullcontext() if _state.limit is not None else in_force(_Limit())


class _Limit:
    """A limit of torch and numpy to one thread, for the calling thread.

    Ctrl-C may come between any two steps. So the numbers from before are known before the first is changed, and ``end``
    may be called again, or too early.
    """

    def __init__(self) -> None:
        torch.get_num_threads()  # a new thread takes torch's number at its first question: then not within the limit
        self._libraries = _openmp_libraries()
        self._numbers = [library.get_num_threads() for library in self._libraries]
        self._set_mkl_threads = _mkl_setter()
        self._mkl_numbers: list[int] = []
        self._blas = BlasLimit()

    def begin(self) -> None:
        """Sets the limit."""
        _state.limit = self
        self._blas.begin()
        # In one step for Python: to ask for MKL's number from before is to change it.
        self._mkl_numbers.extend(map(self._set_mkl_threads, [1]))
        for library in self._libraries:
            library.set_num_threads(1)

    def end(self) -> None:
        """Takes the limit back."""
        if _state.limit is self:
            for library, number in zip(self._libraries, self._numbers, strict=True):
                library.set_num_threads(number)
            for number in self._mkl_numbers:
                self._set_mkl_threads(number)
            _state.limit = None
        self._blas.end()


class _Work(Generic[Item, Result]):
    """Items that several threads compute."""

    def __init__(self, function: Callable[[Item], Result], items: Iterable[Item]) -> None:
        self._function = function
        self._items = list(items)
        self._results: dict[int, Result] = {}
        self._error: BaseException | None = None
        self._next = 0
        self._busy_count = 0  # extra threads that have begun
        # Plain locks, and no Condition: Ctrl-C in the middle of its methods would leave it locked for ever.
        self._lock = threading.Lock()
        self._is_helped = threading.Lock()  # held while extra threads compute
        self._with_grad, self._is_inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    def call_extra_threads(self, count_max: int) -> None:
        """Calls so many threads of the pool, or fewer where there are too few items for them."""
        for _ in range(min(count_max, len(self._items) - 1)):
            try:
                _pool.submit(self._help)
            except RuntimeError:  # the interpreter ends, or the system gives no more threads: the caller computes alone
                return

    def _help(self) -> None:
        """Computes items in a thread of the pool, in the caller's modes. Does nothing where this comes too late."""
        with self._lock:
            if self._next == len(self._items):
                return
            if self._busy_count == 0:
                self._is_helped.acquire()
            self._busy_count += 1
        try:
            with torch.inference_mode(self._is_inference), torch.set_grad_enabled(self._with_grad), one_thread():
                self.compute()
        finally:
            with self._lock:
                self._busy_count -= 1
                if self._busy_count == 0:
                    self._is_helped.release()

    def compute(self) -> None:
        """Computes items until none is left, or one has failed."""
        was_busy, _state.is_busy = _state.is_busy, True
        try:
            while (index := self._take()) is not None:
                try:
                    self._results[index] = self._function(self._items[index])
                except BaseException as error:
                    with self._lock:
                        self._error = self._error or error
                        self._next = len(self._items)
        finally:
            _state.is_busy = was_busy

    def _take(self) -> int | None:
        """The index of the next item; None if there is no more."""
        with self._lock:
            if self._next == len(self._items):
                return None
            self._next += 1
            return self._next - 1

    def end(self) -> None:
        """Leaves out the items that nobody has begun, and returns when no extra thread computes one.

        The pool may be busy with the work of others, so extra threads that have not begun are not waited for. Ctrl-C
        waits too: the caller may free or overwrite what the extra threads use.
        """
        interrupt = None
        while True:
            try:
                with self._lock:
                    self._next = len(self._items)
                with self._is_helped:
                    break
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def results(self) -> list[Result]:
        """The results in order; raises the first error."""
        # The error's traceback leads here, so an error that stayed would keep the items in memory.
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error
        return [self._results[index] for index in range(len(self._items))]


class _State(threading.local):
    """Whether this thread computes an item now, and the limit of ``one_thread`` that it is under."""

    is_busy = False
    limit: _Limit | None = None


@cache
def _openmp_libraries() -> list[LibController]:
    """The OpenMP libraries that are loaded by now."""
    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "openmp"]


@cache
def _mkl_setter() -> Callable[[int], int]:
    """The function that sets how many threads MKL uses in the calling thread, and returns the number before.

    ``torch.set_num_threads`` sets this number too, and then MKL no longer follows OpenMP's. It does nothing where torch
    has no MKL of its own.
    """
    for library in Path(torch.__file__).parent.glob("lib/libtorch_cpu.so"):
        try:
            function = ctypes.CDLL(str(library)).MKL_Set_Num_Threads_Local
        except (OSError, AttributeError):
            continue
        function.argtypes, function.restype = [ctypes.c_int], ctypes.c_int
        return function
    return lambda number: number


def _new_pool() -> ThreadPoolExecutor:
    """A pool whose threads start when they are needed."""
    return ThreadPoolExecutor(max(1, os.cpu_count() or 1), "samwidget")


_state = _State()
_pool = _new_pool()


def _begin_in_child() -> None:
    """Makes the pool anew in a forked process, which has none of the threads."""
    global _pool
    _pool = _new_pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
