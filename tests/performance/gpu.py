"""A GPU: the masks of samwidget, transformers and the official package there, and their speed.

``python -m tests.performance gpu`` on a machine whose torch sees a GPU; no other section uses one, and ``make bench``
leaves this one out. All programs run in this process, in turn, and each call ends when the GPU has finished.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from samwidget.core.measure import iou
from samwidget.core.prompt import Prompt
from samwidget.images.load import load_rgb
from samwidget.models.loader import load
from samwidget.models.segmenter import Embedding, Segmenter
from samwidget.predict.predictor import SamPredictor
from tests.performance.bench import PHOTO
from tests.performance.sam import EXACT_PROMPTS, points_and_boxes
from tests.performance.timing import Timed, interleaved, table
from tests.performance.vit_b import (
    OFFICIAL,
    SAMWIDGET,
    TRANSFORMERS,
    official_sam,
    pixels,
    random_points,
    save_random_weights,
)

HALF = ", float16"
POINTS = (1, 4, 16, 64, 256)


def main() -> str:
    """Returns the tables.

    Raises:
        SystemExit: torch sees no GPU.
    """
    device = load(None).device
    if device.type == "cpu":
        raise SystemExit("torch sees no GPU here")
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        weights = Path(folder)
        save_random_weights(weights)
        name = torch.cuda.get_device_name() if device.type == "cuda" else str(device)
        return "\n".join([f"{name}, torch {torch.__version__}\n", *_sam(weights, device), *_nano(device)])


def _sam(weights: Path, device: torch.device) -> list[str]:
    segmenters = {
        SAMWIDGET: load(weights, device=device, dtype="float32"),
        SAMWIDGET + HALF: load(weights, device=device, dtype="float16"),
    }
    # By default cuDNN's convolutions, of all programs, have the ten binary digits of TF32: that is for the speed below.
    torch.backends.cudnn.allow_tf32 = False
    peers = {name: _Peer(name, weights, device) for name in (TRANSFORMERS, TRANSFORMERS + HALF, OFFICIAL)}
    embeddings = {name: segmenter.encode(pixels()) for name, segmenter in segmenters.items()}
    prompts = points_and_boxes()
    logits = {
        name: segmenter.decode(embeddings[name], prompts, multimask_output=True)[0].cpu()
        for name, segmenter in segmenters.items()
    }
    for name in (TRANSFORMERS, OFFICIAL):
        logits[name] = peers[name].decode_each(prompts).cpu()
    on_cpu = load(weights, device="cpu", dtype="float32")
    logits["samwidget on the CPU"] = on_cpu.decode(on_cpu.encode(pixels()), prompts, multimask_output=True)[0]
    torch.backends.cudnn.allow_tf32 = True
    reference = logits.pop(TRANSFORMERS)
    exact = [
        "### Masks, SAM ViT-B\n",
        f"{EXACT_PROMPTS} prompts, points and boxes, three masks each, on an image of noise, each program with its own "
        "embedding; compared with those of transformers in float32 on the GPU, without TF32.\n",
        "| | largest difference of logits, in their deviations | IoU, median | least |\n|---|---|---|---|",
    ]
    for name, other in logits.items():
        ious = _ious(other, reference)
        difference = float((other - reference).abs().max() / reference.std())
        exact.append(f"| {name} | {difference:.0e} | {np.median(ious):.5f} | {min(ious):.5f} |")
    encode: dict[str, Callable[[], object]] = {
        name: partial(segmenter.encode, pixels()) for name, segmenter in segmenters.items()
    }
    encode |= {name: peer.encode for name, peer in peers.items()}
    full = {name: (segmenters[name], embeddings[name]) for name in segmenters}
    reports = ["\n".join(exact) + "\n", _table("Encode", "One image of 1024 x 1024, with its preparation.", encode, 11)]
    for points in (1, 64):
        decode: dict[str, Callable[[], object]] = {
            name: _decode(segmenter, embedding, points) for name, (segmenter, embedding) in full.items()
        }
        decode |= {
            name: lambda peer=peer, points=points: peer.decode(random_points(points))
            for name, peer in peers.items()
            if name in (TRANSFORMERS, OFFICIAL)
        }
        title = "One click" if points == 1 else f"{points} points"
        reports.append(_table(title, "Three masks for each point, from one embedding.", decode, 21))
    growth = {points: _synchronised({SAMWIDGET: _decode(*full[SAMWIDGET], points)}, 7)[SAMWIDGET] for points in POINTS}
    reports += [
        "### More points\n",
        f"| points | {' | '.join(map(str, growth))} |",
        "|---" * (len(growth) + 1) + "|",
        f"| ms a point | {' | '.join(f'{np.median(ms) / points:.2f}' for points, ms in growth.items())} |\n",
    ]
    photo = load_rgb(PHOTO)
    predictor = SamPredictor(segmenters[SAMWIDGET + HALF])
    search = {"samwidget, 1024 points": lambda: predictor.everything(photo, points_per_side=32)}
    predictor_call = _synchronised({"predict": _predict(predictor, photo)}, 21)["predict"]
    everything = _synchronised(search, 3)["samwidget, 1024 points"]
    reports.append(
        f"`predict` on a photo of 600 x 400, masks at its size: {np.median(predictor_call):.1f} ms; everything, 1024 "
        f"points, with random weights: {np.median(everything) / 1000:.2f} s.\n"
    )
    return reports


def _nano(device: torch.device) -> list[str]:
    photo, prompts = load_rgb(PHOTO), random_points(64, (400, 600))
    on_gpu, on_cpu = load(None, device=device), load(None, device="cpu")
    logits = [
        segmenter.decode(segmenter.encode(photo), prompts, multimask_output=True)[0].cpu()
        for segmenter in (on_gpu, on_cpu)
    ]
    ious = _ious(*logits)
    predictor, embedding = SamPredictor(on_gpu), on_gpu.encode(photo)
    works: dict[str, Callable[[], object]] = {
        "encode": lambda: on_gpu.encode(photo),
        "decode a click": _decode(on_gpu, embedding, 1),
        "decode 64 points": _decode(on_gpu, embedding, 64),
        "predict, masks at the photo's size": _predict(predictor, photo),
        "everything, 256 points, embedding known": lambda: predictor.everything(photo),
    }
    lines = [
        "### nano\n",
        f"IoU with the masks of the CPU, 192 masks: median {np.median(ious):.5f}, least {min(ious):.5f}.\n",
        "| | median ms | min ms |\n|---|---|---|",
    ]
    for name, work in works.items():
        ms = _synchronised({name: work}, 11)[name]
        lines.append(f"| {name} | {np.median(ms):.1f} | {ms.min():.1f} |")
    return lines


def _ious(logits: torch.Tensor, others: torch.Tensor) -> list[float]:
    """Returns the IoU of each of P C masks with the other at its place; both are (P, C, h, w) logits."""
    pairs = zip((logits > 0).flatten(0, 1).numpy(), (others > 0).flatten(0, 1).numpy(), strict=True)
    return [iou(mask, other) for mask, other in pairs]


class _Peer:
    """transformers' ``SamModel`` or the official ``Sam`` on a device, called as their own predictors do."""

    def __init__(self, name: str, weights: Path, device: torch.device) -> None:
        from transformers import SamModel

        self._device, self._is_official = device, name == OFFICIAL
        self._dtype = torch.float16 if name.endswith(HALF) else torch.float32
        self._model: Any = (
            official_sam(weights) if self._is_official else SamModel.from_pretrained(weights, dtype=self._dtype).eval()
        )
        self._model.to(device)
        self._features = self.encode()

    def encode(self) -> torch.Tensor:
        image = torch.from_numpy(pixels()).to(self._device).permute(2, 0, 1)[None].float()
        mean = torch.tensor([0.485, 0.456, 0.406], device=self._device).view(3, 1, 1) * 255
        std = torch.tensor([0.229, 0.224, 0.225], device=self._device).view(3, 1, 1) * 255
        image = ((image - mean) / std).to(self._dtype)
        features = self._model.image_encoder(image) if self._is_official else self._model.get_image_embeddings(image)
        return features

    def decode(self, prompts: list[Prompt]) -> torch.Tensor:
        """Returns (P, 3, h, w) logits of prompts of one form, at 1024 x 1024 an image's pixels are the input's."""
        points = labels = boxes = None
        if len(prompts[0].points_xy):
            points = torch.tensor(np.stack([prompt.points_xy for prompt in prompts]), device=self._device).float()
            labels = torch.ones(points.shape[:2], device=self._device, dtype=torch.int)
        if prompts[0].box_xyxy is not None:
            boxes = torch.tensor(np.stack([prompt.box_xyxy for prompt in prompts]), device=self._device).float()
        if not self._is_official:
            logits: torch.Tensor = self._model(
                image_embeddings=self._features,
                input_points=None if points is None else points[None].to(self._dtype),
                input_labels=None if labels is None else labels[None],
                input_boxes=None if boxes is None else boxes[None].to(self._dtype),
            ).pred_masks[0]
            return logits
        encoder = self._model.prompt_encoder
        sparse, dense = encoder(points=None if points is None else (points, labels), boxes=boxes, masks=None)
        return self._model.mask_decoder(
            image_embeddings=self._features,
            image_pe=encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )[0]

    def decode_each(self, prompts: list[Prompt]) -> torch.Tensor:
        """Returns the logits of prompts of any forms, one after the other."""
        return torch.cat([self.decode([prompt]) for prompt in prompts])


def _decode(segmenter: Segmenter, embedding: Embedding, points: int) -> Callable[[], object]:
    seeds, hw = count(), embedding.frame.image_hw
    return lambda: segmenter.decode(embedding, random_points(points, hw, next(seeds)), multimask_output=True)


def _predict(predictor: SamPredictor, photo: np.ndarray) -> Callable[[], object]:
    seeds = count()
    predictor.set_image(photo)

    def predict() -> object:
        (prompt,) = random_points(1, photo.shape[:2], next(seeds))
        return predictor.predict(prompt.points_xy, prompt.labels)

    return predict


def _table(title: str, about: str, works: dict[str, Callable[[], object]], rounds: int) -> str:
    times = [Timed(name, "in turn", ms) for name, ms in _synchronised(works, rounds).items()]
    return table(f"{title}, SAM ViT-B", about, times, (TRANSFORMERS, OFFICIAL), {})


def _synchronised(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Returns the milliseconds of each work until the GPU has finished."""

    def ended(work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            work()
            torch.cuda.synchronize() if torch.cuda.is_available() else torch.mps.synchronize()

        return run

    return interleaved({name: ended(work) for name, work in works.items()}, rounds, 3)
