"""What a good mask and a good score are, as numbers to minimise."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# The focal term pulls with ten times the force of the others: a quarter of it won by 3 points at one click.
FOCAL_WEIGHT, DICE_WEIGHT, ENTROPY_WEIGHT = 0.25, 1.0, 1.0
OTHERS_WEIGHT = 0.2
RANK_TEMPERATURE = 0.05


def mask_loss(logits: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """Loss of each mask: all arguments (..., h, w), the result (...).

    Three terms, for three needs. Normalised focal loss (Sofiiuk et al. 2022) looks at the pixels still wrong, and so
    finds the border. Dice weighs small objects like large ones. Both leave the logits timid; plain cross-entropy makes
    sigmoid(logit) a probability, without which neither stability scores nor a threshold slider mean anything.
    """
    probability = torch.sigmoid(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none") * valid
    area = (targets * valid).sum((-2, -1))
    pixels = valid.sum((-2, -1)) + 1

    wrong = (probability - targets).abs().square() * valid
    focal = (wrong * entropy).sum((-2, -1)) / (wrong.detach().sum((-2, -1)) + 1e-3 * pixels)

    shared = (probability * targets * valid).sum((-2, -1))
    dice = 1 - (2 * shared + 1) / ((probability * valid).sum((-2, -1)) + area + 1)

    # Divided by the area around the object instead of by the whole image: a small object would count for nothing.
    plain = entropy.sum((-2, -1)) / torch.minimum(torch.maximum(4 * area, 0.1 * pixels), pixels)
    return FOCAL_WEIGHT * focal + DICE_WEIGHT * dice + ENTROPY_WEIGHT * plain


def mask_iou(logits: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """Intersection over union of logits > 0 with targets >= .5: (..., h, w) to (...)."""
    mask, truth = (logits > 0).float() * valid, (targets >= 0.5).float() * valid
    shared = (mask * truth).sum((-2, -1))
    return shared / (mask.sum((-2, -1)) + truth.sum((-2, -1)) - shared).clamp(min=1)


def candidate_loss(losses: Tensor) -> Tensor:
    """(..., 3) losses of the three candidates to (...): the best one's, and a fifth of the mean.

    Mostly the best is taught, so that the three can differ where a click is ambiguous; the share keeps a candidate
    that never wins from drifting.
    """
    return (1 - OTHERS_WEIGHT) * losses.amin(-1) + OTHERS_WEIGHT * losses.mean(-1)


def score_loss(scores: Tensor, iou: Tensor) -> Tensor:
    """Loss of (..., 4) scores against the true IoU of the masks: near in value, and right in their order.

    The second term is the IoU lost by picking a candidate with the scores as (soft) votes.
    """
    iou = iou.detach()
    value = F.smooth_l1_loss(scores, iou, reduction="none", beta=0.1).mean(-1)
    votes = torch.softmax(scores[..., 1:] / RANK_TEMPERATURE, -1)
    lost = iou[..., 1:].amax(-1) - (votes * iou[..., 1:]).sum(-1)
    return value + lost
