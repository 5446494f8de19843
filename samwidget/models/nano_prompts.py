"""Prompts as ``nano`` reads them: as tensors, as maps, and as likeness to what was pointed at. No weights here.

``nano`` makes the tensors, ``nano_network`` calls the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

HEADS, HEAD_DIM = 4, 24
GROUPS = 6
"""What a pixel is compared with: included and excluded clicks, box core and ring, mask and its surroundings."""


@dataclass(frozen=True)
class PromptTensors:
    """Prompts as a network reads them, in input pixels.

    Attributes:
        points_xy: (B, O, N, 2) float32.
        labels: (B, O, N) float32: 1 include, 0 exclude, -1 no point.
        boxes: (B, O, 4) float32 x0, y0, x1, y1; any value where ``has_box`` is 0.
        has_box: (B, O) float32, 0 or 1.
        mask: (B, O, h, w) float32 logits at stride 2.
        has_mask: (B, O) float32, 0 or 1.
    """

    points_xy: Tensor
    labels: Tensor
    boxes: Tensor
    has_box: Tensor
    mask: Tensor
    has_mask: Tensor

    def chunk(self, start: int, stop: int) -> PromptTensors:
        """The prompts ``start`` to ``stop`` of each image."""
        return PromptTensors(*(getattr(self, field.name)[:, start:stop] for field in fields(self)))


def prompt_maps(prompts: PromptTensors, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The prompt drawn at stride 8.

    Returns:
        (B, O, 9, h, w) maps: narrow and wide bumps of the included and excluded clicks, inside of the box, nearness to
        its centre and to its sides, previous mask and its border; and (B, O, N + 4, h, w) weights, each of sum 1 or 0,
        of what ``compare`` pools: each click, box core, box ring, mask, surroundings of the mask.
    """
    device = prompts.points_xy.device
    x = (torch.arange(width, device=device) + 0.5) * 8
    y = (torch.arange(height, device=device) + 0.5) * 8
    offset_x = x - prompts.points_xy[..., 0, None]
    offset_y = y - prompts.points_xy[..., 1, None]
    squared = offset_y.square()[..., :, None] + offset_x.square()[..., None, :]
    included = (prompts.labels == 1)[..., None, None]
    excluded = (prompts.labels == 0)[..., None, None]
    narrow, wide = torch.exp(squared / (-2 * 6.0**2)), torch.exp(squared / (-2 * 32.0**2))
    maps = [(bump * of).amax(2) for of in (included, excluded) for bump in (narrow, wide)]
    clicks = sum_to_one(torch.exp(squared / (-2 * 4.0**2)) * (included | excluded))

    x0, y0, x1, y1 = prompts.boxes.clone().unbind(2)
    has_box, has_mask = prompts.has_box[..., None, None], prompts.has_mask[..., None, None]
    half_x, half_y = (x1 - x0)[..., None] / 2 + 1e-3, (y1 - y0)[..., None] / 2 + 1e-3
    from_x = (x - (x0 + x1)[..., None] / 2).abs()
    from_y = (y - (y0 + y1)[..., None] / 2).abs()
    to_side = torch.minimum((half_x - from_x)[..., None, :], (half_y - from_y)[..., :, None])
    radius = torch.maximum((from_x / half_x)[..., None, :], (from_y / half_y)[..., :, None])
    box_inside = (to_side / 8 + 0.5).clamp(0, 1) * has_box
    core = torch.exp(-2 * (from_x / half_x).square()[..., None, :] - 2 * (from_y / half_y).square()[..., :, None])
    core = core * has_box
    ring = ((radius > 1) & ((radius < 1.5) | ((to_side > -20) & (to_side < 0)))) * has_box
    maps += [box_inside, core, torch.exp(-(to_side / 12).square()) * has_box]

    mask = F.avg_pool2d(torch.sigmoid(prompts.mask), 4) * has_mask
    maps += [mask, 4 * mask * (1 - mask)]
    areas = torch.stack([core * box_inside, ring, mask, surroundings(mask)], 2)
    return torch.stack(maps, 2), torch.cat([clicks, sum_to_one(areas)], 2)


def surroundings(mask: Tensor) -> Tensor:
    """(B, O, h, w) shares of a mask at stride 8 to the same shape: what lies within four pixels of it, and outside."""
    return F.avg_pool2d(mask, 9, 1, 4) * (1 - mask)


