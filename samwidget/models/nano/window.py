"""The part of the image that the finer layers of the decoder compute; the rest gets a fixed logit.

The layers at strides 8 and 4 are half of the time of a decode, and most objects fill a small part of the image. The
coarse mask at stride 16 says which. Called by ``decoder`` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

STRIDE = 16
POSSIBLE_LOGIT = -4.0
"""Where coarse logits are below this, the object cannot be: a probability of 2 %."""
OUTSIDE_LOGIT = -10.0
"""The logit outside the window: what the network computes far away from an object."""
MARGIN = 2
"""Cells at stride 16 around what is possible: further than the layers in the window see beyond its edge."""
SMALL_GRID = 144
"""Grids of at most so many cells at stride 16 have no windows: all their prompts are decoded together."""

_jit: Any = torch.jit  # whose own list of names leaves is_tracing out; to ask torch.onnx would load hundreds of files


@dataclass(frozen=True)
class Window:
    """Rows ``top`` to ``bottom`` and columns ``left`` to ``right`` of a ``height`` by ``width`` grid at stride 16.

    The maxima are exclusive.
    """

    top: int
    bottom: int
    left: int
    right: int
    height: int
    width: int

    def crop(self, x: Tensor, stride: int) -> Tensor:
        """The window of (..., h, w) features at ``stride``, a view."""
        scale = STRIDE // stride
        return x[..., scale * self.top : scale * self.bottom, scale * self.left : scale * self.right]

    def pad(self, x: Tensor, stride: int, value: float) -> Tensor:
        """(..., h, w) of the window at ``stride``, padded with ``value`` to the size of the grid."""
        scale = STRIDE // stride
        sides = (self.left, self.width - self.right, self.top, self.height - self.bottom)
        if _jit.is_tracing() or any(sides):
            return F.pad(x, [scale * side for side in sides], value=value)
        return x


def is_small(coarse: Tensor) -> bool:
    """Whether the grid of (..., h, w) coarse logits is small; never in a graph, which must serve all sizes."""
    return not _jit.is_tracing() and coarse.shape[-2] * coarse.shape[-1] <= SMALL_GRID


def full_window(coarse: Tensor) -> Window:
    """The window that covers all of (..., h, w) coarse logits."""
    height, width = coarse.shape[-2:]
    return Window(0, height, 0, width, height, width)


def window_of(coarse: Tensor) -> Window:
    """The smallest window, with a margin, of all cells of (h, w) coarse logits where the object is possible.

    Where it is possible nowhere, the window is around the largest logit.
    """
    height, width = coarse.shape
    possible = coarse >= coarse.amax().clamp(max=POSSIBLE_LOGIT)
    rows, columns = (possible.any(dim).nonzero() for dim in (1, 0))
    edges = torch.cat([rows[0], rows[-1] + 1, columns[0], columns[-1] + 1])
    edges = edges + torch.tensor([-MARGIN, MARGIN, -MARGIN, MARGIN], device=coarse.device)
    edges = edges.clamp(min=0).minimum(torch.tensor([height, height, width, width], device=coarse.device))
    # A graph keeps the edges as tensors: in Python's numbers its window would be that of the example for every prompt.
    sides: Any = edges.unbind() if _jit.is_tracing() else edges.tolist()
    top, bottom, left, right = sides
    return Window(top, bottom, left, right, height, width)
