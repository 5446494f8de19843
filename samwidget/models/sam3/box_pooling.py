"""The features inside example boxes, which transformers takes from torchvision.

``pool_boxes`` gives what ``torchvision.ops.roi_align`` gives with its default settings. Bilinear samples and their mean
can be taken along one axis after the other, so a box is two small matrices. ``let_it_pool_boxes`` puts it into SAM 3's
encoder of boxes. Called by ``detector``.
"""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

from samwidget.errors import UnsupportedModelError


def pool_boxes(features: Tensor, boxes: Tensor, bins: int) -> Tensor:
    """(K, C, bins, bins) means of the features inside the parts of K boxes, each box cut into bins x bins parts.

    Args:
        features: (C, h, w).
        boxes: (K, 4) x0, y0, x1, y1 in pixels of the features.
        bins: number of parts along each side.
    """
    height, width = features.shape[1:]
    pooled = []
    for x0, y0, x1, y1 in boxes.tolist():
        rows = _axis_weights(y0, y1, height, bins).to(features)
        columns = _axis_weights(x0, x1, width, bins).to(features)
        pooled.append(rows @ features @ columns.T)
    return torch.stack(pooled)


def _axis_weights(start: float, stop: float, size: int, bins: int) -> Tensor:
    """(bins, size) the weight that each of ``size`` pixels of an axis has in each part of an interval."""
    length = max(stop - start, 1.0)
    samples = math.ceil(length / bins)  # in each part
    position = start + (torch.arange(bins * samples, dtype=torch.float64) + 0.5) * (length / bins / samples)
    inside = ((position >= -1) & (position <= size)).double() / samples
    position = position.clamp(0, size - 1)
    low = position.floor().long()
    high = (low + 1).clamp(max=size - 1)
    share = position - low
    weights = torch.zeros(bins * samples, size, dtype=torch.float64)
    weights.scatter_add_(1, low[:, None], ((1 - share) * inside)[:, None])
    weights.scatter_add_(1, high[:, None], (share * inside)[:, None])
    return weights.reshape(bins, samples, size).sum(1)


def let_it_pool_boxes(encoder: Any) -> None:
    """Makes a ``Sam3GeometryEncoder`` of transformers use ``pool_boxes``; its weights and layers stay.

    Any: transformers' classes for SAM 3 and for its variants have the same parts and no class in common.

    Raises:
        UnsupportedModelError: this transformers has other names for what is replaced here. Without the error example
            boxes would be pooled by torchvision, or fail in the middle of a search.
    """
    # Private methods, which any version may rename.
    missing = [name for name in ("_encode_boxes", "_encode_box_coordinates") if not hasattr(encoder, name)]
    if missing:
        raise UnsupportedModelError(
            f"{type(encoder).__name__} of transformers {version('transformers')} has no {' and no '.join(missing)}",
            hint="pip install 'transformers==5.24.*', or a newer samwidget, then restart the kernel",
        )

    def encode_boxes(boxes: Tensor, mask: Tensor, labels: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, K, C) vectors of (B, K, 4) boxes cx, cy, width, height, 0 to 1; the mask is returned as it is."""
        count = boxes.shape[1]
        height, width = features.shape[-2:]
        x, y, box_width, box_height = boxes.unbind(-1)
        corners = torch.stack(
            [x - box_width / 2, y - box_height / 2, x + box_width / 2, y + box_height / 2], -1
        ) * boxes.new_tensor([width, height, width, height])
        inside = [pool_boxes(*pair, encoder.roi_size) for pair in zip(features, corners, strict=True)]
        pooled = encoder.boxes_pool_project(torch.cat(inside)).reshape(len(boxes), count, -1)
        positions = encoder._encode_box_coordinates(*(value.flatten() for value in (x, y, box_width, box_height)))
        positions = encoder.boxes_pos_enc_project(positions).reshape(len(boxes), count, -1)
        return encoder.label_embed(labels.long()) + encoder.boxes_direct_project(boxes) + pooled + positions, mask

    encoder._encode_boxes = encode_boxes
