"""The end of SAM's mask decoder: the image tokens at four times their resolution, and the logits made from them.

Replaces ``upscale_conv1`` to ``upscale_conv2`` of transformers' ``SamMaskDecoder``, and the product of their result
with the vectors of the hypernetworks (``hyper_in``). A transposed convolution of kernel 2 x 2 and stride 2 is a matrix
product: it turns the C channels of a pixel into a square of 2 x 2 sub-pixels with fewer channels each. Sub-pixels stay
beside each other in memory through both convolutions; only the finished logits, a few numbers a pixel, are moved to
their positions in the image. The first product acts on the low-rank image tokens, so most of it is done once per image
(``low_rank``). ``SamDecoder`` is the only caller.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from samwidget.models.sam.low_rank import LowRankImageTokens
from samwidget.models.sam.workspace import Workspace

if TYPE_CHECKING:
    from transformers.models.sam.modeling_sam import SamMaskDecoder

# Image tokens that pass through the layers together: their 2 MB of sub-pixels stay in the processor's cache.
_TILE_CPU = 1024


class Upscaler:
    """The up-scaling layers of a decoder.

    Args:
        decoder: with two 2 x 2 transposed convolutions of stride 2, a layer norm between them and exact GELUs.
        device: where they are used.

    Attributes:
        first_weight: (4 C1, C) float64 on the CPU, ``upscale_conv1`` as a matrix, where C1 are its output channels;
            rows by sub-pixel (y, then x), then by channel.
    """

    def __init__(self, decoder: SamMaskDecoder, device: torch.device) -> None:
        first, self._norm, second = decoder.upscale_conv1, decoder.upscale_layer_norm, decoder.upscale_conv2
        self.first_weight = first.weight.detach().to("cpu", torch.float64).permute(2, 3, 1, 0).flatten(0, 2)
        self._first_weight = self.first_weight.to(device, torch.float32).T.contiguous()
        self._first_bias = _bias(first).repeat(4)
        self._second_weight = second.weight.detach().permute(0, 2, 3, 1).flatten(1).contiguous()
        self._second_bias = _bias(second).repeat(4)
        self._channels = (first.out_channels, second.out_channels)

    def fill_logits(
        self, image_tokens: LowRankImageTokens, hyper_in: Tensor, workspace: Workspace, out: Tensor
    ) -> None:
        """Fills (b, N, 4 h, 4 w) float32 ``out`` with logits.

        Args:
            image_tokens: of b prompts, after the last layer; they can be used no more afterwards.
            hyper_in: (b, N, C2), the vector of each wanted mask; C2 are the output channels of ``upscale_conv2``.
            workspace: memory.
            out: contiguous; h and w are the sides of the grid of image tokens.
        """
        prompts, masks, channels_2 = hyper_in.shape
        channels_1 = self._channels[0]
        height, width = out.shape[2] // 4, out.shape[3] // 4
        pixels = height * width
        tile_size = _TILE_CPU if hyper_in.device.type == "cpu" else pixels
        # A block-diagonal matrix with the vectors of each second sub-pixel: one product instead of four.
        same_pixel = torch.eye(4, device=hyper_in.device, dtype=hyper_in.dtype)
        vectors = torch.einsum("pnc,st->psntc", hyper_in, same_pixel).flatten(3).flatten(1, 2)
        left = image_tokens.finish(self._first_weight, self._first_bias)
        logits = workspace.take("logits", (prompts, 4 * masks, 4 * pixels), hyper_in)
        for start in range(0, pixels, tile_size):
            tile = slice(start, min(start + tile_size, pixels))
            count = tile.stop - tile.start
            first = workspace.take("upscaled 2x", (prompts, count, 4 * channels_1), hyper_in)
            second = workspace.take("upscaled 4x", (prompts * 4 * count, 4 * channels_2), hyper_in)
            image_tokens.fill_upscaled(left, tile, first)
            rows = first.view(-1, channels_1)
            normalised = F.layer_norm(rows, (channels_1,), self._norm.weight, self._norm.bias, self._norm.eps)
            torch.addmm(self._second_bias, torch.ops.aten.gelu_(normalised), self._second_weight, out=second)
            by_pixel = torch.ops.aten.gelu_(second).view(prompts, 4 * count, 4 * channels_2)
            torch.bmm(vectors, by_pixel.transpose(1, 2), out=logits[:, :, 4 * tile.start : 4 * tile.stop])
        _fill_image(logits.view(prompts, 2, 2, masks, height, width, 2, 2), out)


def _bias(convolution: torch.nn.ConvTranspose2d) -> Tensor:
    assert convolution.bias is not None, "SAM's convolutions have a bias"
    return convolution.bias.detach()


def _fill_image(logits: Tensor, out: Tensor) -> None:
    """Fills (b, N, 4 h, 4 w) from (b, y2, x2, N, h, w, y1, x1); y1 and x1 are the first convolution's sub-pixel."""
    prompts, _, _, masks, height, width, _, _ = logits.shape
    by_sub_pixel = out.view(prompts, masks, height, 2, 2, width, 2, 2)
    # Two sub-pixels at a time, which is twice as fast as a permuted copy of all.
    for y1, y2, x2 in product(range(2), repeat=3):
        by_sub_pixel[:, :, :, y1, y2, :, :, x2] = logits[:, y2, x2, :, :, :, y1]
