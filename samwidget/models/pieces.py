"""Who computes the pieces of an encoder: threads on a CPU; a GPU gets all of them from the calling thread.

How the work is cut belongs to each encoder (``mobile_sam`` and ``sam2``), which derives from ``Pieces``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch

from samwidget.models.threads import run_in_threads, thread_count

Item = TypeVar("Item")
Result = TypeVar("Result")


class Pieces:
    """The threads that compute pieces.

    Args:
        device: that computes.
        threads: as ``thread_count`` takes it.
    """

    def __init__(self, device: torch.device, threads: int | None) -> None:
        self._on_cpu = device.type == "cpu"
        self._threads = thread_count(threads) if self._on_cpu else 1

    def compute(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """What ``function`` returns for each item, in order."""
        if self._on_cpu:
            return run_in_threads(function, items, self._threads)
        return [function(item) for item in items]
