"""The losses of training: the distance of masks and scores from the truth, to be minimised. Called by ``trainer``."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from samwidget.models.nano import PromptTensors, is_one_click
from samwidget.training.data import Batch

# The gradient of the focal term is ten times that of the others. With a quarter of it, the IoU after one click was
# 3 points better.
FOCAL_WEIGHT, DICE_WEIGHT, ENTROPY_WEIGHT = 0.25, 1.0, 1.0
OTHERS_WEIGHT = 0.2
# Of the loss of the candidates. With it, ranking loses half as much after one click.
LIKELY_WEIGHT = 0.35
RANK_TEMPERATURE = 0.05
UNLIKELY_WEIGHT = 0.2
COARSE_WEIGHT = 0.4


def prompt_loss(
    logits: Tensor, scores: Tensor, coarse_logits: Tensor, batch: Batch, prompts: PromptTensors
) -> tuple[Tensor, Tensor]:
    """The loss of what the decoder returned for a batch, a scalar; and the (B, O, 4) IoU of each mask.

    Args:
        logits: (B, O, 4, h, w): the single mask, and three candidates.
        scores: (B, O, 4).
        coarse_logits: (B, O, 1, h/8, w/8), an early estimate of the single mask.
        batch: the crops with their targets.
        prompts: O for each crop.
    """
    targets, valid = batch.targets[:, :, None].expand_as(logits), batch.valid[:, :, None].expand_as(logits)
    losses = mask_loss(logits, targets, valid)
    with torch.no_grad():
        iou = mask_iou(logits, targets, valid)
    # One click on a sleeve may mean the sleeve or its wearer, and one on a rider the horse too. The three candidates
    # learn all of these. The single mask and the ranking prefer one complete object, which people mean more often.
    weight = torch.where(batch.is_unlikely & is_one_click(prompts), UNLIKELY_WEIGHT, 1.0)
    coarse_targets, coarse_valid = (F.avg_pool2d(part, 8)[:, :, None] for part in (batch.targets, batch.valid))
    coarse_loss = mask_loss(coarse_logits, coarse_targets, coarse_valid)[..., 0]
    single_loss = losses[..., 0] + score_loss(scores, iou) + COARSE_WEIGHT * coarse_loss
    likely = weight * likely_loss(losses[..., 1:], scores[..., 1:])
    candidates = (1 - LIKELY_WEIGHT) * candidate_loss(losses[..., 1:]) + LIKELY_WEIGHT * likely
    return (weight * single_loss).mean() + candidates.mean(), iou


def mask_loss(logits: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """The loss of each mask: all arguments are (..., h, w), the result is (...).

    The sum of three terms. Normalised focal loss (Sofiiuk et al. 2022) concentrates on wrong pixels, and so finds the
    border. Dice loss gives small objects the weight of large ones. Both leave logits that are too near to 0, so plain
    cross-entropy is added: it makes sigmoid(logit) a probability, which stability scores and the threshold slider need.

    Args:
        logits: of the masks.
        targets: the share of each pixel that the object covers, 0 to 1.
        valid: 0 where the truth is not known, else 1.
    """
    probability = torch.sigmoid(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none") * valid
    area = (targets * valid).sum((-2, -1))
    pixels = valid.sum((-2, -1)) + 1

    wrong = (probability - targets).abs().square() * valid
    focal = (wrong * entropy).sum((-2, -1)) / (wrong.detach().sum((-2, -1)) + 1e-3 * pixels)

    intersection = (probability * targets * valid).sum((-2, -1))
    dice = 1 - (2 * intersection + 1) / ((probability * valid).sum((-2, -1)) + area + 1)

    # Divided by the area around the object. Divided by the whole image, a small object would hardly count.
    plain = entropy.sum((-2, -1)) / torch.minimum(torch.maximum(4 * area, 0.1 * pixels), pixels)
    return FOCAL_WEIGHT * focal + DICE_WEIGHT * dice + ENTROPY_WEIGHT * plain


def mask_iou(logits: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """IoU of the masks ``logits > 0`` and ``targets >= 0.5``: (..., h, w) to (...); 0 if both are empty."""
    mask, truth = (logits > 0).float() * valid, (targets >= 0.5).float() * valid
    intersection = (mask * truth).sum((-2, -1))
    return intersection / (mask.sum((-2, -1)) + truth.sum((-2, -1)) - intersection).clamp(min=1)


def candidate_loss(losses: Tensor) -> Tensor:
    """(..., 3) losses of the three candidates to (...): four fifths of the smallest and a fifth of their mean.

    Mostly the best candidate learns, so that the three can differ where a click is ambiguous. The mean keeps a
    candidate that is never the best from drifting away.
    """
    return (1 - OTHERS_WEIGHT) * losses.amin(-1) + OTHERS_WEIGHT * losses.mean(-1)


def likely_loss(losses: Tensor, scores: Tensor) -> Tensor:
    """(..., 3) losses and scores of the three candidates to (...): the mean, weighted by softmax(scores).

    So the candidate that the user is shown first learns most. No gradient flows into the scores.
    """
    return (torch.softmax(scores.detach() / RANK_TEMPERATURE, -1) * losses).sum(-1)


def score_loss(scores: Tensor, iou: Tensor) -> Tensor:
    """(..., 4) scores and true IoU to a loss (...): scores should be near the IoU, and rank candidates as the IoU does.

    The second part is the IoU that is lost by choosing a candidate with softmax(scores) as probabilities.
    """
    iou = iou.detach()
    value_loss = F.smooth_l1_loss(scores, iou, reduction="none", beta=0.1).mean(-1)
    probability = torch.softmax(scores[..., 1:] / RANK_TEMPERATURE, -1)
    lost_iou = iou[..., 1:].amax(-1) - (probability * iou[..., 1:]).sum(-1)
    return value_loss + lost_iou
