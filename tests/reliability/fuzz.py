"""Input that nobody thought of, into everything that reads what others send: a result or an error of ours comes out.

``targets`` has the functions that read, and valid input for each; ``garbage`` changes it. Input number N of a target is
the same in every run, so ``--target NAME --first N --count 1`` repeats an escape. ``__main__`` calls ``main``.
"""

# ruff: noqa: T201

from __future__ import annotations

import faulthandler
import logging
import sys
import time
import traceback
import warnings
from collections import Counter
from random import Random

from samwidget.errors import SamWidgetError
from tests.reliability.targets import TARGETS, Target

_ESCAPES_SHOWN = 5
_SLOW_S = 2.0


def main(count: int, first: int = 0, only: str | None = None) -> int:
    """Feeds so many inputs in all, each target its share, and prints a table; returns 1 where something escaped.

    Args:
        count: inputs of all targets together; of the one target where ``only`` names one.
        first: number of the first input of each target.
        only: name of one target.
    """
    faulthandler.enable()
    logging.disable()
    warnings.simplefilter("ignore")
    print(f"{'target':20}{'inputs':>9}{'results':>9}{'refused':>9}{'escapes':>9}{'a second':>10}{'slowest ms':>12}")
    totals: Counter[str] = Counter()
    start = time.perf_counter()
    for name, make in TARGETS.items():
        if only in (None, name):
            with make() as target:
                totals += _feed(name, target, first, round(count * target.share) if only is None else count)
    took_s = time.perf_counter() - start
    print(f"{totals['inputs']:,} inputs in {took_s:.0f} s: {totals['escapes']} escapes, {totals['slow']} slow ones")
    return 1 if totals["escapes"] or totals["slow"] or not totals["inputs"] else 0


def _feed(name: str, target: Target, first: int, count: int) -> Counter[str]:
    outcomes: Counter[str] = Counter(inputs=count)
    start, slowest_s = time.perf_counter(), 0.0
    for number in range(first, first + count):
        data = target.make(Random(f"{name} {number}"))
        begun = time.perf_counter()
        try:
            target.read(data)
            outcomes["results"] += 1
        except SamWidgetError as error:
            outcomes["refused" if error.message else "escapes"] += 1
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            outcomes["escapes"] += 1
            if outcomes["escapes"] <= _ESCAPES_SHOWN:
                print(f"ESCAPE from {name}, input {number}: {_short(data)}")
                traceback.print_exc(limit=-6, file=sys.stdout)
        took_s = time.perf_counter() - begun
        slowest_s = max(slowest_s, took_s)
        if took_s > _SLOW_S:
            outcomes["slow"] += 1
            print(f"SLOW: {name}, input {number} took {took_s:.1f} s: {_short(data)}")
    took_s = time.perf_counter() - start
    figures = [count, outcomes["results"], outcomes["refused"], outcomes["escapes"]]
    row = "".join(f"{figure:>9}" for figure in figures)
    print(f"{name:20}{row}{count / max(took_s, 1e-9):>10.0f}{slowest_s * 1000:>12.1f}", flush=True)
    return outcomes


def _short(data: object) -> str:
    try:
        text = repr(data)
    except (RecursionError, ValueError):  # very deep, or a number of thousands of digits
        text = f"a {type(data).__name__} that cannot be written"
    return text if len(text) < 2000 else f"{text[:1500]} ... {text[-300:]}"
