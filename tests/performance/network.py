"""The networks alone: SAM ViT-B beside transformers and the official package, the bundled one, and how time grows.

ViT-B has its true size, with random weights, which take as long as trained ones. ``SAMWIDGET_BENCH_ONE_THREAD=1``
counts the processor time of one thread, for a machine that is shared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt, make_prompt
from samwidget.core.upsample import upsample_mask
from samwidget.models.loader import load
from samwidget.models.sam.segmenter import SamSegmenter
from samwidget.models.segmenter import Embedding
from tests.models.sam.torchvision_stand_in import torchvision_stand_in
from tests.models.sam.true_size_sam import official_weights, randomise
from tests.performance.timing import clock, interleaved, table

PROMPT_COUNTS = (1, 4, 16, 64, 256, 1024)
MEGAPIXELS = (0.25, 1, 4, 12, 50)
CLICK_ROUNDS, BATCH_ROUNDS, ENCODE_ROUNDS, SMALL_ROUNDS = 21, 2, 3, 9
SIDE = 1024


def vit_b() -> tuple[SamSegmenter, Any, Any]:
    """Returns one set of weights in three implementations: ours, transformers' ``SamModel``, the official ``Sam``."""
    from transformers import SamConfig, SamModel

    model = randomise(SamModel(SamConfig())).eval()
    with torchvision_stand_in():
        from segment_anything.build_sam import _build_sam
    official = _build_sam(768, 12, 12, (2, 5, 8, 11)).eval()
    official.load_state_dict(official_weights(model))
    return SamSegmenter(model, name="vit-b", device=torch.device("cpu")), model, official


def random_points(count: int, image_hw: tuple[int, int] = (SIDE, SIDE)) -> list[Prompt]:
    """Returns prompts of one point each."""
    rng = np.random.default_rng(0)
    return [make_prompt([point]) for point in rng.uniform(0, 1, (count, 2)) * image_hw[::-1]]


