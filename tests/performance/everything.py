"""A search for everything with ViT-B: ours and the official generator from one embedding, and ours with many masks.

The decoder has random weights, so its masks are noise over the whole image. These are the slowest masks to process:
their boxes cover the image and their outlines are long. The thresholds keep all of them, so every step runs for each.
"""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from samwidget.core.prompt import Prompt
from samwidget.models.segmenter import Embedding, Segmenter
from tests.performance.bench import Bench
from tests.performance.sam import Contest
from tests.performance.timing import clock, table
from tests.performance.vit_b import (
    KEEP_ALL,
    OFFICIAL,
    POINTS_PER_SIDE,
    PROMPT_GFLOP,
    SAMWIDGET,
    SIDE,
    samwidget_segmenter,
    with_embedding_of_noise,
)

# They have 1,002 candidates.
MANY_POINTS, MANY_HW = 334, (3000, 4000)


def with_discs(segmenter: Segmenter) -> None:
    """Replaces the decoder's masks, after it has worked, by discs around the points: 1, 4 and 16 % of the image.

    Discs are like real objects in their boxes and run lengths; the noise of random weights is not.
    """
    decode = segmenter.decode
    rows, columns = np.mgrid[: SIDE // 4, : SIDE // 4] + 0.5

    def discs(
        embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        _, scores = decode(embedding, prompts, multimask_output=multimask_output, threads=threads)
        content = np.prod(embedding.frame.content_logits_hw)
        radii = np.sqrt(np.array([0.01, 0.04, 0.16]) * content / np.pi)[:, None, None]
        centres = [embedding.frame.image_to_logits(prompt.points_xy[0]) for prompt in prompts]
        logits = np.stack([radii - np.hypot(rows - y, columns - x) for x, y in centres])
        return torch.from_numpy(logits.astype(np.float32)), scores

    segmenter.decode = discs  # type: ignore[method-assign]


@torch.no_grad()
def many_candidates(weights: Path, points: int) -> str:
    """Reports seconds and memory for about 1,000 candidates on 12 megapixels, without the encoder."""
    segmenter = samwidget_segmenter(weights, "float32")
    with_discs(segmenter)
    predictor = with_embedding_of_noise(segmenter)
    grid = np.random.default_rng(0).uniform(0, 1, (points, 2))
    image = np.zeros((*MANY_HW, 3), np.uint8)
    predictor.embed(image)
    before = peak_bytes()
    start = last = clock()
    longest, object_count = 0.0, 0
    for progress in predictor.generate_masks(image, point_grids=[grid], **KEEP_ALL):
        longest, last = max(longest, clock() - last), clock()
        object_count = len(progress.objects)
    memory = f"{(peak_bytes() - before) / 2**20:.0f} MB"
    return f"| {3 * points} | {object_count} | {last - start:.1f} | {longest * 1000:.0f} | {memory} |"


def peak_bytes() -> int:
    """Returns the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(bench: Bench) -> str:
    """Returns the report on everything."""
    with bench.process() as process:
        many = process.call(many_candidates, bench.weights, MANY_POINTS)
    gflop = {name: POINTS_PER_SIDE**2 * PROMPT_GFLOP[name] for name in (SAMWIDGET, OFFICIAL)}
    with Contest(bench, (SAMWIDGET, OFFICIAL)) as contest:
        times = contest.compare("everything", 1, gflop)
    about = (
        f"{POINTS_PER_SIDE**2} points on {SIDE} x {SIDE}, from one embedding, masks of noise, all kept. "
        "GFLOP: those of the decoder."
    )
    return "\n".join(
        [
            table("Everything, SAM ViT-B", about, times, (OFFICIAL,), bench.peaks),
            "### Everything on 12 megapixels, SAM ViT-B\n",
            f"samwidget alone, {MANY_POINTS} points from one embedding; the masks are discs, all kept.\n",
            "| candidates | kept | seconds | longest step, ms | memory more than before |\n|---|---|---|---|---|",
            many + "\n",
        ]
    )
