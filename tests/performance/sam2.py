"""The families after SAM, with random weights, beside transformers: a click, 64 points, and the encoder.

Decoders have their true sizes; encoders are small but in ``encode``, where SAM 2.1 tiny has its true size. EdgeTAM has
SAM 2's decoder, so it has no row of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt
from samwidget.models.segmenter import Embedding
from tests.models.sam.true_size_sam import randomise
from tests.performance.bench import Bench
from tests.performance.timing import Timed, interleaved, table
from tests.performance.vit_b import FAST, SAMWIDGET, TRANSFORMERS, TRANSFORMERS_BFLOAT16, pixels, random_points

POINTS = 64
DECODE = "the decoder alone, from one embedding, three masks for each point, float32"
CPU = torch.device("cpu")


class Family(NamedTuple):
    """A network in both implementations.

    Attributes:
        segmenter: samwidget's.
        model: transformers', with the same weights.
        embedding: random maps in place of an encoder's output.
        features: the same as transformers' forward takes them.
    """

    segmenter: Any
    model: Any
    embedding: Embedding
    features: Mapping[str, Any]


def main(bench: Bench) -> str:
    """Returns the tables."""
    texts = []
    for name in FAMILIES:
        with bench.process() as process:
            difference = process.call(largest_difference, name)
            click = process.call(decode_ms, name, 1, bench.rounds(21))
            points = process.call(decode_ms, name, POINTS, bench.rounds(3))
        decode = "the decoder alone, from one embedding, three masks for each point, float32"
        texts += [
            _table(bench, f"One click, {name}", f"Another point in each call; {decode}.", click, [TRANSFORMERS]),
            _table(
                bench, f"{POINTS} points, {name}", f"{POINTS} points in one call; {decode}.", points, [TRANSFORMERS]
            ),
            f"Largest difference of logits: {difference:.0e} of their standard deviation.\n",
        ]
    with bench.process() as process:
        encode = process.call(encode_ms, bench.rounds(3))
    references = [TRANSFORMERS, TRANSFORMERS_BFLOAT16]
    about = "One image of 1024 x 1024; float32 but in the rows that say another precision."
    return "\n".join([*texts, _table(bench, "Encode, SAM 2.1 tiny", about, encode, references)])


def _table(bench: Bench, title: str, about: str, times: Mapping[str, np.ndarray], references: Sequence[str]) -> str:
    return table(title, about, [Timed(name, "in turn", ms) for name, ms in times.items()], references, bench.peaks)


@torch.no_grad()
def decode_ms(name: str, prompt_count: int, rounds: int) -> dict[str, np.ndarray]:
    """Returns the milliseconds of decoding so many points on one embedding."""
    seeds = count()
    works = {
        SAMWIDGET: lambda: samwidget_logits(name, random_points(prompt_count, seed=next(seeds))),
        TRANSFORMERS: lambda: transformers_logits(name, random_points(prompt_count, seed=next(seeds))),
    }
    return interleaved(works, rounds)


@torch.no_grad()
def encode_ms(rounds: int) -> dict[str, np.ndarray]:
    """Returns the milliseconds of encoding an image with SAM 2.1 tiny."""
    from transformers import Sam2Config, Sam2Model

    from samwidget.models.device import choose_device
    from samwidget.models.sam2 import Sam2Segmenter

    plain, half, own, fast = (randomise(Sam2Model(Sam2Config())).eval() for _ in range(4))
    half = half.bfloat16()
    image = torch.from_numpy(pixels()).permute(2, 0, 1)[None] / 255
    segmenter = Sam2Segmenter(own, name="tiny", device=CPU)
    fast_segmenter = Sam2Segmenter(fast, name="fast", device=CPU, dtype=choose_device("cpu", "fast").dtype)
    works = {
        SAMWIDGET: lambda: segmenter.encode(pixels()),
        FAST: lambda: fast_segmenter.encode(pixels()),
        TRANSFORMERS: lambda: plain.get_image_embeddings(image),
        TRANSFORMERS_BFLOAT16: lambda: half.get_image_embeddings(image.bfloat16()),
    }
    return interleaved(works, rounds)


@torch.no_grad()
def largest_difference(name: str) -> float:
    """Returns how far the logits of single masks are from transformers', in their standard deviations.

    Transformers sorts the candidates of SAM-HQ.
    """
    expected = transformers_logits(name, random_points(4), multimask_output=False)
    actual = samwidget_logits(name, random_points(4), multimask_output=False)
    return float((actual - expected).abs().max() / expected.std())


def samwidget_logits(name: str, prompts: list[Prompt], *, multimask_output: bool = True) -> torch.Tensor:
    """Returns (P, 3 or 1, h, w) logits by samwidget."""
    segmenter, embedding = family(name).segmenter, family(name).embedding
    logits: torch.Tensor = segmenter.decode(embedding, prompts, multimask_output=multimask_output)[0]
    return logits


def transformers_logits(name: str, prompts: list[Prompt], *, multimask_output: bool = True) -> torch.Tensor:
    """Returns (P, 3 or 1, h, w) logits by transformers, which gets all points at once."""
    points = torch.from_numpy(np.stack([prompt.points_xy for prompt in prompts]))[None]
    labels = torch.ones(points.shape[:3], dtype=torch.long)
    inputs = {"input_points": points, "input_labels": labels, "multimask_output": multimask_output}
    output = family(name).model(**family(name).features, **inputs)
    logits: torch.Tensor = output.pred_masks[0]
    return logits


@cache
def family(name: str) -> Family:
    """Returns a family of this process, made at the first call."""
    return FAMILIES[name]()


def _sam_hq() -> Family:
    from samwidget.models.sam_hq import SamHqSegmenter
    from samwidget.models.sam_hq.image_features import hq_features
    from tests.models.sam_hq.random_sam_hq import HIDDEN, mend, new_sam_hq

    tensors = _noise(image_embeddings=(1, 256, 64, 64), early=(1, 64, 64, HIDDEN))
    early = tensors.pop("early")
    segmenter = SamHqSegmenter(new_sam_hq(1024), name="hq", device=CPU)
    image, grid = tensors["image_embeddings"], early.permute(0, 3, 1, 2)
    with torch.no_grad():
        tensors["hq_features"] = hq_features(segmenter.model.mask_decoder, image, grid, threads=1)
    features = {"image_embeddings": tensors["image_embeddings"], "intermediate_embeddings": [early]}
    embedding = Embedding(tensors, Frame.padded((1024, 1024), 1024, 256), "noise")
    return Family(segmenter, mend(new_sam_hq(1024)), embedding, features)


def _sam2() -> Family:
    from tests.models.sam2.true_size_sam2 import new_sam2

    return _with_decoder_of_sam2(new_sam2(), 64)


def _sam3() -> Family:
    from transformers import Sam3TrackerConfig, Sam3TrackerModel

    backbone = {"model_type": "sam3_vit_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    backbone |= {"num_attention_heads": 2, "global_attn_indexes": [0]}
    vision = {"model_type": "sam3_vision_model", "backbone_config": backbone}
    return _with_decoder_of_sam2(randomise(Sam3TrackerModel(Sam3TrackerConfig(vision_config=vision))).eval(), 72)


def _with_decoder_of_sam2(model: Any, side: int) -> Family:
    """A family with SAM 2's decoder and a grid of ``side`` x ``side`` image tokens."""
    from samwidget.models.sam2 import Sam2Segmenter

    tensors = _noise(
        image_embeddings=(1, 256, side, side),
        features_s1=(1, 64, 2 * side, 2 * side),
        features_s0=(1, 32, 4 * side, 4 * side),
    )
    maps = [tensors[name] for name in ("features_s0", "features_s1", "image_embeddings")]
    logits_hw = (4 * side, 4 * side)
    embedding = Embedding(tensors, Frame.stretched((16 * side, 16 * side), logits_hw, logits_hw), "noise")
    return Family(Sam2Segmenter(model, name="random", device=CPU), model, embedding, {"image_embeddings": maps})


def _noise(**shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


FAMILIES: Mapping[str, Callable[[], Family]] = {"SAM-HQ": _sam_hq, "SAM 2.1": _sam2, "SAM 3, clicks": _sam3}
