"""Prompts as ``nano`` reads them: as tensors, as maps, and as likeness to what was pointed at. No weights here.

``nano`` makes the tensors, ``nano_network`` calls the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

HEADS, HEAD_DIM = 4, 24
AREAS = 4
GROUPS = 2 + AREAS
"""What a pixel is compared with: included and excluded clicks; and areas, box core and ring, mask and surroundings."""


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
        of what ``compare`` pools: each click, box core, box ring, mask, surroundings of the mask. Of clicks alone the
        weights are (B, O, N, h, w).
    """
    device = prompts.points_xy.device
    x = (torch.arange(width, device=device) + 0.5) * 8
    y = (torch.arange(height, device=device) + 0.5) * 8
    maps, clicks = _click_maps(prompts, x, y)
    nothing = maps[0].new_zeros(()).expand_as(maps[0])
    has_box, has_mask = bool(prompts.has_box.any()), bool(prompts.has_mask.any())
    if not (has_box or has_mask):  # a first click, which need not wait for the rest
        return torch.stack([*maps, *[nothing] * 5], 2), clicks
    box_maps, box_areas = _box_maps(prompts, x, y) if has_box else ([nothing] * 3, [nothing] * 2)
    mask_maps, mask_areas = _mask_maps(prompts) if has_mask else ([nothing] * 2, [nothing] * 2)
    areas = torch.stack([*box_areas, *mask_areas], 2)
    return torch.stack([*maps, *box_maps, *mask_maps], 2), torch.cat([clicks, sum_to_one(areas)], 2)


def _click_maps(prompts: PromptTensors, x: Tensor, y: Tensor) -> tuple[list[Tensor], Tensor]:
    """Four maps (B, O, h, w), and the weights (B, O, N, h, w) of the clicks; x and y are the middles of the pixels."""
    offset_x = x - prompts.points_xy[..., 0, None]
    offset_y = y - prompts.points_xy[..., 1, None]
    included = (prompts.labels == 1)[..., None, None]
    excluded = (prompts.labels == 0)[..., None, None]
    tight, narrow, wide = (_bumps(offset_x, offset_y, size) for size in (4.0, 6.0, 32.0))
    maps = [(bump * of).amax(2) for of in (included, excluded) for bump in (narrow, wide)]
    return maps, sum_to_one(tight * (included | excluded))


def _box_maps(prompts: PromptTensors, x: Tensor, y: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Three maps and two areas, core and ring, (B, O, h, w) each."""
    x0, y0, x1, y1 = prompts.boxes.clone().unbind(2)
    has_box = prompts.has_box[..., None, None]
    half_x, half_y = (x1 - x0)[..., None] / 2 + 1e-3, (y1 - y0)[..., None] / 2 + 1e-3
    from_x = (x - (x0 + x1)[..., None] / 2).abs()
    from_y = (y - (y0 + y1)[..., None] / 2).abs()
    to_side = torch.minimum((half_x - from_x)[..., None, :], (half_y - from_y)[..., :, None])
    radius = torch.maximum((from_x / half_x)[..., None, :], (from_y / half_y)[..., :, None])
    inside = (to_side / 8 + 0.5).clamp(0, 1) * has_box
    core = _bumps(from_x / half_x, from_y / half_y, 0.5) * has_box
    ring = ((radius > 1) & ((radius < 1.5) | ((to_side > -20) & (to_side < 0)))) * has_box
    return [inside, core, torch.exp(-(to_side / 12).square()) * has_box], [core * inside, ring]


def _mask_maps(prompts: PromptTensors) -> tuple[list[Tensor], list[Tensor]]:
    """Two maps and two areas, mask and surroundings, (B, O, h, w) each."""
    mask = F.avg_pool2d(torch.sigmoid(prompts.mask), 4) * prompts.has_mask[..., None, None]
    return [mask, 4 * mask * (1 - mask)], [mask, surroundings(mask)]


def _bumps(x: Tensor, y: Tensor, size: float) -> Tensor:
    """(..., h, w) gaussians of offsets (..., w) and (..., h); a row and a column each, since the whole costs more."""
    row, column = (torch.exp(offset.square() / (-2 * size**2)) for offset in (x, y))
    return column[..., :, None] * row[..., None, :]


def surroundings(mask: Tensor) -> Tensor:
    """(B, O, h, w) shares of a mask at stride 8 to the same shape: what lies within four pixels of it, and outside."""
    near = F.avg_pool2d(F.avg_pool2d(mask, (9, 1), 1, (4, 0)), (1, 9), 1, (0, 4))
    return near * (1 - mask)


def compare(weights: Tensor, labels: Tensor, middle: Tensor) -> tuple[Tensor, Tensor]:
    """What the prompt points at, and how much each pixel looks like it.

    Args:
        weights: (B, O, N + 4, h, w) of ``prompt_maps``, or (B, O, N, h, w).
        labels: (B, O, N) as in ``PromptTensors``.
        middle: (B, 160, h, w) as in ``likeness``.

    Returns:
        (B, O, 960) features under the six groups of the prompt, and (B, O, 24, h, w) cosine similarities; clicks count
        by the most similar one.
    """
    pooled, alike = likeness(weights, middle)
    absent = labels.shape[2] + AREAS - weights.shape[2]
    pooled, alike = F.pad(pooled, (0, 0, 0, absent)), F.pad(alike, (0, 0, 0, 0, 0, 0, 0, absent))
    clicks, areas = alike[:, :, :-AREAS], alike[:, :, -AREAS:]
    parts, groups = [], []
    for label in (1, 0):
        chosen = labels == label
        best = clicks.masked_fill(~chosen[..., None, None, None], -1).amax(2)
        parts.append(torch.where(chosen.any(2)[..., None, None, None], best, torch.zeros_like(best))[:, :, None])
        share = chosen.float() / chosen.float().sum(2, keepdim=True).clamp(min=1)
        groups.append((share[..., None] * pooled[:, :, :-AREAS]).sum(2))
    groups += list(pooled[:, :, -AREAS:].unbind(2))
    return torch.cat(groups, 2), torch.cat([*parts, areas], 2).flatten(2, 3)


def likeness(weights: Tensor, middle: Tensor) -> tuple[Tensor, Tensor]:
    """What lies under each of R weights, and how much each pixel looks like it.

    Args:
        weights: (B, O, R, h, w), each of sum 1 or 0.
        middle: (B, 160, h, w), 64 features and then 96 of unit length for each of four heads; quick if channels last.

    Returns:
        (B, O, R, 160) features, and (B, O, R, 4, h, w) cosine similarities.
    """
    batch, per_image, regions, height, width = weights.shape
    pixels = middle.flatten(2).transpose(1, 2).contiguous()
    pooled = (weights.flatten(3).flatten(1, 2) @ pixels).reshape(batch, per_image, regions, -1)
    similar = HEADS * HEAD_DIM
    keys = F.normalize(pooled[..., -similar:].reshape(batch, per_image, regions, HEADS, HEAD_DIM), dim=4, eps=1e-4)
    keys = keys.permute(0, 3, 1, 2, 4).flatten(2, 3)
    values = pixels[..., -similar:].reshape(batch, -1, HEADS, HEAD_DIM).permute(0, 2, 3, 1)
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
