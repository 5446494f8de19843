import pytest
import torch

from samwidget.training.losses import OTHERS_WEIGHT, candidate_loss, mask_iou, mask_loss, score_loss


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
    """Half-covered pixels should end at logit 0, not at a timid or a bold one."""
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


def test_scores_are_taught_value_and_order():
    iou = torch.tensor([[0.5, 0.2, 0.9, 0.4]])
    right, swapped = torch.tensor([[0.5, 0.2, 0.9, 0.4]]), torch.tensor([[0.5, 0.9, 0.2, 0.4]])
    assert float(score_loss(right, iou)) < 0.01
    assert float(score_loss(swapped, iou)) > 0.5
