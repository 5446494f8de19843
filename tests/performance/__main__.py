"""``make bench`` prints all tables of this folder; ``python -m tests.performance click encode`` prints some of them.

``similar DATA`` and ``fine_tune DATA`` are no tables of speed, and are printed alone: what *find similar* finds on
labelled photos, and what fine-tuning gains on them.
``--checkout FOLDER`` measures the samwidget of another checkout. ``compare`` is a tool of its own: it measures two of
them in turn.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import psutil

from samwidget.models.cores import core_count
from tests.performance import (
    actions,
    batch,
    browser,
    classroom,
    everything,
    fine_tune,
    gpu,
    load,
    nano,
    panning,
    processes,
    sam,
    sam2,
    similar,
    strokes,
)
from tests.performance.bench import Bench
from tests.performance.peak import peaks
from tests.performance.process import ROOT
from tests.performance.timing import ONE_THREAD

OF_ANY_CHECKOUT: dict[str, Callable[[Bench], str]] = {
    "click": sam.click,
    "points": sam.points,
    "encode": sam.encode,
    "exactness": sam.exactness,
    "sam2": sam2.main,
    "everything": everything.main,
    "nano": nano.main,
    "processes-everything": processes.everything,
    "processes-clicks": processes.clicks,
    "processes-encode": processes.encode,
    "batch": batch.main,
}
OF_THIS_CHECKOUT: dict[str, Callable[[], str]] = {
    "browser": browser.main,
    "panning": panning.main,
    "strokes": strokes.main,
    "actions": actions.main,
    "load": load.main,
    "classroom": classroom.main,
    "gpu": gpu.main,
}
# Left out unless it is named: it needs a GPU, and nothing else there.
WHERE_NAMED = ("gpu",)
# The processor time of Ray, of Chromium and of kernels cannot be told from that of other programs.
STARTS_OTHERS = ("batch", "browser", "panning", "strokes", "actions", "load", "classroom")
SECTIONS = [*OF_ANY_CHECKOUT, *OF_THIS_CHECKOUT]


def main() -> None:
    """Prints the sections named on the command line, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance", description="Prints tables of speed.")
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="section",
        help=f"one of {', '.join(SECTIONS)}; by default all but {', '.join(WHERE_NAMED)}",
    )
    parser.add_argument("--checkout", type=Path, default=ROOT, help="folder of another checkout to measure")
    parser.add_argument("--rounds", type=int, help="measure no contestant more often than this, for a quick look")
    arguments = parser.parse_args()
    if arguments.sections[:1] == ["similar"]:
        if len(arguments.sections) != 2:
            parser.error("give the folder of the labelled photos: similar DATA")
        print(similar.main(Path(arguments.sections[1])))
        return
    if arguments.sections[:1] == ["fine_tune"]:
        if len(arguments.sections) < 2:
            parser.error("give the folder of the labelled photos: fine_tune DATA, and then perhaps a task")
        print(fine_tune.main(Path(arguments.sections[1]), *arguments.sections[2:]))
        return
    bench, start = Bench(arguments.checkout.resolve(), arguments.rounds), time.monotonic()
    known = SECTIONS if bench.checkout == ROOT else list(OF_ANY_CHECKOUT)
    names = arguments.sections or [name for name in known if name not in WHERE_NAMED]
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"there is no section {', '.join(unknown)} of {bench.checkout}; give some of {', '.join(known)}")
    print(heading())
    print(peak_line(bench, "at the beginning"), flush=True)
    for name in names:
        section_start, others = time.monotonic(), seconds_of_others()
        report = OF_ANY_CHECKOUT[name](bench) if name in OF_ANY_CHECKOUT else OF_THIS_CHECKOUT[name]()
        took_s = time.monotonic() - section_start
        share = max(0.0, seconds_of_others() - others) / took_s / (os.cpu_count() or 1)
        note = "" if name in STARTS_OTHERS else f"; other programs took {share:.0%} of the machine"
        print(f"\n{report}\n`{name}` took {took_s:.0f} s{note}.", flush=True)
    print(peak_line(bench, "at the end"))
    print(f"\nAll of it took {(time.monotonic() - start) / 60:.1f} minutes.")


def heading() -> str:
    """Returns what the figures are from, and what the words in the tables mean."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "segment-anything"))
    cores = "one thread, its processor time" if ONE_THREAD else f"{core_count()} cores"
    return (
        f"{cores} ({platform.machine()}), {packages}; weights of SAM ViT-B are random.\n\n"
        "*In turn*: one call of each, round after round, in one process. *Alone*: a loop in a process of its own, "
        "after a pause.\n*Of peak*: GFLOP of the work, divided by its time and by the speed of the fastest matrix "
        "product in that precision.\n"
    )


def seconds_of_others() -> float:
    """Returns the processor time that other programs, and other virtual machines, have taken since the start."""
    machine, own = psutil.cpu_times(), os.times()
    busy = sum(getattr(machine, kind, 0.0) for kind in ("user", "nice", "system", "irq", "softirq", "steal"))
    return busy - (own.user + own.system + own.children_user + own.children_system)


def peak_line(bench: Bench, when: str) -> str:
    """Measures the machine's peak, keeps it in ``bench`` and returns a line about it."""
    with bench.process() as process:
        fastest = process.call(peaks)
    bench.peaks = {precision: speed for precision, (speed, _) in fastest.items()}
    products = ", ".join(f"{precision} {speed:.0f} ({library})" for precision, (speed, library) in fastest.items())
    return f"Peak of this machine {when}, GFLOP/s: {products}."


if __name__ == "__main__":
    main()
