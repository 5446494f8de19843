"""The logits that SAM-HQ adds to SAM's: the same for all candidates of a prompt.

Replaces ``mask_conv1`` to ``mask_conv2`` of transformers' ``SamHQMaskDecoder`` and the product with the vector of the
HQ token. With the up-scaled image tokens U (C2 channels), ``hq_features`` Q and the vector v, the logits are

    v . (conv2(gelu(norm(conv1(U)))) + Q) = (v . conv2)(gelu(norm(conv1(U)))) + v . Q

A convolution followed by a product with a vector is a convolution to one channel. So the second convolution, as
expensive as the first one, costs next to nothing. Each 3 x 3 convolution reads its neighbours, so blocks of image
tokens are filled step by step. ``SamHqDecoder`` is the only caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from samwidget.models.sam.low_rank import ImageTokenBlock
from samwidget.models.sam.upscaling import normalise_centred
from samwidget.models.sam.workspace import Workspace

if TYPE_CHECKING:
    from transformers.models.sam_hq.modeling_sam_hq import SamHQMaskDecoder

# Rows of logits that are computed together on a CPU: 4 MB of hidden channels. Fewer fit the cache and cost more calls.
_ROWS_AT_ONCE = 64


class Sharpening:
    """The layers that make the HQ token's logits.

    Args:
        decoder: its weights are read at each call, on their device.

    Attributes:
        channels: C2, of the up-scaled image tokens.
    """

    def __init__(self, decoder: SamHQMaskDecoder) -> None:
        self._first, self._norm, self._second = decoder.mask_conv1, decoder.mask_norm, decoder.mask_conv2
        self.channels = int(self._first.in_channels)

    def new_frame(self, prompts: int, workspace: Workspace, like: Tensor) -> Tensor:
        """(P, H + 2, W + 2, C2) of the workspace for the up-scaled image tokens, with a frame of zeros around them.

        Args:
            prompts: P.
            workspace: memory.
            like: (..., H, W) logits.
        """
        height, width = like.shape[-2:]
        framed = workspace.take("up-scaled tokens", (prompts, height + 2, width + 2, self.channels), like)
        framed[:, (0, -1)] = 0
        framed[:, :, (0, -1)] = 0
        return framed

    def steps(
        self, framed: Tensor, vectors: Tensor, features: Tensor, workspace: Workspace, out: Tensor
    ) -> Iterator[Callable[[ImageTokenBlock], None]]:
        """Yields what is to be done with each block of image tokens, so that the logits are added to ``out``.

        Args:
            framed: what ``new_frame`` returned, filled.
            vectors: (P, C2), of the HQ token.
            features: (C2, H W), of the image.
            workspace: memory.
            out: (P, N, H, W) float32.
        """
        prompts, _, height, width = out.shape
        # (P, 9, C1): for each of the nine neighbours what its hidden channels add.
        kernels = torch.einsum("pc,ckyx->pyxk", vectors, self._second.weight).flatten(1, 2)
        bias = vectors @ _bias(self._second)
        parts = workspace.take("parts of neighbours", (prompts, 9, height + 2, width + 2), out)
        parts[:, :, (0, -1)] = 0
        parts[:, :, :, (0, -1)] = 0
        on_cpu = out.device.type == "cpu"
        first_layer = self._first_layer()

        def tiles(block: ImageTokenBlock) -> Iterator[slice]:
            start, stop = (4 * (4 * column // width) for column in (block.columns.start, block.columns.stop))
            step = _ROWS_AT_ONCE if on_cpu else stop - start
            for first in range(start, stop, step):
                yield slice(first, min(first + step, stop))

        def fill_parts(block: ImageTokenBlock) -> None:
            for rows in tiles(block):
                hidden = self._hidden(framed[block.prompts, rows.start : rows.stop + 2], *first_layer)
                by_neighbour = torch.bmm(kernels[block.prompts], hidden.transpose(1, 2))
                shape = (len(hidden), 9, rows.stop - rows.start, width)
                parts[block.prompts, :, rows.start + 1 : rows.stop + 1, 1:-1] = by_neighbour.view(shape)

        def add_parts(block: ImageTokenBlock) -> None:
            for rows in tiles(block):
                of_image = features[:, rows.start * width : rows.stop * width]
                total = torch.addmm(bias[block.prompts, None], vectors[block.prompts], of_image)
                total = total.view(-1, rows.stop - rows.start, width)
                for index in range(9):
                    y, x = divmod(index, 3)
                    total += parts[block.prompts, index, rows.start + y : rows.stop + y, x : x + width]
                out[block.prompts, :, rows] += total[:, None]

        yield fill_parts
        yield add_parts

    def _first_layer(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the first convolution. The mean over its channels is subtracted, as the norm does."""
        weight, bias = self._first.weight, _bias(self._first)
        return weight - weight.mean(0), bias - bias.mean()

    def _hidden(self, framed: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """(b, n, C1): the layers between the convolutions, at the n pixels within the frame.

        Args:
            framed: (b, rows + 2, W + 2, C2), with the neighbours around.
            weight: of the first layer.
            bias: of the first layer.
        """
        # Channels lie side by side in memory, as oneDNN reads them best and the norm needs them.
        hidden = F.conv2d(framed.permute(0, 3, 1, 2), weight, bias).permute(0, 2, 3, 1).flatten(1, 2)
        normalised = normalise_centred(hidden, self._norm)
        gelu: Tensor = torch.ops.aten.gelu_(normalised)
        return gelu


def _bias(convolution: torch.nn.Conv2d) -> Tensor:
    assert convolution.bias is not None, "SAM-HQ's convolutions have a bias"
    return convolution.bias