def decoders(
    segmenter: SamSegmenter, model: Any, official: Any, prompts: list[Prompt]
) -> dict[str, Callable[[], torch.Tensor]]:
    """Returns the decoders to compare: three masks for each of the prompts, in one call, from one embedding."""
    features = torch.randn(1, 256, 64, 64, generator=torch.Generator().manual_seed(0))
    embedding = Embedding(
        {"image_embeddings": features}, Frame.padded((SIDE, SIDE), SIDE, SIDE // 4), segmenter.signature
    )
    points = torch.tensor(np.stack([prompt.points_xy for prompt in prompts]))
    labels = torch.ones(points.shape[:2])

    def by_transformers() -> torch.Tensor:
        output = model(image_embeddings=features, input_points=points[None], input_labels=labels[None])
        return output.pred_masks[0]

    def by_official() -> torch.Tensor:
        sparse, dense = official.prompt_encoder(points=(points, labels), boxes=None, masks=None)
        return official.mask_decoder(
            image_embeddings=features,
            image_pe=official.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )[0]

    return {
        "samwidget": lambda: segmenter.decode(embedding, prompts, multimask_output=True)[0],
        "transformers": by_transformers,
        "official": by_official,
    }


def check(contestants: dict[str, Callable[[], torch.Tensor]]) -> str:
    """Reports the largest differences to transformers' logits: a speed counts only where the masks are the same."""
    logits = {name: run().flatten() for name, run in contestants.items()}
    reference = logits.pop("transformers")
    differences = {name: float((other - reference).abs().max() / reference.std()) for name, other in logits.items()}
    largest = ", ".join(f"{name} {difference:.0e}" for name, difference in differences.items())
    return f"Largest difference to transformers, in standard deviations of the logits: {largest}.\n"


def encoders(segmenter: SamSegmenter, model: Any, official: Any) -> dict[str, Callable[[], torch.Tensor]]:
    """Returns the encoders to compare, without the preparation of the image."""
    pixels = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return {
        "samwidget": lambda: segmenter._encoder(pixels),
        "transformers": lambda: model.get_image_embeddings(pixels),
        "official": lambda: official.image_encoder(pixels),
    }


def growth_with_prompts(run: Callable[[list[Prompt]], object]) -> str:
    """Reports the milliseconds for each number of prompts, from one run."""
    lines = ["### Growth with prompts (ViT-B, one image)", "", "| prompts | ms | ms a prompt |", "|---|---|---|"]
    for count in PROMPT_COUNTS:
        prompts = random_points(count)
        run(prompts[:4])
        start = clock()
        run(prompts)
        took = (clock() - start) * 1000
        lines.append(f"| {count} | {took:.0f} | {took / count:.1f} |")
    return "\n".join(lines) + "\n"


def blob(frame: Frame) -> np.ndarray:
    """Returns logits of a disc with a wavy rim that covers a third of the content."""
    height, width = frame.content_logits_hw
    y, x = np.mgrid[: frame.logits_hw[0], : frame.logits_hw[1]] + 0.5
    angle = np.arctan2(y - height / 2, x - width / 2)
    radius = np.sqrt(height * width / 3 / np.pi) * (1 + 0.1 * np.sin(7 * angle))
    return np.asarray((radius - np.hypot(y - height / 2, x - width / 2)) / 4, np.float32)


def upsample_by_torch(logits: np.ndarray, frame: Frame) -> np.ndarray:
    """Returns the masks as the official package and transformers make them after the network."""
    padded = F.interpolate(torch.from_numpy(logits)[None], frame.input_hw, mode="bilinear", align_corners=False)
    content = padded[..., : frame.content_hw[0], : frame.content_hw[1]]
    return (F.interpolate(content, frame.image_hw, mode="bilinear", align_corners=False)[0] > 0).numpy()


def growth_with_pixels() -> str:
    """Reports the steps of the bundled network from a decoded photo to three masks at its size."""
    nano = load(None, device="cpu")
    rng = np.random.default_rng(0)
    lines = [
        "### Growth with megapixels (bundled network; medians, ms)",
        "",
        "| megapixels | encode with resizing | decode a click | three masks to the image's size | the same by torch |",
        "|---|---|---|---|---|",
    ]
    for megapixels in MEGAPIXELS:
        height = int(np.sqrt(megapixels * 1e6 * 3 / 4))
        image = rng.integers(0, 256, (height, height * 4 // 3, 3), dtype=np.uint8)
        embedding = nano.encode(image)
        prompts = random_points(1, image.shape[:2])
        frame = Frame.padded(image.shape[:2], SIDE, SIDE // 4)
        logits = np.stack([blob(frame)] * 3)
        contestants: dict[str, Callable[[], object]] = {
            "encode": lambda image=image: nano.encode(image),
            "decode": lambda embedding=embedding, prompts=prompts: nano.decode(
                embedding, prompts, multimask_output=True
            ),
            "ours": lambda logits=logits, frame=frame: [upsample_mask(low_res, frame) for low_res in logits],
            "torch": lambda logits=logits, frame=frame: upsample_by_torch(logits, frame),
        }
        times = interleaved(contestants, rounds=SMALL_ROUNDS)
        lines.append(
            f"| {megapixels} | " + " | ".join(f"{np.median(step_ms):.0f}" for step_ms in times.values()) + " |"
        )
    return "\n".join(lines) + "\n"


@torch.no_grad()
def main() -> str:
    """Returns the report on the networks."""
    segmenter, model, official = vit_b()
    click = decoders(segmenter, model, official, random_points(1))
    parts = [check(click), table("One click, three masks (ViT-B)", interleaved(click, CLICK_ROUNDS), "transformers")]
    many = decoders(segmenter, model, official, random_points(64))
    parts.append(table("64 points together (ViT-B)", interleaved(many, BATCH_ROUNDS, warm_up=0), "transformers"))
    encode = encoders(segmenter, model, official)
    parts.append(table("Encode (ViT-B)", interleaved(encode, ENCODE_ROUNDS, warm_up=0), "transformers"))
    features = torch.randn(1, 256, 64, 64)
    embedding = Embedding(
        {"image_embeddings": features}, Frame.padded((SIDE, SIDE), SIDE, SIDE // 4), segmenter.signature
    )
    parts.append(growth_with_prompts(lambda prompts: segmenter.decode(embedding, prompts, multimask_output=True)))
    parts.append(growth_with_pixels())
    return "\n".join(parts)
