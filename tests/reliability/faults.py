"""Faults on purpose: after each, everything that was acknowledged is still there, and the next good action works.

Each scene has real parts of samwidget, and beside them an independent record of what was acknowledged: to the page by a
``done``, to a client by a response with status 200, to a batch run by a line of its manifest, by a file of the cache to
the next process. A scene injects one fault, and checks itself.

Without a session file the objects of a widget end with its kernel. So after the death of a kernel it is counted what
the page had: each object that was acknowledged is on the page, with its mask, and the cell works again.
"""

# ruff: noqa: T201

from __future__ import annotations

import logging
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from random import Random
from typing import Protocol

from tests.reliability.scenes import batch, cache, kernel, server, session, widget


class Scene(Protocol):
    """Some parts of samwidget that faults are injected into.

    Attributes:
        acknowledged: how many things (objects, rows, responses, embeddings) were checked to be there still.
    """

    acknowledged: int

    def fault(self, rng: Random) -> str:
        """Injects one fault, and returns what it was; raises AssertionError where something was lost."""


# Of 10,000 faults.
SCENES: Mapping[str, tuple[int, Callable[[], AbstractContextManager[Scene]]]] = {
    "message garbage": (2800, widget.messages),
    "network exceptions": (2000, widget.network),
    "callbacks that raise": (500, widget.callbacks),
    "a channel that fails": (300, widget.channel),
    "cache damage": (1200, cache.damage),
    "disk full: cache": (400, cache.disk_full),
    "slow clients": (1500, server.clients),
    "decoders killed": (100, server.decoders),
    "batch runs killed": (200, batch.kills),
    "disk full: batch": (200, batch.disk_full),
    "sessions killed": (200, session.kills),
    "kernels killed": (200, kernel.kills),
    "kernels interrupted": (400, kernel.interrupts),
}
_TOTAL = 10_000
_LOSSES_SHOWN = 3


def main(count: int = _TOTAL, seed: int = 0, only: str | None = None) -> int:
    """Injects so many faults in all, each scene its share, and prints a table; returns 1 where something was lost.

    Args:
        count: faults of all scenes together; of the one scene where ``only`` names one.
        seed: chooses the faults.
        only: name of one scene.
    """
    warnings.simplefilter("ignore")
    logging.disable()
    print(f"{'scene':22}{'faults':>8}{'lost':>6}{'acknowledged and there':>24}{'seconds':>9}  kinds")
    lost = faults = 0
    for name, (share, make) in SCENES.items():
        if only in (None, name):
            scene_count = count if only else max(1, round(share * count / _TOTAL))
            lost += _inject(name, make, scene_count, seed)
            faults += scene_count
    print(f"{faults:,} faults, {lost} with a loss")
    return 1 if lost or not faults else 0


def _inject(name: str, make: Callable[[], AbstractContextManager[Scene]], count: int, seed: int) -> int:
    kinds: Counter[str] = Counter()
    start, lost, number, acknowledged = time.perf_counter(), 0, 0, 0
    while number < count:
        with make() as scene:
            try:
                while number < count:
                    number += 1
                    kinds[scene.fault(Random(f"{name} {seed} {number}"))] += 1
            except Exception:  # after a loss the scene is set anew
                lost += 1
                if lost <= _LOSSES_SHOWN:
                    print(f"LOSS in {name!r}, seed {seed}, fault {number}:\n{traceback.format_exc(limit=-5)}")
            acknowledged += scene.acknowledged
    took_s = time.perf_counter() - start
    words = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    print(f"{name:22}{count:>8}{lost:>6}{acknowledged:>24,}{took_s:>9.0f}  {words}", flush=True)
    return lost
