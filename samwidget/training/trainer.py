"""The training loop: steps of simulated clicks on random crops, until the time is up.

Each step draws crops, encodes them once, prompts each object, and lets a simulated user correct the masks for some
rounds. The network learns from the first and the last round; the rounds between only make mistakes to be corrected.
Owns the step, the learning rate, the average of the weights, checkpoints and the log. Called by ``train``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from samwidget.models.nano import FROZEN_STAGES, NanoNetwork, PromptTensors, default_mask_index
from samwidget.training.click_simulator import SimulatedPrompts
from samwidget.training.data import Batch, CropSampler
from samwidget.training.export import export_bundle, save_state
from samwidget.training.losses import mask_iou, prompt_loss

ROUNDS_MAX = 6
ROUND_SHARES = (0.28, 0.22, 0.19, 0.14, 0.10, 0.07)
"""How often a step has 1, 2, ... rounds."""
SIZES = (256, 352, 512, 640)
# Small crops teach the most for their time. In the cool-down, crops are nearer to the size of images in use.
EARLY_SIZE_SHARES, LATE_SIZE_SHARES = (0.40, 0.30, 0.30, 0.0), (0.15, 0.25, 0.35, 0.25)
CROPS_OF_SIZE = {256: 3, 352: 2, 512: 1, 640: 1}
CHOOSE_SHARE = 0.3
COOL_DOWN = 2 / 3
"""Share of the schedule at its end in which the learning rate falls."""
LOWEST_RATE = 0.02


@dataclass(frozen=True)
class Settings:
    """The settings of a training run, which are stored in its checkpoints.

    Attributes:
        seed: of crops, clicks and fresh weights.
        minutes: length of the schedule; the learning rate falls over its last two thirds.
        rate: learning rate of the layers with random initial weights.
        backbone_rate: learning rate of the backbone. It is low, because four thousand photos of few kinds of objects
            make the backbone forget the thousand kinds that it learned on ImageNet.
        weight_decay: of AdamW; biases and norms have none.
        clip_norm: largest norm of the gradient.
        warm_up_steps: number of steps in which the learning rate rises to its full value.
        ema: share of the average weights that is kept in each step.
        objects: number of objects for each crop.
        save_minutes: time between checkpoints.
        export_minutes: time between snapshots in shipped form.
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


class TrainingState(TypedDict):
    """What ``state.pt`` holds: everything that an exact continuation needs.

    It holds no crops and no clicks: they depend on seed and step alone.

    Attributes:
        network: the weights.
        average: the average weights.
        optimizer: state dict of the optimiser.
        torch_rng: state of torch's random generator.
        settings: the attributes of ``Settings``; those of an older version may differ.
        step: number of steps of all schedules.
        steps_since_start: number of steps of this schedule.
        elapsed_s: seconds since the start of this schedule.
        total_s: seconds of all schedules.
    """

    network: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, Any]  # Any: torch decides
    torch_rng: Tensor
    settings: dict[str, Any]  # Any: int and float, each for its own argument of Settings
    step: int
    steps_since_start: int
    elapsed_s: float
    total_s: float


