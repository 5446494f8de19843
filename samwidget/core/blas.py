"""Numpy's matrix products in one thread.

The products of this package are so small that two threads gain nothing. But the threads of numpy's BLAS wait actively
for each other, and where something else runs on the same cores, a product of a tenth of a millisecond takes 16.
``upsample`` uses it, and ``models.threads`` does for everything that it runs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import LibController


class _Depth(threading.local):
    """In how many ``with`` blocks this thread is."""

    value = 0


class OneBlasThread:
    """Limits numpy's BLAS to one thread from the first ``with`` block until the last one ends. Costs 0.005 ms.

    The limit is the process's. Without counting, of two threads the one that ends last would set the limit of the
    other again, for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = _Depth()
        self._users = 0
        self._numbers: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._numbers = [library.get_num_threads() for library in _libraries()]
                _set_threads([1] * len(self._numbers))
            self._users += 1
            self._depth.value += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            self._depth.value -= 1
            if self._users == 0:
                _set_threads(self._numbers)

    def begin_in_child(self) -> None:
        """Ends the blocks of all threads but the calling one, in a forked process: the others are not there."""
        self._lock = threading.Lock()
        if self._users and not self._depth.value:
            _set_threads(self._numbers)
        self._users = self._depth.value


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


one_blas_thread = OneBlasThread()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=one_blas_thread.begin_in_child)
