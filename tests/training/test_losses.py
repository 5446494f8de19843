"""The losses: what costs less than what, and which masks learn."""

from dataclasses import replace

import pytest
import torch

pytest.importorskip("cv2")

from samwidget.models.nano.prompt_maps import PromptTensors
from samwidget.training.data import Batch
from samwidget.training.losses import (
    LIKELY_WEIGHT,
    OTHERS_WEIGHT,
    UNLIKELY_WEIGHT,
    candidate_loss,
    likely_loss,
    mask_iou,
    mask_loss,
    prompt_loss,
    score_loss,
)


def disc(radius, size=32):
    rows = torch.arange(size)[:, None] - size / 2
    columns = torch.arange(size)[None] - size / 2
    return (rows**2 + columns**2 < radius**2).float()


def test_better_masks_cost_less():
    target, valid = disc(8), torch.ones(32, 32)
    losses = [float(mask_loss((mask - 0.5) * 8, target, valid)) for mask in (disc(8), disc(9), disc(12), 1 - disc(8))]
    assert losses == sorted(losses)
    assert losses[0] < 0.2


def test_unknown_pixels_cost_nothing():
    target, valid = disc(8), torch.ones(32, 32)
    valid[:, 16:] = 0
    logits = (disc(8) - 0.5) * 8
    spoilt = logits.clone()
    spoilt[:, 16:] *= -1
    assert float(mask_loss(logits, target, valid)) == float(mask_loss(spoilt, target, valid))
    assert float(mask_iou(logits, target, valid)) == float(mask_iou(spoilt, target, valid)) == 1


def test_the_best_constant_logit_is_the_share_of_the_object():
    """The logit of a half-covered pixel should become 0, so that sigmoid(logit) is the share."""
    target, valid = torch.full((16, 16), 0.5), torch.ones(16, 16)
    costs = {value: float(mask_loss(torch.full((16, 16), value), target, valid)) for value in (-2.0, 0.0, 2.0)}
    assert min(costs, key=costs.get) == 0.0


def test_iou_of_empty_masks_is_zero_and_not_nan():
    empty = torch.full((4, 4), -5.0)
    assert float(mask_iou(empty, torch.zeros(4, 4), torch.ones(4, 4))) == 0


def test_only_the_best_candidate_is_taught_much():
    losses = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    candidate_loss(losses).backward()
    assert losses.grad[0] > 0.8
    assert losses.grad[1] == losses.grad[2] == pytest.approx(OTHERS_WEIGHT / 3)


def test_the_candidate_with_the_best_score_is_taught_most():
    losses = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    scores = torch.tensor([0.5, 0.9, 0.4], requires_grad=True)
    likely_loss(losses, scores).backward()
    assert losses.grad.argmax() == 1
    assert float(losses.grad.sum()) == pytest.approx(1)
    assert scores.grad is None


def test_scores_are_taught_value_and_order():
    iou = torch.tensor([[0.5, 0.2, 0.9, 0.4]])
    right, swapped = torch.tensor([[0.5, 0.2, 0.9, 0.4]]), torch.tensor([[0.5, 0.9, 0.2, 0.4]])
    assert float(score_loss(right, iou)) < 0.01
    assert float(score_loss(swapped, iou)) > 0.5


def test_one_click_on_a_part_teaches_the_single_mask_less():
    logits = torch.zeros(1, 2, 4, 8, 8, requires_grad=True)
    scores = torch.full((1, 2, 4), 0.5)
    targets, valid = torch.ones(1, 2, 8, 8), torch.ones(1, 2, 8, 8)
    batch = Batch(torch.zeros(1, 3, 16, 16), targets, valid, torch.tensor([[True, False]]))
    zero, mask = torch.zeros(1, 2), torch.zeros(1, 2, 8, 8)
    click = PromptTensors(torch.zeros(1, 2, 1, 2), torch.ones(1, 2, 1), torch.zeros(1, 2, 4), zero, mask, zero)
    for prompts, share in ((click, UNLIKELY_WEIGHT), (replace(click, has_box=torch.ones(1, 2)), 1.0)):
        loss, _ = prompt_loss(logits, scores, torch.zeros(1, 2, 1, 1, 1), batch, prompts)
        (gradient,) = torch.autograd.grad(loss, logits)
        pull = gradient.abs().sum((3, 4))[0]
        assert float(pull[0, 0] / pull[1, 0]) == pytest.approx(share)
        # The candidates learn all meanings of the click, the likely one a little more what people mean more often.
        torch.testing.assert_close(pull[0, 1:], pull[1, 1:] * (1 - LIKELY_WEIGHT * (1 - share)))
