"""Timing in one process, and the tables of it.

*In turn*: one call each, round after round, all in one process, so changes of the machine's speed affect all alike.
But each finds the caches and OpenMP's waiting threads as the one before left them. *Alone*: a loop in a process of its
own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

ONE_THREAD = bool(os.environ.get("SAMWIDGET_BENCH_ONE_THREAD"))
"""Set it on a machine that others use as well: one thread, and its processor time instead of the elapsed time."""
clock = time.thread_time if ONE_THREAD else time.perf_counter


class Timed(NamedTuple):
    """The times of a contestant.

    Attributes:
        name: of the contestant.
        way: ``in turn`` or ``alone``.
        ms: the milliseconds of each call.
        gflop: the work of a call, in 1e9 floating-point operations; None where nobody has counted it.
        precision: of the work, which says what peak it is compared with.
    """

    name: str
    way: str
    ms: np.ndarray
    gflop: float | None = None
    precision: str = "float32"


def interleaved(
    contestants: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 1
) -> dict[str, np.ndarray]:
    """Returns the milliseconds of each contestant, (rounds,) float64. They run in turn."""
    for _ in range(warm_up):
        for run in contestants.values():
            run()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            start = clock()
            run()
            times[name].append((clock() - start) * 1000)
    return {name: np.array(values) for name, values in times.items()}


def table(title: str, about: str, times: Sequence[Timed], references: Sequence[str], peaks: Mapping[str, float]) -> str:
    """Returns a Markdown table: the times, how many times as fast as each reference, and the share of the peak.

    Args:
        title: its heading.
        about: one line that says what was run.
        times: the rows.
        references: names of contestants; each is compared with those that were measured in the same way.
        peaks: GFLOP/s of the machine by precision.
    """
    medians = {(timed.name, timed.way): float(np.median(timed.ms)) for timed in times}
    heads = ["", "", "median ms", "min ms", *(f"times as fast as {name}" for name in references), "GFLOP", "of peak"]
    lines = [f"### {title}", "", about, "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for timed in times:
        median_ms = medians[timed.name, timed.way]
        ratios = [f"{medians[name, timed.way] / median_ms:.2f}" for name in references]
        work = "" if timed.gflop is None else f"{timed.gflop:.3g}"
        share = "" if timed.gflop is None else f"{timed.gflop / median_ms * 1000 / peaks[timed.precision]:.0%}"
        cells = [timed.name, timed.way, number(median_ms), number(timed.ms.min()), *ratios, work, share]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """Returns a number with three digits or more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
