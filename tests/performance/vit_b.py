"""SAM ViT-B of its true size in several implementations, with the same random weights.

Random weights take as long as trained ones. The functions run in measuring processes. Each process loads the
contestants that it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt, make_prompt
from samwidget.errors import ModelError
from samwidget.models.loader import load
from samwidget.models.segmenter import Embedding, Segmenter
from samwidget.predict.predictor import SamPredictor
from tests.models.sam.torchvision_stand_in import torchvision_stand_in
from tests.models.sam.true_size_sam import official_weights, randomise
from tests.performance.timing import interleaved
from tests.predict.everything.official_everything import generator

SAMWIDGET, FAST = "samwidget", 'samwidget, dtype="fast"'
TRANSFORMERS, TRANSFORMERS_BFLOAT16, OFFICIAL = "transformers", "transformers, bfloat16", "official package"

SIDE = 1024
POINTS_PER_SIDE = 8
# No mask is left out, so all steps of a search run for all masks.
KEEP_ALL = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "box_nms_thresh": 1.0}

# 1e9 operations, a multiplication and an addition being two. Counted with torch.utils.flop_counter, and by hand what it
# leaves out: attention is 230 of an encode (4 layers of 4096 x 4096, 8 of 25 windows of 196 x 196; 768 wide).
# samwidget leaves out padded tokens when it encodes, and nearly all image tokens when it decodes.
ENCODE_GFLOP = {SAMWIDGET: 940.0, FAST: 940.0, TRANSFORMERS: 972.0, TRANSFORMERS_BFLOAT16: 972.0, OFFICIAL: 972.0}
PROMPT_GFLOP = {SAMWIDGET: 0.554, TRANSFORMERS: 3.55, OFFICIAL: 3.55}


class Contestant(NamedTuple):
    """One implementation with its weights.

    Attributes:
        encode: the encoder, on an image of 1024 x 1024.
        decode: three masks for each prompt, (P, 3, 256, 256) logits, together, from one embedding.
        everything: a search with 64 points from that embedding; returns the number of masks.
    """

    encode: Callable[[], torch.Tensor]
    decode: Callable[[Sequence[Prompt]], torch.Tensor]
    everything: Callable[[], int]


def save_random_weights(folder: Path) -> None:
    """Writes a checkpoint as transformers does."""
    from transformers import SamConfig, SamModel

    randomise(SamModel(SamConfig())).save_pretrained(folder)


@torch.no_grad()
def measure(names: Sequence[str], work: str, rounds: int, weights: Path, warm_up: int = 0) -> dict[str, np.ndarray]:
    """Returns the milliseconds of each contestant, which run in turn; of one name: alone.

    Args:
        names: of the contestants.
        work: ``encode``, ``everything``, or a number of prompts.
        rounds: calls of each.
        weights: folder of the checkpoint.
        warm_up: rounds before, which do not count.
    """
    works = {name: _work(contestant(name, weights), work) for name in names}
    return interleaved(works, rounds, warm_up)


def _work(contestant: Contestant, work: str) -> Callable[[], object]:
    if work == "encode":
        return contestant.encode
    if work == "everything":
        return contestant.everything
    seeds = count()
    return lambda: contestant.decode(random_points(int(work), seed=next(seeds)))


def load_contestants(names: Sequence[str], weights: Path) -> None:
    """Loads contestants, so that a later ``measure`` need not."""
    for name in names:
        contestant(name, weights)


@cache
def contestant(name: str, weights: Path) -> Contestant:
    """Returns a contestant of this process, loaded at the first call."""
    if name in (SAMWIDGET, FAST):
        return _samwidget(weights, "float32" if name == SAMWIDGET else "fast")
    return _official(weights) if name == OFFICIAL else _transformers(weights, name)


def samwidget_segmenter(weights: Path, dtype: str) -> Segmenter:
    """Returns samwidget's model; ``fast`` is bfloat16 in versions that do not know the word."""
    try:
        return load(weights, device="cpu", dtype=dtype)
    except ModelError:
        return load(weights, device="cpu", dtype="bfloat16")


