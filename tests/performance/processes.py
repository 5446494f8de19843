"""Several kernels on one machine: 1, 2, 3 and 6 processes that do the same at the same time.

All are loaded before any begins. The ideal is what the cores could do if no process disturbed another and threads
shared all work without loss: the time of one process with one thread, times the number of processes, divided by the
number of cores.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np

from samwidget.images.load import load_rgb
from samwidget.predict.predictor import SamPredictor
from tests.performance.bench import PHOTO, Bench
from tests.performance.process import Process
from tests.performance.timing import number
from tests.performance.vit_b import pixels, random_points, samwidget_segmenter

COUNTS = (1, 2, 3, 6)
CLICKS = 100
LIMIT_S = 100.0


@cache
def loaded(work: str, weights: Path | None) -> Callable[[], object]:
    """Returns the work of this process, with its model loaded and used once."""
    if work == "encode":
        assert weights is not None
        segmenter = samwidget_segmenter(weights, "float32")
        return lambda: segmenter.encode(pixels())
    predictor, image, seeds = SamPredictor.from_pretrained(), load_rgb(PHOTO), count()
    predictor.set_image(image)
    image_hw = (image.shape[0], image.shape[1])

    def clicks() -> None:
        for prompt in random_points(CLICKS, image_hw, seed=next(seeds)):
            predictor.predict(prompt.points_xy, prompt.labels)

    def everything() -> None:
        image[0, 0] = next(seeds) % 256  # another photo to the cache of embeddings
        predictor.everything(image)

    return clicks if work == "clicks" else everything


def load(work: str, weights: Path | None) -> None:
    """Loads what this process will do."""
    loaded(work, weights)


def seconds(work: str, weights: Path | None) -> float:
    """Returns the seconds that the work of this process takes."""
    run = loaded(work, weights)
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def together(processes: list[Process], work: str, weights: Path | None) -> np.ndarray | None:
    """Returns the seconds of each process when all work at the same time; None where one takes more than the limit."""
    for process in processes:
        process.start(seconds, work, weights)
    try:
        return np.array([process.result(LIMIT_S) for process in processes])
    except TimeoutError:
        return None


def section(bench: Bench, work: str, about: str) -> str:
    """Returns the table of one work."""
    weights = bench.weights if work == "encode" else None
    lines = [
        f"### Several processes: {work}\n",
        f"{about} Seconds of the median process and of the slowest; the share of the ideal is the slowest's.\n",
        "| processes | median | slowest | ideal | share of the ideal |\n|---|---|---|---|---|",
    ]
    from samwidget.models.cores import core_count  # here: older checkouts, which only the processes import, lack it

    cores = core_count()
    with ExitStack() as stack:
        single = stack.enter_context(bench.process(one_thread=True))
        processes = [stack.enter_context(bench.process()) for _ in COUNTS[-1] * [None]]
        for process in (single, *processes):
            process.start(load, work, weights)
        for process in (single, *processes):
            process.result()
        alone_s = float(np.median([single.call(seconds, work, weights) for _ in range(bench.rounds(2))]))
        lines.append(f"| 1, one thread | {number(alone_s)} | | | |")
        for process_count in COUNTS:
            ideal_s = process_count * alone_s / cores
            times = together(processes[:process_count], work, weights)
            if times is None:
                lines.append(f"| {process_count} | | over {LIMIT_S:.0f} | {number(ideal_s)} | |")
                break
            median, slowest = float(np.median(times)), float(times.max())
            cells = [process_count, *map(number, (median, slowest, ideal_s)), f"{ideal_s / slowest:.0%}"]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def everything(bench: Bench) -> str:
    """Returns the table of searches for everything."""
    return section(bench, "everything", f"`nano`, 256 points on the photo {PHOTO.name}, with its encode.")


def clicks(bench: Bench) -> str:
    """Returns the table of clicks."""
    return section(bench, "clicks", f"`nano`, {CLICKS} calls of `predict`, masks at the photo's size.")


def encode(bench: Bench) -> str:
    """Returns the table of SAM's encoder."""
    return section(bench, "encode", "SAM ViT-B, float32, one image of 1024 x 1024.")