class Trainer:
    """Trains a network, alone or as one of several processes that average their gradients.

    Args:
        network: the network; it is changed in place.
        crops: where crops come from.
        settings: of the run.
        folder: for ``state.pt``, ``before_cool_down.pt``, ``snapshot/`` and ``curve.jsonl``, which the first process
            writes.
        clock: returns seconds that never decrease; tests replace it.
    """

    def __init__(
        self,
        network: NanoNetwork,
        crops: CropSampler,
        settings: Settings,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # torch's stubs do not know Module.to with a memory format alone.
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
        self._is_cooling = False

    @property
    def progress(self) -> float:
        """0 at the start of the schedule and 1 at its end; the same in all processes."""
        return self.elapsed_s / (60 * self.settings.minutes)

    def run(self, steps_max: int | None = None) -> None:
        """Trains until the schedule ends, or for ``steps_max`` steps. Writes checkpoints meanwhile and at the end."""
        started_s, elapsed_before_s = self._clock(), self.elapsed_s
        saved_s = exported_s = self.elapsed_s
        steps = 0
        while self.progress < 1 and (steps_max is None or steps < steps_max):
            metrics = self.train_step(elapsed_before_s + self._clock() - started_s)
            steps += 1
            if self._rank:
                continue
            self._log(metrics)
            if not self._is_cooling and self.progress >= 1 - COOL_DOWN:
                # Train on from this checkpoint: a higher rate after the cool-down would first undo the cool-down.
                save_state(self.state(), self.folder / "before_cool_down.pt")
                self._is_cooling = True
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
        """Makes one step of the optimiser; returns its metrics.

        Args:
            elapsed_s: seconds since the start of the schedule; only that of the first process counts.
        """
        settings = self.settings
        size_rng = np.random.default_rng((settings.seed, self.step))
        rng = np.random.default_rng((settings.seed, self.step, self._rank))
        shares = np.array(EARLY_SIZE_SHARES if self.progress < 1 - COOL_DOWN else LATE_SIZE_SHARES)
        side = int(size_rng.choice(SIZES, p=shares))
        rounds = 1 + int(size_rng.choice(ROUNDS_MAX, p=ROUND_SHARES))
        batch = self.crops.batch(rng, CROPS_OF_SIZE[side], crop_size(size_rng, side))
        loss, metrics = self._loss(rng, batch, rounds)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        shared_elapsed_s = self._average_gradients(elapsed_s)
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
        return {"step": self.step, "side": side, "rounds": rounds, "norm": float(norm), "rate": factor, **metrics}

    def _loss(self, rng: np.random.Generator, batch: Batch, rounds: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of the first and the last round, and their metrics."""
        count, objects = batch.targets.shape[:2]
        features = self.network.encoder(batch.pixels)
        features_without_gradient = {name: value.detach() for name, value in features.items()}
        truth = (batch.targets >= 0.5).flatten(0, 1).numpy()
        valid = (batch.valid >= 0.5).flatten(0, 1).numpy()
        simulated = SimulatedPrompts(count * objects, rounds, (truth.shape[1], truth.shape[2]))
        simulated.add_first(rng, truth)
        total = torch.zeros(())
        metrics: dict[str, float] = {}
        for index in range(rounds):
            prompts = _prompt_tensors(simulated, count)
            if index in (0, rounds - 1):
                logits, scores, coarse_logits = self.network.decoder(features, prompts)
                loss, iou = prompt_loss(logits, scores, coarse_logits, batch, prompts)
                total = total + loss
                metrics |= _metrics("first" if index == 0 else "last", loss, iou, scores)
            else:
                with torch.no_grad():
                    logits, scores, _ = self.network.decoder(features_without_gradient, prompts)
                iou = mask_iou(logits, batch.targets[:, :, None], batch.valid[:, :, None])
            if index < rounds - 1:
                # Some users look at the three candidates and choose the best one before they click again.
                chooses = torch.from_numpy(rng.random((count, objects)) < CHOOSE_SHARE)
                mask_index = torch.where(chooses, default_mask_index(prompts, iou), default_mask_index(prompts, scores))
                masks = torch.take_along_dim(logits.detach(), mask_index[..., None, None, None], 2)
                previous = masks[:, :, 0].flatten(0, 1).numpy()
                simulated.add_corrections(rng, truth, previous, valid)
                simulated.set_previous_masks(previous)
        return total, metrics

    def _average_gradients(self, elapsed_s: float) -> float:
        """Averages the gradients of all processes. Returns the ``elapsed_s`` of the first process, in every process."""
        if self._processes == 1:
            return elapsed_s
        missing = [p for p in self._parameters if p.grad is None]
        for parameter in missing:
            parameter.grad = torch.zeros_like(parameter)
        grads = [p.grad for p in self._parameters if p.grad is not None]
        first_elapsed_s = torch.tensor([elapsed_s if self._rank == 0 else 0.0])
        flat = torch.cat([*(grad.reshape(-1) for grad in grads), first_elapsed_s])
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

    def _log(self, metrics: dict[str, float]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        rounded = {name: round(value, 5) for name, value in metrics.items()}
        line = {"total_minutes": round(self.total_s / 60, 3), "progress": round(self.progress, 5), **rounded}
        with (self.folder / "curve.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def export(self) -> None:
        """Writes the average weights in shipped form to ``snapshot/``."""
        facts = {"steps": self.step, "minutes": round(self.total_s / 60, 1), "processes": self._processes}
        export_bundle(self.average, self.folder / "snapshot", facts)

    def state(self) -> TrainingState:
        """The state for a checkpoint."""
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

    def load_state(self, state: TrainingState, *, new_schedule: bool = False) -> None:
        """Continues from what ``state`` returned.

        Args:
            state: of this or an earlier run.
            new_schedule: False continues exactly; True starts the schedule over, with a warm-up and the rates of
                ``settings``.
        """
        self.network.load_state_dict(state["network"])
        self.average = {name: value.clone() for name, value in state["average"].items()}
        base_rates = [group["base_rate"] for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["torch_rng"])
        self.step, self.total_s = state["step"], state["total_s"]
        if new_schedule:
            for group, base_rate in zip(self.optimizer.param_groups, base_rates, strict=True):
                group["base_rate"] = base_rate
        else:
            self.steps_since_start, self.elapsed_s = state["steps_since_start"], state["elapsed_s"]
            self._is_cooling = self.progress >= 1 - COOL_DOWN


def rate_factor(progress: float, step: int, warm_up_steps: int) -> float:
    """Share of the full learning rate: rises in the warm-up, stays, and falls over the last two thirds.

    Args:
        progress: of the schedule, 0 to 1.
        step: number of steps since the start of the schedule.
        warm_up_steps: length of the warm-up.
    """
    warm = min(1.0, (step + 1) / warm_up_steps)
    cool = min(1.0, max(0.0, 1 - progress) / COOL_DOWN)
    return warm * max(LOWEST_RATE, cool)


def crop_size(rng: np.random.Generator, side: int) -> tuple[int, int]:
    """Height and width of a crop of about ``side`` squared pixels, multiples of 32: square, 4:3 or 3:4."""
    short, long = int(side * 0.87 / 32 + 0.5) * 32, int(side * 1.15 / 32 + 0.5) * 32
    return [(side, side), (short, long), (long, short)][rng.integers(3)]


def _metrics(prefix: str, loss: Tensor, iou: Tensor, scores: Tensor) -> dict[str, float]:
    chosen = torch.take_along_dim(iou[..., 1:], scores[..., 1:].argmax(-1, keepdim=True), -1)
    values = {
        "loss": loss,
        "iou": iou[..., 0].mean(),
        "iou_best": iou[..., 1:].amax(-1).mean(),
        "iou_chosen": chosen.mean(),
        "score_error": (scores - iou).abs().mean(),
    }
    return {f"{prefix}_{name}": float(value.detach()) for name, value in values.items()}


def _prompt_tensors(simulated: SimulatedPrompts, crops: int) -> PromptTensors:
    """The prompts of P objects as tensors (B, O, ...), where B is ``crops`` and O is P / B."""
    rounds = simulated.rounds
    parts = (
        simulated.points_xy[:, :rounds],
        simulated.labels[:, :rounds],
        simulated.boxes,
        simulated.has_box,
        simulated.mask,
        simulated.has_mask,
    )
    return PromptTensors(*(torch.from_numpy(part.reshape(crops, -1, *part.shape[1:]).copy()) for part in parts))


def _optimizer(network: NanoNetwork, settings: Settings) -> torch.optim.AdamW:
    """AdamW with a lower rate for the backbone, and no decay for biases and norms."""
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