def embedding_of_noise(segmenter: Segmenter, image_hw: tuple[int, int] = (SIDE, SIDE)) -> Embedding:
    """Returns an embedding as if the image were encoded."""
    return Embedding({"image_embeddings": features()}, Frame.padded(image_hw, SIDE, SIDE // 4), segmenter.signature)


@cache
def features() -> torch.Tensor:
    """Returns random numbers in place of an encoder's output, (1, 256, 64, 64)."""
    return torch.randn(1, 256, SIDE // 16, SIDE // 16, generator=torch.Generator().manual_seed(0))


@cache
def pixels() -> np.ndarray:
    """Returns an image of noise, (1024, 1024, 3) uint8."""
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def random_points(count: int, image_hw: tuple[int, int] = (SIDE, SIDE), seed: int = 0) -> list[Prompt]:
    """Returns prompts of one point each."""
    rng = np.random.default_rng(seed)
    return [make_prompt([point]) for point in rng.uniform(0, 1, (count, 2)) * image_hw[::-1]]


def with_embedding_of_noise(segmenter: Segmenter) -> SamPredictor:
    """Returns a predictor that has the same embedding for every image."""

    def encode(image: np.ndarray, **_options: object) -> Embedding:
        return embedding_of_noise(segmenter, (image.shape[0], image.shape[1]))

    segmenter.encode = encode  # type: ignore[method-assign]
    return SamPredictor(segmenter)


def _samwidget(weights: Path, dtype: str) -> Contestant:
    segmenter = samwidget_segmenter(weights, dtype)
    encode, embedding = segmenter.encode, embedding_of_noise(segmenter)
    predictor = with_embedding_of_noise(segmenter)
    options = {"points_per_side": POINTS_PER_SIDE, **KEEP_ALL}
    return Contestant(
        encode=lambda: encode(pixels()).tensors["image_embeddings"],
        decode=lambda prompts: segmenter.decode(embedding, prompts, multimask_output=True)[0],
        everything=lambda: len(predictor.everything(pixels(), **options)),
    )


def _transformers(weights: Path, name: str) -> Contestant:
    from transformers import SamModel

    dtype = torch.bfloat16 if name == TRANSFORMERS_BFLOAT16 else torch.float32
    model: Any = SamModel.from_pretrained(weights, dtype=dtype).eval()
    image = torch.from_numpy(pixels()).permute(2, 0, 1)[None].to(dtype) / 255

    def decode(prompts: Sequence[Prompt]) -> torch.Tensor:
        points, labels = _tensors(prompts)
        output = model(image_embeddings=features(), input_points=points[None], input_labels=labels[None])
        logits: torch.Tensor = output.pred_masks[0]
        return logits

    def everything() -> int:
        raise NotImplementedError("transformers' mask generation is not measured")

    return Contestant(lambda: model.get_image_embeddings(image), decode, everything)


def official_sam(weights: Path) -> Any:
    """Returns the official package's model with the weights of a checkpoint."""
    from transformers import SamModel

    with torchvision_stand_in():
        from segment_anything.build_sam import _build_sam
    model = _build_sam(768, 12, 12, (2, 5, 8, 11)).eval()
    model.load_state_dict(official_weights(SamModel.from_pretrained(weights)))
    return model


def _official(weights: Path) -> Contestant:
    official = official_sam(weights)
    image = torch.from_numpy(pixels()).permute(2, 0, 1)[None].float() / 255
    search = generator(official, points_per_side=POINTS_PER_SIDE, output_mode="uncompressed_rle", **KEEP_ALL)

    def decode(prompts: Sequence[Prompt]) -> torch.Tensor:
        sparse, dense = official.prompt_encoder(points=_tensors(prompts), boxes=None, masks=None)
        logits: torch.Tensor = official.mask_decoder(
            image_embeddings=features(),
            image_pe=official.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )[0]
        return logits

    def set_image(_image: np.ndarray) -> None:
        search.predictor.features = features()
        search.predictor.original_size = search.predictor.input_size = (SIDE, SIDE)
        search.predictor.is_image_set = True

    search.predictor.set_image = set_image
    return Contestant(lambda: official.image_encoder(image), decode, lambda: len(search.generate(pixels())))


def _tensors(prompts: Sequence[Prompt]) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns points (P, 1, 2) and labels (P, 1)."""
    return torch.tensor(np.stack([prompt.points_xy for prompt in prompts])), torch.ones(len(prompts), 1)
