"""The training loop: rounds of clicks on drawn crops, until the time is up.

One optimiser step draws crops, encodes them once, prompts each object, and lets the robot correct the masks shown for
some rounds. The first and the last round are learned from; those between only make mistakes to be corrected.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from samwidget.models.nano import FROZEN_STAGES, NanoNetwork, PromptTensors, default_mask_index, is_one_click
from samwidget.training.click_simulator import PromptDraft
from samwidget.training.data import Batch, CropMaker
from samwidget.training.export import export_bundle, save_state
from samwidget.training.losses import candidate_loss, mask_iou, mask_loss, score_loss

ROUNDS_MAX = 6
ROUND_SHARES = (0.28, 0.22, 0.19, 0.14, 0.10, 0.07)
SIZES = (256, 352, 512, 640)
# Small crops teach most for their price; the cool-down is spent nearer to the size of use.
EARLY_SIZE_SHARES, LATE_SIZE_SHARES = (0.40, 0.30, 0.30, 0.0), (0.15, 0.25, 0.35, 0.25)
CROPS_OF_SIZE = {256: 3, 352: 2, 512: 1, 640: 1}
UNLIKELY_WEIGHT = 0.2
ROUGH_WEIGHT = 0.4
PICK_SHARE = 0.3
COOL_DOWN = 2 / 3
LOWEST_RATE = 0.02


@dataclass(frozen=True)
class Settings:
    """What a run is; kept in its checkpoints.

    Attributes:
        minutes: length of the schedule; the learning rate falls over its last two thirds.
        rate: learning rate of the fresh layers; the backbone gets ``backbone_rate``, which is low because four thousand
            photos of few kinds of things make it forget the thousand kinds that ImageNet taught it.
        warm_up_steps: over which the rate rises from nothing.
        ema: share of the old average kept at each step.
        save_minutes, export_minutes: between checkpoints and between snapshots in shipped form.
    """

    seed: int = 0
    minutes: float = 60.0
    rate: float = 8e-4
    backbone_rate: float = 5e-5
    weight_decay: float = 0.02
    clip_norm: float = 3.0
    warm_up_steps: int = 40
    ema: float = 0.99
    objects: int = 4
    save_minutes: float = 4.0
    export_minutes: float = 10.0


class Trainer:
    """Trains one network, alone or as one of several processes that average their gradients.

    Args:
        network: to train, in place.
        crops: where crops come from.
        settings: of the run.
        folder: for ``state.pt``, ``snapshot/`` and ``curve.jsonl``; written by the first process only.
        clock: seconds, monotonic; tests put a counter here.
    """

    def __init__(
        self,
        network: NanoNetwork,
        crops: CropMaker,
        settings: Settings,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.network = network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.crops, self.settings, self.folder, self._clock = crops, settings, folder, clock
        for module in (network.encoder.stem, *network.encoder.stages[:FROZEN_STAGES]):
            module.requires_grad_(False)
        self.optimizer = _optimizer(network, settings)
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.step, self.steps_since_start, self.elapsed_s, self.total_s = 0, 0, 0.0, 0.0
        self._parameters = [p for p in network.parameters() if p.requires_grad]
        self._rank = dist.get_rank() if dist.is_initialized() else 0
        self._processes = dist.get_world_size() if dist.is_initialized() else 1
        self._cooling = False

    @property
    def progress(self) -> float:
        """0 at the start of the schedule, 1 at its end; the same in every process."""
        return self.elapsed_s / (60 * self.settings.minutes)

    def run(self, steps_max: int | None = None) -> None:
        """Trains until the schedule ends, or for ``steps_max`` steps; saves on the way and at the end."""
        begun_s, before_s = self._clock(), self.elapsed_s
        saved_s = exported_s = self.elapsed_s
        steps = 0
        while self.progress < 1 and (steps_max is None or steps < steps_max):
            facts = self.train_step(before_s + self._clock() - begun_s)
            steps += 1
            if self._rank:
                continue
            self._note(facts)
            if not self._cooling and self.progress >= 1 - COOL_DOWN:
                # The place to train on from: after the cool-down, a higher rate first has to undo it.
                save_state(self.state(), self.folder / "before_cool_down.pt")
                self._cooling = True
            if self.elapsed_s - saved_s >= 60 * self.settings.save_minutes:
                save_state(self.state(), self.folder / "state.pt")
                saved_s = self.elapsed_s
            if self.elapsed_s - exported_s >= 60 * self.settings.export_minutes:
                self.export()
                exported_s = self.elapsed_s
        if not self._rank:
            save_state(self.state(), self.folder / "state.pt")
            self.export()

    def train_step(self, elapsed_s: float) -> dict[str, float]:
        """One step of the optimiser; returns what to note. ``elapsed_s`` counts in the first process only."""
        settings = self.settings
        size_rng = np.random.default_rng((settings.seed, self.step))
        rng = np.random.default_rng((settings.seed, self.step, self._rank))
        shares = np.array(EARLY_SIZE_SHARES if self.progress < 1 - COOL_DOWN else LATE_SIZE_SHARES)
        side = int(size_rng.choice(SIZES, p=shares))
        rounds = 1 + int(size_rng.choice(ROUNDS_MAX, p=ROUND_SHARES))
        batch = self.crops.batch(rng, CROPS_OF_SIZE[side], crop_size(size_rng, side))
        loss, facts = self._loss(rng, batch, rounds)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        shared_elapsed_s = self._share_gradients(elapsed_s)
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, settings.clip_norm)
        factor = rate_factor(self.progress, self.steps_since_start, settings.warm_up_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base_rate"] * factor
        self.optimizer.step()
        self.total_s += shared_elapsed_s - self.elapsed_s
        self.elapsed_s = shared_elapsed_s
        self.step += 1
        self.steps_since_start += 1
        self._update_average()
        return {"step": self.step, "side": side, "rounds": rounds, "norm": float(norm), "rate": factor, **facts}

    def _loss(self, rng: np.random.Generator, batch: Batch, rounds: int) -> tuple[Tensor, dict[str, float]]:
        count, objects = batch.targets.shape[:2]
        features = self.network.encoder(batch.pixels)
        no_gradient = {name: value.detach() for name, value in features.items()}
        truth = (batch.targets >= 0.5).flatten(0, 1).numpy()
        valid = (batch.valid >= 0.5).flatten(0, 1).numpy()
        draft = PromptDraft(count * objects, rounds, (truth.shape[1], truth.shape[2]))
        draft.begin(rng, truth)
        total = torch.zeros(())
        facts: dict[str, float] = {}
        for index in range(rounds):
            prompts = _tensors(draft, count)
            if index in (0, rounds - 1):
                logits, scores, rough = self.network.decoder(features, prompts)
                loss, iou = _round_loss(logits, scores, rough, batch, prompts)
                total = total + loss
                which = "first" if index == 0 else "last"
                facts |= _facts(which, loss, iou, scores)
            else:
                with torch.no_grad():
                    logits, scores, _ = self.network.decoder(no_gradient, prompts)
                iou = mask_iou(logits, batch.targets[:, :, None], batch.valid[:, :, None])
            if index < rounds - 1:
                # Some people look at the three candidates and take the right one before they click again.
                picks = torch.from_numpy(rng.random((count, objects)) < PICK_SHARE)
                which_mask = torch.where(picks, default_mask_index(prompts, iou), default_mask_index(prompts, scores))
                chosen = torch.take_along_dim(logits.detach(), which_mask[..., None, None, None], 2)
                shown = chosen[:, :, 0].flatten(0, 1).numpy()
                draft.correct(rng, truth, shown, valid)
                draft.show(shown)
        return total, facts

    def _share_gradients(self, elapsed_s: float) -> float:
        """Averages gradients over the processes; returns the first one's elapsed time, which decides for all."""
        if self._processes == 1:
            return elapsed_s
        missing = [p for p in self._parameters if p.grad is None]
        for parameter in missing:
            parameter.grad = torch.zeros_like(parameter)
        grads = [p.grad for p in self._parameters if p.grad is not None]
        mine = torch.tensor([elapsed_s if self._rank == 0 else 0.0])
        flat = torch.cat([*(grad.reshape(-1) for grad in grads), mine])
        dist.all_reduce(flat)
        start = 0
        for grad in grads:
            grad.copy_(flat[start : start + grad.numel()].view_as(grad)).div_(self._processes)
            start += grad.numel()
        return float(flat[-1])

    @torch.no_grad()
    def _update_average(self) -> None:
        if self._rank:
            return
        keep = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.values()), list(self.network.state_dict().values()), 1 - keep)

    def _note(self, facts: dict[str, float]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        rounded = {name: round(value, 5) for name, value in facts.items()}
        line = {"total_minutes": round(self.total_s / 60, 3), "progress": round(self.progress, 5), **rounded}
        with (self.folder / "curve.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def export(self) -> None:
        """Writes the averaged weights in shipped form to ``snapshot/``."""
        facts = {"steps": self.step, "minutes": round(self.total_s / 60, 1), "processes": self._processes}
        export_bundle(self.average, self.folder / "snapshot", facts)

    def state(self) -> dict[str, Any]:
        """Everything that an exact continuation needs; crops and clicks come from ``seed`` and ``step``."""
        return {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "torch_rng": torch.get_rng_state(),
            "settings": asdict(self.settings),
            "step": self.step,
            "steps_since_start": self.steps_since_start,
            "elapsed_s": self.elapsed_s,
            "total_s": self.total_s,
        }

    def load_state(self, state: dict[str, Any], *, new_schedule: bool = False) -> None:
        """Continues from ``state``: exactly, or with a fresh warm-up and the whole time ahead."""
        self.network.load_state_dict(state["network"])
        self.average = {name: value.clone() for name, value in state["average"].items()}
        base_rates = [group["base_rate"] for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["torch_rng"])
        self.step, self.total_s = state["step"], state["total_s"]
        if new_schedule:
            for group, fresh in zip(self.optimizer.param_groups, base_rates, strict=True):
                group["base_rate"] = fresh
        else:
            self.steps_since_start, self.elapsed_s = state["steps_since_start"], state["elapsed_s"]
            self._cooling = self.progress >= 1 - COOL_DOWN


def rate_factor(progress: float, step: int, warm_up_steps: int) -> float:
    """Share of the full learning rate: up over the warm-up, level, and down over the last two thirds."""
    warm = min(1.0, (step + 1) / warm_up_steps)
    cool = min(1.0, max(0.0, 1 - progress) / COOL_DOWN)
    return warm * max(LOWEST_RATE, cool)


def crop_size(rng: np.random.Generator, side: int) -> tuple[int, int]:
    """Height and width of about ``side`` squared, multiples of 32: square, or 4:3 and 3:4 as photos are."""
    short, long = int(side * 0.87 / 32 + 0.5) * 32, int(side * 1.15 / 32 + 0.5) * 32
    return [(side, side), (short, long), (long, short)][rng.integers(3)]


def _round_loss(
    logits: Tensor, scores: Tensor, rough: Tensor, batch: Batch, prompts: PromptTensors
) -> tuple[Tensor, Tensor]:
    targets, valid = batch.targets[:, :, None].expand_as(logits), batch.valid[:, :, None].expand_as(logits)
    losses = mask_loss(logits, targets, valid)
    with torch.no_grad():
        iou = mask_iou(logits, targets, valid)
    # One click on a sleeve may mean the sleeve or its wearer, one on a rider the horse as well. The three candidates
    # learn all; the single mask and the ranking lean to one whole object, which is what people mean more often.
    weight = torch.where(batch.is_unlikely & is_one_click(prompts), UNLIKELY_WEIGHT, 1.0)
    coarse_targets, coarse_valid = (F.avg_pool2d(part, 8)[:, :, None] for part in (batch.targets, batch.valid))
    rough_loss = mask_loss(rough, coarse_targets, coarse_valid)[..., 0]
    shown = losses[..., 0] + score_loss(scores, iou) + ROUGH_WEIGHT * rough_loss
    return (weight * shown).mean() + candidate_loss(losses[..., 1:]).mean(), iou


def _facts(which: str, loss: Tensor, iou: Tensor, scores: Tensor) -> dict[str, float]:
    chosen = torch.take_along_dim(iou[..., 1:], scores[..., 1:].argmax(-1, keepdim=True), -1)
    values = {
        "loss": loss,
        "iou": iou[..., 0].mean(),
        "iou_best": iou[..., 1:].amax(-1).mean(),
        "iou_chosen": chosen.mean(),
        "score_error": (scores - iou).abs().mean(),
    }
    return {f"{which}_{name}": float(value.detach()) for name, value in values.items()}


def _tensors(draft: PromptDraft, crops: int) -> PromptTensors:
    used = draft.used
    parts = (draft.points_xy[:, :used], draft.labels[:, :used], draft.boxes, draft.has_box, draft.mask, draft.has_mask)
    return PromptTensors(*(torch.from_numpy(part.reshape(crops, -1, *part.shape[1:]).copy()) for part in parts))


def _optimizer(network: NanoNetwork, settings: Settings) -> torch.optim.AdamW:
    """AdamW: a lower rate for the backbone, and no decay for biases and norms."""
    backbone = {id(p) for p in network.encoder.stages.parameters()}
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in backbone, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "base_rate": settings.backbone_rate if in_backbone else settings.rate,
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (in_backbone, decays), parameters in groups.items()
        ],
        lr=settings.rate,
        betas=(0.9, 0.99),
        fused=True,
    )
