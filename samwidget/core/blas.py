"""Numpy's matrix products in one thread.

The products of this package are so small that two threads gain nothing. But the threads of numpy's BLAS wait actively
for each other, and where something else runs on the same cores, a product of a tenth of a millisecond takes 16.
``upsample`` uses it, and ``models.threads`` does for everything that it runs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from threadpoolctl import LibController


class BlasLimit:
    """A limit of numpy's BLAS to one thread; the first that begins sets it, and the last that ends takes it back.

    The limit is the process's. Without counting, of two threads the one that ends last would set the limit of the
    other again, for ever. Ctrl-C may come between any two steps, so ``end`` may be called again, or too early.
    """

    def begin(self) -> None:
        """Sets the limit. Costs 0.005 ms."""
        with _limits.lock:
            if not _limits.threads:
                _limits.numbers = [library.get_num_threads() for library in _libraries()]
            _limits.threads[self] = threading.get_ident()
            if len(_limits.threads) == 1:
                _set_threads([1] * len(_limits.numbers))

    def end(self) -> None:
        """Takes the limit back, where no other needs it."""
        with _limits.lock:
            if self not in _limits.threads:
                return
            if len(_limits.threads) == 1:
                _set_threads(_limits.numbers)
            del _limits.threads[self]


class Limit(Protocol):
    """What ``in_force`` sets and takes back. ``end`` may be called again, or before ``begin`` has ended."""

    def begin(self) -> None:
        """Sets the limit."""

    def end(self) -> None:
        """Takes it back."""


@contextmanager
def in_force(limit: Limit) -> Iterator[None]:
    """Within the block the limit is set. Ctrl-C does not leave it set, also where it comes while it is taken back."""
    try:
        limit.begin()
        yield
    finally:
        try:
            limit.end()
        except KeyboardInterrupt:
            limit.end()
            raise


def one_blas_thread() -> AbstractContextManager[None]:
    """Within the block, numpy's BLAS computes with one thread."""
    return in_force(BlasLimit())


class _Limits:
    """The limits that are in force: the thread that began each, and the numbers of threads from before the first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.threads: dict[BlasLimit, int] = {}
        self.numbers: list[int] = []

    def begin_in_child(self) -> None:
        """Ends those of all threads but the calling one, in a forked process: the others are not there."""
        self.lock = threading.Lock()
        were_any = bool(self.threads)
        own = threading.get_ident()
        self.threads = {limit: thread for limit, thread in self.threads.items() if thread == own}
        if were_any and not self.threads:
            _set_threads(self.numbers)


@cache
def _libraries() -> list[LibController]:
    """The libraries that numpy may compute products with, of those that are loaded by now."""
    from threadpoolctl import ThreadpoolController  # here, because a widget is on the screen before it is needed

    return [
        library
        for library in ThreadpoolController().lib_controllers
        # An OpenBLAS that computes with OpenMP has a number of threads for each thread that calls it.
        if library.user_api == "blas" and getattr(library, "threading_layer", "") != "openmp"
    ]


def _set_threads(numbers: Sequence[int]) -> None:
    for library, number in zip(_libraries(), numbers, strict=True):
        # From version 3.8 threadpoolctl ignores all threads but the first that sets the number of an OpenBLAS.
        release = getattr(library, "clear_controlling_thread", lambda force: None)
        release(force=True)
        library.set_num_threads(number)
        release(force=True)


_limits = _Limits()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_limits.begin_in_child)
