"""Interleaved timing: each contestant runs once in each round, so changes of the machine's speed affect all alike."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

import numpy as np

ONE_THREAD = bool(os.environ.get("SAMWIDGET_BENCH_ONE_THREAD"))
"""Set it on a machine that others use as well: one thread, and its processor time instead of the elapsed time."""
clock = time.thread_time if ONE_THREAD else time.perf_counter


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


def table(title: str, times: Mapping[str, np.ndarray], against: str) -> str:
    """Returns a Markdown table: median, minimum, 95th percentile, and how many times as fast as ``against``."""
    reference_ms = np.median(times[against])
    lines = [f"### {title}", "", f"| | median ms | min | p95 | times as fast as {against} |", "|---|---|---|---|---|"]
    for name, values in times.items():
        lines.append(
            f"| {name} | {np.median(values):.1f} | {values.min():.1f} | {np.percentile(values, 95):.1f} "
            f"| {reference_ms / np.median(values):.2f} |"
        )
    return "\n".join(lines) + "\n"


def peak_gflops(side: int = 1536) -> float:
    """Returns the speed of this machine's fp32 matrix product in GFLOP/s, to compare figures of two machines."""
    import torch

    a, b = torch.rand(side, side), torch.rand(side, side)
    times = interleaved({"product": lambda: a @ b}, rounds=9)["product"]
    return float(2 * side**3 / np.median(times) / 1e6)
