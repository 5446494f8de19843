"""The end of SAM's mask decoder: the image tokens to four times their resolution, and logits from them.

A 2 x 2 transposed convolution of stride 2 is a matrix product that makes four sub-pixels of each pixel. They stay rows
through both of them, and only the finished logits are put in place. The first product acts on the low-rank stream
(``sam_stream``), whose maps it shares.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from torch import Tensor

from samwidget.models.sam_maps import ImageMaps
from samwidget.models.sam_stream import Buffers, Stream

# Image tokens that pass through the layers together: their 2 MB of sub-pixels stay in the processor's cache.
_PIXELS_AT_ONCE_CPU = 1024


class Upscaler:
    """The up-scaling of a decoder, from the weights of transformers' ``SamMaskDecoder``.

    Args:
        decoder: with two 2 x 2 transposed convolutions of stride 2, a layer norm between them and exact GELUs.
        device: where it is used.
    """

    def __init__(self, decoder: Any, device: torch.device) -> None:
        first, norm, second = decoder.upscale_conv1, decoder.upscale_layer_norm, decoder.upscale_conv2
        # Centred per sub-pixel, so that the norm needs no mean.
        weight = first.weight.detach().to("cpu", torch.float64).permute(2, 3, 1, 0)
        bias = first.bias.detach().to("cpu", torch.float64)
        self.first_weight = (weight - weight.mean(2, keepdim=True)).flatten(0, 2)
        self._first_bias = (bias - bias.mean()).repeat(4).to(device, torch.float32)
        self._scale = norm.weight.detach()[:, None]
        self._shift = norm.bias.detach()[:, None]
        self._epsilon = norm.eps
        self._second_weight = second.weight.detach().permute(2, 3, 1, 0).flatten(0, 2).contiguous()
        self._second_bias = second.bias.detach().repeat(4)[:, None]
        self._channels = (first.out_channels, second.out_channels)

    def logits(
        self, stream: Stream, maps: ImageMaps, hyper: Tensor, grid_hw: tuple[int, int], buffers: Buffers
    ) -> Tensor:
        """(b, N, 4 h, 4 w) float32 logits, a fresh tensor.

        Args:
            stream: b prompts' image tokens after the last layer.
            maps: the decoder's.
            hyper: (b, N, C2), one vector for each mask that is asked for.
            grid_hw: height and width of the image tokens.
            buffers: memory.
        """
        prompts, masks, last = hyper.shape
        wide = self._channels[0]
        height, width = grid_hw
        pixels = height * width
        tile = _PIXELS_AT_ONCE_CPU if hyper.device.type == "cpu" else pixels
        vectors = hyper[:, None].expand(-1, 16, -1, -1).reshape(prompts * 16, masks, last)
        second = self._second_weight.expand(prompts * 4, -1, -1)
        coefficients = stream.coefficients(maps.up, self._first_bias)
        logits = buffers.take("logits", (prompts * 16, masks, pixels), hyper)
        for start in range(0, pixels, tile):
            some = slice(start, min(start + tile, pixels))
            count = some.stop - some.start
            once = buffers.take("once", (prompts, 4 * wide, count), hyper)
            squares = buffers.take("squares", (prompts, 4 * wide, count), hyper).view(prompts * 4, wide, count)
            twice = buffers.take("twice", (prompts * 4, 4 * last, count), hyper)
            stream.mapped(maps.up, coefficients, some, once)
            grouped = once.view(prompts * 4, wide, count)
            torch.mul(grouped, grouped, out=squares)
            inverse = squares.sum(1, keepdim=True).div_(wide).add_(self._epsilon).rsqrt_()
            # Three passes; torch's addcmul with broadcast arguments is not vectorised and takes five times as long.
            torch.ops.aten.gelu_(grouped.mul_(inverse).mul_(self._scale).add_(self._shift))
            torch.baddbmm(self._second_bias, second, grouped, out=twice)
            torch.ops.aten.gelu_(twice)
            torch.bmm(vectors, twice.view(prompts * 16, last, count), out=logits[:, :, some])
        return _in_place(logits.view(prompts, 4, 4, masks, height, width))


def _in_place(logits: Tensor) -> Tensor:
    """(b, 4, 4, N, h, w) logits by sub-pixel to (b, N, 4 h, 4 w)."""
    prompts, _, _, masks, height, width = logits.shape
    out = torch.empty(prompts, masks, height, 2, 2, width, 2, 2, dtype=logits.dtype, device=logits.device)
    # One sub-pixel at a time, which is four times as fast as a permuted copy of all.
    for y1, x1, y2, x2 in product(range(2), repeat=4):
        out[:, :, :, y1, y2, :, x1, x2] = logits[:, 2 * y1 + x1, 2 * y2 + x2]
    return out.view(prompts, masks, 4 * height, 4 * width)
