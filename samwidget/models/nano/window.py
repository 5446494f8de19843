"""The part of an image that a mask can be in: where ``nano`` looks closely, and the rest of the image is left alone.

Half of what an answer costs are the layers at strides 8 and 4, and most objects fill a small part of the photo. The
rough mask of the second look says which.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

STRIDE = 16
DOUBT = -4.0
"""Rough logits below this are sure to be outside: a probability of 2 %."""
OUTSIDE = -10.0
"""The logit of what no window holds: as sure as those that the network gives far from an object."""
MARGIN = 2
"""Beyond them, at stride 16: more than the layers in the window see past its edge."""


@dataclass(frozen=True)
class Window:
    """Rows ``top`` to ``bottom`` and columns ``left`` to ``right`` of a ``height`` by ``width`` grid at stride 16."""

    top: int
    bottom: int
    left: int
    right: int
    height: int
    width: int

    def cut(self, x: Tensor, stride: int) -> Tensor:
        """The window of (..., C, h, w) features at this stride, channels last."""
        if (self.bottom - self.top, self.right - self.left) == (self.height, self.width):
            return x
        scale = STRIDE // stride
        part = x[..., scale * self.top : scale * self.bottom, scale * self.left : scale * self.right]
        return part.contiguous(memory_format=torch.channels_last)

    def put_back(self, x: Tensor, stride: int, outside: float) -> Tensor:
        """(..., h, w) of the window at this stride to the whole grid, filled with ``outside``."""
        scale = STRIDE // stride
        sides = (self.left, self.width - self.right, self.top, self.height - self.bottom)
        return F.pad(x, [scale * side for side in sides], value=outside) if any(sides) else x


def whole(rough: Tensor) -> Window:
    """The window that leaves nothing out."""
    height, width = rough.shape[-2:]
    return Window(0, height, 0, width, height, width)


def window_of(rough: Tensor) -> Window:
    """The smallest window with all that (h, w) rough logits at stride 16 do not exclude, and a margin."""
    height, width = rough.shape
    possible = rough >= rough.amax().clamp(max=DOUBT)
    rows, columns = (possible.any(dim).nonzero() for dim in (1, 0))
    top, bottom, left, right = torch.cat([rows[0], rows[-1] + 1, columns[0], columns[-1] + 1]).tolist()
    return Window(
        max(0, top - MARGIN),
        min(height, bottom + MARGIN),
        max(0, left - MARGIN),
        min(width, right + MARGIN),
        height,
        width,
    )
