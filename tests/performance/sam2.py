"""SAM 2.1 tiny, its true size with random weights, beside transformers: a click, 64 points, and the encoder."""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import Any

import numpy as np
import torch

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt
from samwidget.models.segmenter import Embedding
from tests.models.sam.true_size_sam import randomise
from tests.performance.bench import Bench
from tests.performance.timing import Timed, interleaved, table
from tests.performance.vit_b import SAMWIDGET, TRANSFORMERS, pixels, random_points

POINTS = 64
SHAPES = {"image_embeddings": (1, 256, 64, 64), "features_s1": (1, 64, 128, 128), "features_s0": (1, 32, 256, 256)}


def main(bench: Bench) -> str:
    """Returns the tables."""
    with bench.process() as process:
        difference = process.call(largest_difference)
        click = process.call(decode_ms, 1, bench.rounds(21))
        points = process.call(decode_ms, POINTS, bench.rounds(3))
        encode = process.call(encode_ms, bench.rounds(3))
    decode = "the decoder alone, from one embedding, three masks for each point, float32"
    tables = [
        ("One click, SAM 2.1 tiny", f"Another point in each call; {decode}.", click),
        (f"{POINTS} points, SAM 2.1 tiny", f"{POINTS} points in one call; {decode}.", points),
        ("Encode, SAM 2.1 tiny", "One image of 1024 x 1024, float32; both with transformers' layers.", encode),
    ]
    texts = [
        table(title, about, [Timed(name, "in turn", ms) for name, ms in times.items()], [TRANSFORMERS], bench.peaks)
        for title, about, times in tables
    ]
    return "\n".join(texts) + f"\nLargest difference of logits: {difference:.0e} of their standard deviation.\n"


@torch.no_grad()
def decode_ms(prompt_count: int, rounds: int) -> dict[str, np.ndarray]:
    """Returns the milliseconds of decoding so many points on one embedding."""
    seeds = count()
    works = {
        SAMWIDGET: lambda: samwidget_logits(random_points(prompt_count, seed=next(seeds))),
        TRANSFORMERS: lambda: transformers_logits(random_points(prompt_count, seed=next(seeds))),
    }
    return interleaved(works, rounds)


@torch.no_grad()
def encode_ms(rounds: int) -> dict[str, np.ndarray]:
    """Returns the milliseconds of encoding an image."""
    segmenter, image = segmenter_of_process(), torch.from_numpy(pixels()).permute(2, 0, 1)[None] / 255
    works = {
        SAMWIDGET: lambda: segmenter.encode(pixels()),
        TRANSFORMERS: lambda: network().get_image_embeddings(image),
    }
    return interleaved(works, rounds)


@torch.no_grad()
def largest_difference() -> float:
    """Returns how far logits are from transformers', in their standard deviations."""
    expected = transformers_logits(random_points(4))
    return float((samwidget_logits(random_points(4)) - expected).abs().max() / expected.std())


def samwidget_logits(prompts: list[Prompt]) -> torch.Tensor:
    """Returns (P, 3, 256, 256) logits by samwidget."""
    logits: torch.Tensor = segmenter_of_process().decode(embedding(), prompts, multimask_output=True)[0]
    return logits


def transformers_logits(prompts: list[Prompt]) -> torch.Tensor:
    """Returns (P, 3, 256, 256) logits by transformers, which gets all points at once."""
    tensors = embedding().tensors
    maps = [tensors[name] for name in ("features_s0", "features_s1", "image_embeddings")]
    points = torch.from_numpy(np.stack([prompt.points_xy for prompt in prompts]))[None]
    labels = torch.ones(points.shape[:3], dtype=torch.long)
    logits: torch.Tensor = network()(image_embeddings=maps, input_points=points, input_labels=labels).pred_masks[0]
    return logits


@cache
def network() -> Any:
    """Returns the network of this process."""
    from transformers import Sam2Config, Sam2Model

    return randomise(Sam2Model(Sam2Config())).eval()


@cache
def segmenter_of_process() -> Any:
    """Returns samwidget's segmenter with the weights of ``network``."""
    from samwidget.models.sam2 import Sam2Segmenter

    return Sam2Segmenter(network(), name="tiny", device=torch.device("cpu"))


@cache
def embedding() -> Embedding:
    """Returns random maps in place of an encoder's output."""
    generator = torch.Generator().manual_seed(0)
    tensors = {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}
    return Embedding(tensors, Frame.stretched((1024, 1024), (256, 256), (256, 256)), "noise")
