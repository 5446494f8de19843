"""``make bench``: prints the tables; ``python -m tests.performance network`` prints one of them."""

from __future__ import annotations

import os
import sys

import torch

from tests.performance import batch, browser, everything, load, network
from tests.performance.timing import ONE_THREAD, peak_gflops

SECTIONS = {
    "network": network.main,
    "everything": everything.main,
    "batch": batch.main,
    "browser": browser.main,
    "load": load.main,
}


def main(names: list[str]) -> None:
    """Prints the named sections, or all of them."""
    if ONE_THREAD:
        torch.set_num_threads(1)
    cores = f"one thread of {os.cpu_count()}, processor time" if ONE_THREAD else f"{os.cpu_count()} cores"
    print(f"{cores}, torch {torch.__version__}, fp32 product {peak_gflops():.0f} GFLOP/s\n")
    for name in names or list(SECTIONS):
        print(SECTIONS[name](), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
