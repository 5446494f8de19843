"""Prompts as the decoder reads them: as tensors, as maps, and as the similarity of pixels to what they point at.

There are no weights here. ``segmenter`` makes the tensors, ``decoder`` calls the rest, and training uses both.

Shapes: B images, O prompts for each image, N points in a prompt, and (h, w) the size of the input divided by 8.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

HEADS, HEAD_DIM = 4, 24
"""Pixels are compared by four heads, each with a unit vector of 24 numbers."""
AREAS = 4
GROUPS = 2 + AREAS
"""A pixel is compared with included clicks, excluded clicks and four areas: box core and ring, mask and its ring."""


@dataclass(frozen=True)
class PromptTensors:
    """Prompts as tensors, in pixels of the network's input.

    Attributes:
        points_xy: (B, O, N, 2) float32.
        labels: (B, O, N) float32: 1 include, 0 exclude, -1 no point.
        boxes: (B, O, 4) float32 x0, y0, x1, y1; any value where ``has_box`` is 0.
        has_box: (B, O) float32, 0 or 1.
        mask: (B, O, 4h, 4w) float32 logits at stride 2; any value where ``has_mask`` is 0.
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
    """Where the parts of the prompts are, at stride 8. Maps of parts that no prompt has are zero and not computed.

    Args:
        prompts: O for each image.
        height: h.
        width: w.

    Returns:
        (B, O, 9, h, w) maps: narrow and wide gaussians at the included clicks and at the excluded ones, the inside of
        the box, its centre and its sides, the previous mask and its border. And (B, O, N + 4, h, w) weights, each with
        sum 1 or 0, for ``prompt_similarity``: each click, box core, box ring, mask, ring around the mask. Where no
        prompt has a box or a mask, the weights are (B, O, N, h, w).
    """
    device = prompts.points_xy.device
    x = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) * 8
    y = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) * 8
    maps, click_weights = _click_maps(prompts, x, y)
    zeros = maps[0].new_zeros(()).expand_as(maps[0])
    has_box, has_mask = bool(prompts.has_box.any()), bool(prompts.has_mask.any())
    if not (has_box or has_mask):  # first clicks, the most frequent case, cost less this way
        return torch.stack([*maps, *[zeros] * 5], 2), click_weights
    box_maps, box_areas = _box_maps(prompts, x, y) if has_box else ([zeros] * 3, [zeros] * 2)
    mask_maps, mask_areas = _mask_maps(prompts) if has_mask else ([zeros] * 2, [zeros] * 2)
    areas = torch.stack([*box_areas, *mask_areas], 2)
    return torch.stack([*maps, *box_maps, *mask_maps], 2), torch.cat([click_weights, normalise_weights(areas)], 2)


def _click_maps(prompts: PromptTensors, x: Tensor, y: Tensor) -> tuple[list[Tensor], Tensor]:
    """Four maps (B, O, h, w), and weights (B, O, N, h, w) of the clicks; x (w,) and y (h,) are the cells' centres."""
    offset_x = x - prompts.points_xy[..., 0, None]
    offset_y = y - prompts.points_xy[..., 1, None]
    included = (prompts.labels == 1)[..., None, None]
    excluded = (prompts.labels == 0)[..., None, None]
    tight, narrow, wide = (_gaussians(offset_x, offset_y, sigma) for sigma in (4.0, 6.0, 32.0))
    maps = [(gaussian * is_label).amax(2) for is_label in (included, excluded) for gaussian in (narrow, wide)]
    return maps, normalise_weights(tight * (included | excluded))


