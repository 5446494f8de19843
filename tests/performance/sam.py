"""SAM ViT-B beside transformers and the official package: clicks, many points, the encoder, and the fast precision."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from samwidget.core.prompt import Prompt, make_prompt
from tests.performance.bench import Bench
from tests.performance.timing import Timed, number, table
from tests.performance.vit_b import (
    ENCODE_GFLOP,
    FAST,
    OFFICIAL,
    PROMPT_GFLOP,
    SAMWIDGET,
    TRANSFORMERS,
    TRANSFORMERS_BFLOAT16,
    contestant,
    load_contestants,
    measure,
    pixels,
    random_points,
    samwidget_segmenter,
)

PROMPT_COUNTS = (1, 4, 16, 64, 256)
EXACT_PROMPTS = 200
PAUSE_S = 1.0
DECODE = "the decoder alone, from one embedding, three masks for each point, float32"
PEERS = (TRANSFORMERS, OFFICIAL)
T = TypeVar("T")


class Contest:
    """Processes with loaded contestants: one with all of them, and one for each. The end of a ``with`` ends them."""

    def __init__(self, bench: Bench, names: Sequence[str]) -> None:
        self._bench, self._names = bench, names
        self._ends = ExitStack()
        self._all = self._ends.enter_context(bench.process())
        self._single = {name: self._ends.enter_context(bench.process()) for name in names}

    def __enter__(self) -> Contest:
        weights = self._bench.weights
        self._all.start(load_contestants, self._names, weights)
        for name, process in self._single.items():
            process.start(load_contestants, [name], weights)
        for process in (self._all, *self._single.values()):
            process.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def of_all(self, function: Callable[[Path], T]) -> T:
        """Returns what a function of the weights returns in the process with all contestants."""
        return self._all.call(function, self._bench.weights)

    def compare(
        self, work: str, rounds: int, gflop: Mapping[str, float], *, alone: int | None = None, warm_up: int = 0
    ) -> list[Timed]:
        """Returns the times of the contestants, in turn in one process and then each alone in its own.

        Args:
            work: as in ``measure``.
            rounds: calls of each contestant in turn.
            gflop: of one call of each contestant.
            alone: calls of each contestant alone; None is as many as in turn.
            warm_up: calls before, which do not count.
        """
        weights, alone = self._bench.weights, self._bench.rounds(rounds if alone is None else alone)
        times = self._all.call(measure, self._names, work, self._bench.rounds(rounds), weights, warm_up)
        rows = [_timed(name, "in turn", ms, gflop) for name, ms in times.items()]
        for name, process in self._single.items():
            time.sleep(PAUSE_S)
            times = process.call(measure, [name], work, alone, weights, warm_up)
            rows.append(_timed(name, "alone", times[name], gflop))
        return rows


def _timed(name: str, way: str, ms: np.ndarray, gflop: Mapping[str, float]) -> Timed:
    is_half = name in (FAST, TRANSFORMERS_BFLOAT16)
    return Timed(name, way, ms, gflop.get(name), "bfloat16" if is_half else "float32")


def click(bench: Bench) -> str:
    """Returns the table of one click."""
    with Contest(bench, (SAMWIDGET, *PEERS)) as contest:
        differences = contest.of_all(largest_differences)
        times = contest.compare("1", 21, PROMPT_GFLOP, warm_up=2)
    about = f"Another point in each call; {DECODE}."
    texts = [f"{name} {difference:.0e}" for name, difference in differences.items()]
    return (
        table("One click, SAM ViT-B", about, times, PEERS, bench.peaks)
        + f"\nLargest difference to transformers' logits, in their standard deviations: {', '.join(texts)}.\n"
    )


def points(bench: Bench) -> str:
    """Returns the tables of many points."""
    with Contest(bench, (SAMWIDGET, *PEERS)) as contest:
        times = contest.compare("64", 2, {name: 64 * gflop for name, gflop in PROMPT_GFLOP.items()})
    with bench.process() as process:
        growth = process.call(milliseconds_by_count, bench.weights, bench.rounds(3))
    return "\n".join(
        [
            table("64 points, SAM ViT-B", f"64 points in one call; {DECODE}.", times, PEERS, bench.peaks),
            "### More points, SAM ViT-B\n",
            f"samwidget alone, points in one call; {DECODE}; median ms for each point.\n",
            f"| points | {' | '.join(map(str, growth))} |",
            "|---" * (len(growth) + 1) + "|",
            f"| ms a point | {' | '.join(number(ms / count) for count, ms in growth.items())} |\n",
        ]
    )


@torch.no_grad()
def largest_differences(weights: Path) -> dict[str, float]:
    """Returns how far logits are from transformers': a speed counts only where the masks are the same."""
    logits = {name: contestant(name, weights).decode(random_points(4)) for name in (SAMWIDGET, *PEERS)}
    reference = logits.pop(TRANSFORMERS)
    return {name: float((other - reference).abs().max() / reference.std()) for name, other in logits.items()}


def milliseconds_by_count(weights: Path, rounds: int) -> dict[int, float]:
    """Returns the median milliseconds of decoding each number of points."""
    return {
        count: float(np.median(measure([SAMWIDGET], str(count), rounds, weights, warm_up=1)[SAMWIDGET]))
        for count in PROMPT_COUNTS
    }


def encode(bench: Bench) -> str:
    """Returns the table of the encoder."""
    names = (SAMWIDGET, FAST, TRANSFORMERS, TRANSFORMERS_BFLOAT16, OFFICIAL)
    with Contest(bench, names) as contest:
        times = contest.compare("encode", 2, ENCODE_GFLOP, alone=1)
    about = (
        "One image of 1024 x 1024, the first calls of a process; float32 but in the rows that say another precision."
    )
    return table("Encode, SAM ViT-B", about, times, PEERS, bench.peaks)


def exactness(bench: Bench) -> str:
    """Returns how well the masks of the two precisions agree."""
    with bench.process() as process:
        ious = process.call(ious_of_fast, bench.weights)
    return (
        f'### Masks of `dtype="fast"`, SAM ViT-B\n\n'
        f"{EXACT_PROMPTS} prompts, points and boxes, three masks each, on an image of noise; IoU with the masks of "
        "float32.\n\n"
        "| median | least of 100 | least |\n|---|---|---|\n"
        f"| {np.median(ious):.4f} | {np.percentile(ious, 1):.4f} | {ious.min():.4f} |\n"
    )


@torch.no_grad()
def ious_of_fast(weights: Path) -> np.ndarray:
    """Returns the IoU of the masks of ``dtype="fast"`` with those of float32, (600,)."""
    masks = []
    for dtype in ("float32", "fast"):
        segmenter = samwidget_segmenter(weights, dtype)
        embedding = segmenter.encode(pixels())
        masks.append(segmenter.decode(embedding, points_and_boxes(), multimask_output=True)[0] > 0)
    shared, either = (masks[0] & masks[1]).sum((2, 3)), (masks[0] | masks[1]).sum((2, 3))
    return np.asarray((shared / either.clamp(min=1)).flatten())


def points_and_boxes() -> list[Prompt]:
    """Returns the prompts: a half are points, the other half boxes around them."""
    rng, points = np.random.default_rng(1), random_points(EXACT_PROMPTS // 2)
    boxes = []
    for point in points:
        half = rng.uniform(10, 200, 2)
        boxes.append(make_prompt(box=np.concatenate([point.points_xy[0] - half, point.points_xy[0] + half])))
    return points + boxes
