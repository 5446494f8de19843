"""``make bench`` prints all tables of this folder; ``python -m tests.performance network`` prints one of them.

``compare`` is a tool of its own: it measures two checkouts.
"""

from __future__ import annotations

import argparse
import os

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


def main() -> None:
    """Prints the sections named on the command line, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance", description="Prints tables of speed.")
    parser.add_argument("sections", nargs="*", metavar="section", help=f"one of {', '.join(SECTIONS)}; all by default")
    names = parser.parse_args().sections or list(SECTIONS)
    if unknown := sorted(set(names) - set(SECTIONS)):
        parser.error(f"there is no section {', '.join(unknown)}; give some of {', '.join(SECTIONS)}")
    if ONE_THREAD:
        torch.set_num_threads(1)
    cores = f"one thread of {os.cpu_count()}, processor time" if ONE_THREAD else f"{os.cpu_count()} cores"
    print(f"{cores}, torch {torch.__version__}, fp32 product {peak_gflops():.0f} GFLOP/s\n")
    for name in names:
        print(SECTIONS[name](), flush=True)


if __name__ == "__main__":
    main()