def _box_maps(prompts: PromptTensors, x: Tensor, y: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Three maps (inside, centre, sides) and two areas (core, ring), (B, O, h, w) each."""
    x0, y0, x1, y1 = prompts.boxes.clone().unbind(2)
    has_box = prompts.has_box[..., None, None]
    half_x, half_y = (x1 - x0)[..., None] / 2 + 1e-3, (y1 - y0)[..., None] / 2 + 1e-3
    from_centre_x = (x - (x0 + x1)[..., None] / 2).abs()
    from_centre_y = (y - (y0 + y1)[..., None] / 2).abs()
    to_side = torch.minimum((half_x - from_centre_x)[..., None, :], (half_y - from_centre_y)[..., :, None])
    radius = torch.maximum((from_centre_x / half_x)[..., None, :], (from_centre_y / half_y)[..., :, None])
    inside = (to_side / 8 + 0.5).clamp(0, 1) * has_box
    core = _gaussians(from_centre_x / half_x, from_centre_y / half_y, 0.5) * has_box
    ring = ((radius > 1) & ((radius < 1.5) | ((to_side > -20) & (to_side < 0)))) * has_box
    return [inside, core, torch.exp(-(to_side / 12).square()) * has_box], [core * inside, ring]


def _mask_maps(prompts: PromptTensors) -> tuple[list[Tensor], list[Tensor]]:
    """Two maps (mask, border) and two areas (mask, ring), (B, O, h, w) each."""
    mask = F.avg_pool2d(torch.sigmoid(prompts.mask), 4) * prompts.has_mask[..., None, None]
    return [mask, 4 * mask * (1 - mask)], [mask, surroundings(mask)]


def _gaussians(x: Tensor, y: Tensor, sigma: float) -> Tensor:
    """(..., h, w) gaussians of offsets (..., w) and (..., h): an outer product, for h + w exponentials, not h * w."""
    row, column = (torch.exp(offset.square() / (-2 * sigma**2)) for offset in (x, y))
    return column[..., :, None] * row[..., None, :]


def surroundings(mask: Tensor) -> Tensor:
    """(B, O, h, w) weights of the ring around (B, O, h, w) masks in [0, 1]: outside, but within four cells."""
    near = F.avg_pool2d(F.avg_pool2d(mask, (9, 1), 1, (4, 0)), (1, 9), 1, (0, 4))
    return near * (1 - mask)


def prompt_similarity(weights: Tensor, labels: Tensor, middle: Tensor) -> tuple[Tensor, Tensor]:
    """The features of what the prompt points at, and how similar each pixel is to them.

    Args:
        weights: (B, O, N + 4, h, w) or (B, O, N, h, w) of ``prompt_maps``.
        labels: (B, O, N) as in ``PromptTensors``.
        middle: (B, 160, h, w) as in ``region_similarity``.

    Returns:
        (B, O, 960) mean features of the six groups of the prompt, and (B, O, 24, h, w) cosine similarities to them. The
        similarity to several clicks is the largest.
    """
    pooled, similarity = region_similarity(weights, middle)
    absent = labels.shape[2] + AREAS - weights.shape[2]
    pooled, similarity = F.pad(pooled, (0, 0, 0, absent)), F.pad(similarity, (0, 0, 0, 0, 0, 0, 0, absent))
    to_clicks, to_areas = similarity[:, :, :-AREAS], similarity[:, :, -AREAS:]
    similarities, groups = [], []
    for label in (1, 0):
        has_label = labels == label
        largest = to_clicks.masked_fill(~has_label[..., None, None, None], -1).amax(2)
        is_used = has_label.any(2)[..., None, None, None]
        similarities.append(torch.where(is_used, largest, torch.zeros_like(largest))[:, :, None])
        share = has_label.float() / has_label.float().sum(2, keepdim=True).clamp(min=1)
        groups.append((share[..., None] * pooled[:, :, :-AREAS]).sum(2))
    groups += list(pooled[:, :, -AREAS:].unbind(2))
    return torch.cat(groups, 2), torch.cat([*similarities, to_areas], 2).flatten(2, 3)


def region_similarity(weights: Tensor, middle: Tensor) -> tuple[Tensor, Tensor]:
    """The mean features of each of R regions, and how similar each pixel is to them.

    Args:
        weights: (B, O, R, h, w) of the regions, each with sum 1 or 0.
        middle: (B, 160, h, w): 64 features, then 96 numbers for the comparison, a unit vector for each of four heads.
            Fast if channels last.

    Returns:
        (B, O, R, 160) features, and (B, O, R, 4, h, w) cosine similarities.
    """
    batch, per_image, regions, height, width = weights.shape
    pixels = middle.flatten(2).transpose(1, 2).contiguous()
    pooled = (weights.flatten(3).flatten(1, 2) @ pixels).reshape(batch, per_image, regions, -1)
    compared = HEADS * HEAD_DIM
    keys = F.normalize(pooled[..., -compared:].reshape(batch, per_image, regions, HEADS, HEAD_DIM), dim=4, eps=1e-4)
    keys = keys.permute(0, 3, 1, 2, 4).flatten(2, 3)
    values = pixels[..., -compared:].reshape(batch, -1, HEADS, HEAD_DIM).permute(0, 2, 3, 1)
    similarity = (keys @ values).reshape(batch, HEADS, per_image, regions, height, width).permute(0, 2, 3, 1, 4, 5)
    return pooled, similarity


def is_one_click(prompts: PromptTensors) -> Tensor:
    """(B, O) bool: prompts that are one click and nothing else, which may mean several objects."""
    return ((prompts.labels >= 0).sum(2) == 1) & (prompts.has_box == 0) & (prompts.has_mask == 0)


def default_mask_index(prompts: PromptTensors, scores: Tensor) -> Tensor:
    """(B, O) int64 index of the mask that is used where one is asked for, of the four with (B, O, 4) scores.

    For clicks without a box it is the candidate with the best score, as in SAM 2 for one click: a single mask for all
    that a click may mean covers only what these have in common. Else it is the single mask, index 0.
    """
    are_clicks = (prompts.labels >= 0).any(2) & (prompts.has_box == 0)
    return torch.where(are_clicks, 1 + scores[..., 1:].argmax(-1), 0)


def prompt_statistics(prompts: PromptTensors, middle: Tensor) -> list[Tensor]:
    """Four (B, O) tensors: a quarter of the number of included and of excluded clicks, width and height of the box.

    The box is measured in shares of the (B, 160, h, w) features' size, padding included.
    """
    height, width = middle.shape[2] * 8, middle.shape[3] * 8
    return [
        (prompts.labels == 1).float().sum(2) / 4,
        (prompts.labels == 0).float().sum(2) / 4,
        (prompts.boxes[..., 2] - prompts.boxes[..., 0]) / width * prompts.has_box,
        (prompts.boxes[..., 3] - prompts.boxes[..., 1]) / height * prompts.has_box,
    ]


def normalise_weights(weights: Tensor) -> Tensor:
    """(..., h, w) weights, scaled to a sum of 1; zeros stay zeros."""
    return weights / (weights.sum((-2, -1), keepdim=True) + 1e-6)
