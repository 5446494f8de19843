"""A search for everything: the official generator beside ours, from one embedding, and ours with many candidates.

ViT-B's decoder has random weights, so its masks are noise over the whole image. These are the slowest masks to process:
their boxes cover the image and their outlines are long. The thresholds keep all of them, so every step runs for each.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt
from samwidget.models.sam.segmenter import SamSegmenter
from samwidget.models.segmenter import Embedding
from samwidget.predict.predictor import SamPredictor
from tests.performance.network import SIDE, vit_b
from tests.performance.timing import clock, interleaved, table
from tests.predict.everything.official_everything import generator

POINTS_PER_SIDE = 8
# They have 1,002 candidates.
MANY_POINTS, MANY_HW = 334, (3000, 4000)
KEEP_ALL = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "box_nms_thresh": 1.0}


def contestants(
    segmenter: SamSegmenter, official: Any, features: torch.Tensor, points_per_side: int
) -> dict[str, Callable[[], int]]:
    """Returns both searches, without the encoder; each returns the number of its masks."""
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    predictor = with_embedding(segmenter, features)
    reference = generator(official, points_per_side=points_per_side, output_mode="uncompressed_rle", **KEEP_ALL)

    def set_image(_image: np.ndarray) -> None:
        reference.predictor.features = features
        reference.predictor.original_size = reference.predictor.input_size = (SIDE, SIDE)
        reference.predictor.is_image_set = True

    reference.predictor.set_image = set_image
    return {
        "samwidget": lambda: len(predictor.everything(image, points_per_side=points_per_side, **KEEP_ALL)),
        "official": lambda: len(reference.generate(image)),
    }


def with_embedding(segmenter: SamSegmenter, features: torch.Tensor) -> SamPredictor:
    """Returns a predictor that has ``features`` as the embedding of every image."""

    def encode(image: np.ndarray, *, threads: int | None = None) -> Embedding:
        frame = Frame.padded((image.shape[0], image.shape[1]), SIDE, SIDE // 4)
        return Embedding({"image_embeddings": features}, frame, segmenter.signature)

    segmenter.encode = encode  # type: ignore[method-assign]
    return SamPredictor(segmenter)


def with_discs(segmenter: SamSegmenter) -> None:
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


def many_candidates(segmenter: SamSegmenter, features: torch.Tensor, points: int = MANY_POINTS) -> str:
    """Reports seconds and memory for about 1,000 candidates on 12 megapixels, without the encoder."""
    grid = np.random.default_rng(0).uniform(0, 1, (points, 2))
    image = np.zeros((*MANY_HW, 3), np.uint8)
    predictor = with_embedding(segmenter, features)
    predictor.embed(image)
    before = peak_bytes()
    start = last = clock()
    longest, object_count = 0.0, 0
    for progress in predictor.generate_masks(image, point_grids=[grid], **KEEP_ALL):
        longest, last = max(longest, clock() - last), clock()
        object_count = len(progress.objects)
    took = last - start
    return (
        f"{3 * points} candidates, {object_count} of them kept: {took:.1f} s, longest step "
        f"{longest * 1000:.0f} ms, {(peak_bytes() - before) / 2**20:.0f} MB more than before.\n"
    )


def peak_bytes() -> int:
    """Returns the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@torch.no_grad()
def main() -> str:
    """Returns the report on everything."""
    segmenter, model, official = vit_b()
    features = torch.randn(1, 256, SIDE // 16, SIDE // 16, generator=torch.Generator().manual_seed(0))
    # First: after the official generator, which takes gigabytes, the peak of memory would say nothing about ours.
    discs = SamSegmenter(model, name="discs", device=torch.device("cpu"))
    with_discs(discs)
    many = many_candidates(discs, features)
    times = interleaved(contestants(segmenter, official, features, POINTS_PER_SIDE), rounds=1, warm_up=0)
    title = f"Everything from one embedding ({POINTS_PER_SIDE**2} points, {SIDE} x {SIDE}, ViT-B, masks of noise)"
    return "\n".join(
        ["### Everything on 12 megapixels (ViT-B, after the encode)\n", many, table(title, times, "official")]
    )