def compare(weights: Tensor, labels: Tensor, middle: Tensor, similarity: Tensor) -> tuple[Tensor, Tensor]:
    """What the prompt points at, and how much each pixel looks like it.

    Args:
        weights: (B, O, N + 4, h, w) of ``prompt_maps``.
        labels: (B, O, N) as in ``PromptTensors``.
        middle: (B, 64, h, w) features.
        similarity: (B, 96, h, w) features of unit length for each head.

    Returns:
        (B, O, 960) features under the six groups of the prompt, and (B, O, 24, h, w) cosine similarities; clicks count
        by the most similar one.
    """
    pooled, alike = likeness(weights, middle, similarity)
    clicks, areas = alike[:, :, :-4], alike[:, :, -4:]
    parts, groups = [], []
    for label in (1, 0):
        chosen = labels == label
        best = clicks.masked_fill(~chosen[..., None, None, None], -1).amax(2)
        parts.append(torch.where(chosen.any(2)[..., None, None, None], best, torch.zeros_like(best))[:, :, None])
        share = chosen.float() / chosen.float().sum(2, keepdim=True).clamp(min=1)
        groups.append((share[..., None] * pooled[:, :, :-4]).sum(2))
    groups += list(pooled[:, :, -4:].unbind(2))
    return torch.cat(groups, 2), torch.cat([*parts, areas], 2).flatten(2, 3)


def likeness(weights: Tensor, middle: Tensor, similarity: Tensor) -> tuple[Tensor, Tensor]:
    """What lies under each of R weights, and how much each pixel looks like it.

    Args:
        weights: (B, O, R, h, w), each of sum 1 or 0.
        middle: (B, 64, h, w) features.
        similarity: (B, 96, h, w) features of unit length for each head.

    Returns:
        (B, O, R, 160) features, and (B, O, R, 4, h, w) cosine similarities.
    """
    batch, per_image, regions, height, width = weights.shape
    channels = middle.shape[1]
    # Pixel by pixel: for one image torch takes their (B, C, h, w) layouts for different ones, at six times the cost.
    both = torch.cat([part.flatten(2).transpose(1, 2) for part in (middle, similarity)], 2)
    pooled = (weights.flatten(3).flatten(1, 2) @ both).reshape(batch, per_image, regions, -1)
    keys = F.normalize(pooled[..., channels:].reshape(batch, per_image, regions, HEADS, HEAD_DIM), dim=4, eps=1e-4)
    keys = keys.permute(0, 3, 1, 2, 4).flatten(2, 3)
    values = similarity.reshape(batch, HEADS, HEAD_DIM, height * width)
    alike = (keys @ values).reshape(batch, HEADS, per_image, regions, height, width).permute(0, 2, 3, 1, 4, 5)
    return pooled, alike


def is_one_click(prompts: PromptTensors) -> Tensor:
    """(B, O) bool, which prompts are one click and nothing else: those that may mean several things."""
    return ((prompts.labels >= 0).sum(2) == 1) & (prompts.has_box == 0) & (prompts.has_mask == 0)


def shown_mask(prompts: PromptTensors, scores: Tensor) -> Tensor:
    """(B, O) which of the four masks is shown where one is asked for, by their (B, O, 4) scores.

    Of clicks alone the best candidate, since a single mask for all that they may mean would be the little that it
    shares; else the single mask.
    """
    are_clicks = (prompts.labels >= 0).any(2) & (prompts.has_box == 0)
    return torch.where(are_clicks, 1 + scores[..., 1:].argmax(-1), 0)


def box_sizes(prompts: PromptTensors, middle: Tensor) -> list[Tensor]:
    """How many clicks of either kind, and the sides of the box as a share of the image: (B, O) each."""
    height, width = middle.shape[2] * 8, middle.shape[3] * 8
    return [
        (prompts.labels == 1).sum(2) / 4,
        (prompts.labels == 0).sum(2) / 4,
        (prompts.boxes[..., 2] - prompts.boxes[..., 0]) / width * prompts.has_box,
        (prompts.boxes[..., 3] - prompts.boxes[..., 1]) / height * prompts.has_box,
    ]


def sum_to_one(weights: Tensor) -> Tensor:
    """(..., h, w) weights, scaled to add up to one; to nothing where all are zero."""
    return weights / (weights.sum((-2, -1), keepdim=True) + 1e-6)
