"""The families after SAM, with random weights, beside transformers: a click, 64 points, and the encoder.

Decoders have their true sizes; encoders are small but in ``encode``, where SAM 2.1 tiny has its true size. EdgeTAM has
SAM 2's decoder, so it has no row of its own. The two programs run in turn. The ratio of their processor times means
something on a machine that others use as well; that of the elapsed times is what a person sees on a quiet one.
``python -m tests.performance.sam2 SAM-HQ`` prints the rows of one family.
"""

from __future__ import annotations

import argparse
import copy
import time
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
from tests.performance.process import ROOT
from tests.performance.timing import number
from tests.performance.vit_b import FAST, SAMWIDGET, TRANSFORMERS, TRANSFORMERS_BFLOAT16, pixels, random_points

POINTS = 64
ENCODE = "encode"
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


class Times(NamedTuple):
    """Medians of a contestant.

    Attributes:
        name: of the contestant.
        wall_ms: elapsed milliseconds of a call.
        processor_ms: those of all cores.
    """

    name: str
    wall_ms: float
    processor_ms: float


def main(bench: Bench, names: Sequence[str] = ()) -> str:
    """Returns the table of these families, or of all, in two to five minutes on two quiet cores.

    Args:
        bench: its processes and rounds.
        names: of families, or ``encode``.
    """
    lines = []
    for name in names or (*FAMILIES, ENCODE):
        with bench.process() as process:  # weights are made once for each family
            if name == ENCODE:
                lines += _rows("encode, SAM 2.1 tiny", process.call(encode_times, bench.rounds(2)))
                continue
            difference = process.call(largest_difference, name)
            lines += _rows(f"click, {name}", process.call(decode_times, name, 1, bench.rounds(11), 1))
            lines += _rows(f"{POINTS} points, {name}", process.call(decode_times, name, POINTS, bench.rounds(2), 0))
            print(f"{name}: largest difference of logits {difference:.0e} of their standard deviation.", flush=True)
    heads = ["", "", "median ms", "times as fast as transformers", "processor ms", "times, by processor time"]
    about = (
        f"A click is another point in each call; {POINTS} points are one call; {DECODE}. "
        "Encode is one image of 1024 x 1024; float32 but in the rows that say another precision."
    )
    head = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return "\n".join(["### Families beside transformers", "", about, "", *head, *lines]) + "\n"


def _rows(work: str, times: Sequence[Times]) -> list[str]:
    reference = next(each for each in times if each.name == TRANSFORMERS)
    rows = []
    for each in times:
        wall, processor = reference.wall_ms / each.wall_ms, reference.processor_ms / each.processor_ms
        cells = [work, each.name, number(each.wall_ms), f"{wall:.2f}", number(each.processor_ms), f"{processor:.2f}"]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def in_turn(works: Mapping[str, Callable[[], object]], rounds: int, warm_up: int) -> list[Times]:
    """Returns the medians of contestants that run in turn, after calls that do not count."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(warm_up + rounds):
        for name, work in works.items():
            start = time.perf_counter(), time.process_time()
            work()
            times[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    medians = {name: 1000 * np.median(np.array(each[warm_up:]), 0) for name, each in times.items()}
    return [Times(name, float(wall), float(processor)) for name, (wall, processor) in medians.items()]


@torch.no_grad()
def decode_times(name: str, prompt_count: int, rounds: int, warm_up: int) -> list[Times]:
    """Returns the times of decoding so many points on one embedding."""
    seeds = count()
    works = {
        SAMWIDGET: lambda: samwidget_logits(name, random_points(prompt_count, seed=next(seeds))),
        TRANSFORMERS: lambda: transformers_logits(name, random_points(prompt_count, seed=next(seeds))),
    }
    return in_turn(works, rounds, warm_up)


@torch.no_grad()
def encode_times(rounds: int) -> list[Times]:
    """Returns the times of encoding an image with SAM 2.1 tiny."""
    from transformers import Sam2Config, Sam2Model

    from samwidget.models.device import choose_device
    from samwidget.models.sam2 import Sam2Segmenter

    plain = randomise(Sam2Model(Sam2Config())).eval()
    half, own, fast = (copy.deepcopy(plain) for _ in range(3))
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
    return in_turn(works, rounds, warm_up=1)


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
    return _with_decoder_of_sam2(randomise(Sam3TrackerModel(Sam3TrackerConfig(vision_config=vision))).eval(), 72, 14)


def _with_decoder_of_sam2(model: Any, side: int, patch: int = 16) -> Family:
    """A family with SAM 2's decoder and ``side`` x ``side`` image tokens, each of ``patch`` x ``patch`` pixels."""
    from samwidget.models.sam2 import Sam2Segmenter

    tensors = _noise(
        image_embeddings=(1, 256, side, side),
        features_s1=(1, 64, 2 * side, 2 * side),
        features_s0=(1, 32, 4 * side, 4 * side),
    )
    maps = [tensors[name] for name in ("features_s0", "features_s1", "image_embeddings")]
    logits_hw = (4 * side, 4 * side)
    embedding = Embedding(tensors, Frame.stretched((patch * side, patch * side), logits_hw, logits_hw), "noise")
    return Family(Sam2Segmenter(model, name="random", device=CPU), model, embedding, {"image_embeddings": maps})


def _noise(**shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


FAMILIES: Mapping[str, Callable[[], Family]] = {"SAM-HQ": _sam_hq, "SAM 2.1": _sam2, "SAM 3, clicks": _sam3}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.performance.sam2", description="Prints the families' speed.")
    parser.add_argument("name", nargs="?", choices=[*FAMILIES, ENCODE], help="of a family, or encode; by default all")
    parser.add_argument("--rounds", type=int, help="measure no contestant more often than this")
    arguments = parser.parse_args()
    from tests.performance import sam2  # by its name, by which processes find its functions

    print(sam2.main(Bench(ROOT, arguments.rounds), [arguments.name] if arguments.name else []))
