"""The steps by which a decoder learns: simulated prompts on cached views, a loss, AdamW, and the average of weights.

Owns a step, its loss, the learning rate and the average. How long it goes on, and which weights are kept, is ``tune``.
The losses are those with which ``nano`` was trained, but for that of the candidates: the one that a user sees learns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from samwidget.core import Prompt
from samwidget.errors import ModelError
from samwidget.models import run_in_threads
from samwidget.training.fine_tuning.prompting import corrected, first_prompt
from samwidget.training.fine_tuning.tunable import Decoded, Tunable
from samwidget.training.fine_tuning.views import View
from samwidget.training.losses import COARSE_WEIGHT, likely_loss, mask_iou, mask_loss, score_loss

VIEWS_IN_STEP, OBJECTS_IN_VIEW = 2, 3
"""Each step learns from so many views; threads share them, so that the weights do not depend on their number."""
ROUND_SHARES = (0.5, 0.3, 0.2)
"""How often an object gets one prompt, two, or three; the first and the last are learned from."""
WEIGHT_DECAY, CLIP_NORM = 0.02, 3.0
WARM_UP_STEPS, COOL_DOWN, LOWEST_RATE = 20, 0.6, 0.05
EMA = 0.98
"""Share of the average weights that is kept in each step."""


@dataclass(frozen=True)
class StepResult:
    """What a step says: its loss, and the mean IoU of the masks of its first prompts."""

    loss: float
    first_iou: float


class Learner:
    """Changes the decoder of a model step by step.

    Args:
        tunable: the model.
        views: to learn from, at least one.
        rate: full learning rate.
        seed: of prompts and the order of views.
        threads: CPU threads that share the views of a step.
    """

    def __init__(self, tunable: Tunable, views: Sequence[View], *, rate: float, seed: int, threads: int) -> None:
        self._tunable, self._views, self._rate, self._seed, self._threads = tunable, views, rate, seed, threads
        decoder = tunable.decoder.requires_grad_(True)
        self._parameters = list(decoder.parameters())
        groups = [([p for p in self._parameters if (p.ndim > 1) == decays], decays) for decays in (True, False)]
        self._optimizer = torch.optim.AdamW(
            [{"params": part, "weight_decay": WEIGHT_DECAY if decays else 0.0} for part, decays in groups],
            lr=rate,
            betas=(0.9, 0.99),
        )
        self.start = self._weights()
        self.average = self._weights()
        self.steps = 0

    def step(self, progress: float) -> StepResult:
        """Makes one step.

        Args:
            progress: how much of the learning is done, 0 to 1; the learning rate falls towards the end.

        Raises:
            ModelError: the loss is no number any more; the average weights stay as they were.
        """
        rng = np.random.default_rng((self._seed, self.steps))
        chosen = rng.integers(len(self._views), size=VIEWS_IN_STEP)
        self._tunable.decoder.train()
        parts = run_in_threads(
            lambda item: self._gradient(self._views[item[1]], np.random.default_rng((self._seed, self.steps, item[0]))),
            list(enumerate(chosen.tolist())),
            self._threads,
        )
        loss = float(np.mean([part[0].loss for part in parts]))
        for index, parameter in enumerate(self._parameters):
            grads = [grad for _, part in parts if (grad := part[index]) is not None]
            parameter.grad = torch.stack(grads).sum(0) / len(parts) if grads else None
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, CLIP_NORM))
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise ModelError(
                f"the loss is no number any more after {self.steps} steps",
                hint=f"give a lower rate than {self._rate:g}, such as rate={self._rate / 10:g}",
            )
        rise = min(1.0, (self.steps + 1) / WARM_UP_STEPS)
        fall = min(1.0, max(LOWEST_RATE, (1 - progress) / COOL_DOWN))
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate * rise * fall
        self._optimizer.step()
        self.steps += 1
        self._update_average()
        return StepResult(loss, float(np.mean([part[0].first_iou for part in parts])))

    @contextmanager
    def using(self, weights: dict[str, Tensor]) -> Iterator[None]:
        """Within the block the decoder has these weights, and does not learn."""
        decoder = self._tunable.decoder
        own = self._weights()
        decoder.load_state_dict(weights)
        decoder.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            decoder.load_state_dict(own)

    def between(self, weights: dict[str, Tensor], share: float) -> dict[str, Tensor]:
        """The weights before the learning, moved this share of the way to ``weights`` (WiSE-FT, Wortsman et al. 2022).

        What was learned stays for the most part, and what other photos lose is less.
        """
        return {name: value.lerp(weights[name], share) for name, value in self.start.items()}

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self._tunable.decoder.state_dict().items()}

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(EMA, (1 + self.steps) / (10 + self.steps))
        for name, value in self._tunable.decoder.state_dict().items():
            self.average[name].lerp_(value, 1 - keep)

    def _gradient(self, view: View, rng: np.random.Generator) -> tuple[StepResult, tuple[Tensor | None, ...]]:
        """The loss of some objects of a view, and its gradient for each parameter."""
        frame = view.embedding.frame
        rounds = 1 + int(rng.choice(len(ROUND_SHARES), p=ROUND_SHARES))
        targets = view.targets[rng.integers(len(view.targets), size=OBJECTS_IN_VIEW)]
        truths, known = targets >= 0.5, view.valid > 0
        prompts = [first_prompt(rng, truth, frame) for truth in truths]
        # Prompts that pass a decoder together have one form: clicks here, boxes there.
        total, first_ious = torch.zeros(()), []
        for has_box in (False, True):
            chosen = [index for index, prompt in enumerate(prompts) if (prompt.box_xyxy is not None) == has_box]
            group = [prompts[index] for index in chosen]
            for index in range(rounds):
                if not group:
                    break
                learns = index in (0, rounds - 1)
                with torch.set_grad_enabled(learns):
                    decoded = self._tunable.decode(view.embedding, group)
                iou = self._iou(decoded, targets[chosen], view.valid)
                if learns:
                    total = total + decoded_loss(decoded, iou, targets[chosen], view.valid).sum()
                best = _masks_on_screen(decoded, has_box)
                if index == 0:
                    first_ious += iou[range(len(group)), best].tolist()
                if index < rounds - 1:
                    logits = decoded.logits.detach()[range(len(group)), best].float().cpu().numpy()
                    group, chosen = self._next(rng, group, chosen, truths, logits, known, view)
        loss = total / OBJECTS_IN_VIEW
        gradient = torch.autograd.grad(loss, self._parameters, allow_unused=True)
        return StepResult(float(loss.detach()), float(np.mean(first_ious))), gradient

    def _iou(self, decoded: Decoded, targets: np.ndarray, valid: np.ndarray) -> Tensor:
        """(P, 4) IoU of each mask."""
        truth, known = _like(decoded.logits, targets, valid)
        return mask_iou(decoded.logits.detach(), truth, known)

    def _next(
        self,
        rng: np.random.Generator,
        prompts: list[Prompt],
        chosen: list[int],
        truths: np.ndarray,
        logits: np.ndarray,
        known: np.ndarray,
        view: View,
    ) -> tuple[list[Prompt], list[int]]:
        """The prompts with a click more, and their objects, without those whose masks have no wrong region."""
        next_prompts, next_chosen = [], []
        for prompt, index, row in zip(prompts, chosen, logits, strict=True):
            click = corrected(rng, prompt, truths[index], row > 0, known, view.embedding.frame)
            if click is not None:
                next_prompts.append(replace(click, mask=row) if self._tunable.chains_masks else click)
                next_chosen.append(index)
        return next_prompts, next_chosen


def decoded_loss(decoded: Decoded, iou: Tensor, targets: np.ndarray, valid: np.ndarray) -> Tensor:
    """(P,) the loss of each prompt: of the single mask, of the candidates, and of all scores.

    Candidates learn as likely as they are shown. In the training of ``nano`` the best one learns most. On ten photos
    that makes one candidate better that is seldom shown, and the others worse.

    Args:
        decoded: what the decoder made.
        iou: (P, 4) of its masks.
        targets: (P, h, w) float32, as in ``View``.
        valid: (h, w) float32, as in ``View``.
    """
    truth, known = _like(decoded.logits, targets, valid)
    losses = mask_loss(decoded.logits, truth, known)
    loss = losses[:, 0] + likely_loss(losses[:, 1:], decoded.scores[:, 1:]) + score_loss(decoded.scores, iou)
    if decoded.coarse_logits is None:
        return loss
    side = decoded.logits.shape[-1] // decoded.coarse_logits.shape[-1]
    truth, known = (F.avg_pool2d(part[:, :1], side) for part in (truth, known))
    return loss + COARSE_WEIGHT * mask_loss(decoded.coarse_logits, truth, known)[:, 0]


def _like(logits: Tensor, targets: np.ndarray, valid: np.ndarray) -> tuple[Tensor, Tensor]:
    """Targets and what is known, each as (P, 4, h, w) beside the logits."""
    truth = torch.from_numpy(targets).to(logits.device)[:, None].expand_as(logits)
    return truth, torch.from_numpy(valid).to(logits.device).expand_as(logits)


def _masks_on_screen(decoded: Decoded, has_box: bool) -> list[int]:
    """For each prompt the index of the mask that a user sees: the single one for a box, else the best candidate."""
    if has_box:
        return [0] * len(decoded.scores)
    best: list[int] = (1 + decoded.scores[:, 1:].argmax(1)).tolist()
    return best
