"""The end of SAM's mask decoder: the image tokens to four times their resolution, and logits from them.

A 2 x 2 transposed convolution of stride 2 is a matrix product that makes four sub-pixels of each pixel. They stay
beside each other through both of them, and only the finished logits are put in place. The first product acts on the
low-rank stream (``sam_stream``), whose maps it shares.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from samwidget.models.sam.low_rank import Buffers, Stream

# Image tokens that pass through the layers together: their 2 MB of sub-pixels stay in the processor's cache.
_PIXELS_AT_ONCE_CPU = 1024


class Upscaler:
    """The up-scaling of a decoder, from the weights of transformers' ``SamMaskDecoder``.

    Args:
        decoder: with two 2 x 2 transposed convolutions of stride 2, a layer norm between them and exact GELUs.
        device: where it is used.
    """

    def __init__(self, decoder: Any, device: torch.device) -> None:
        first, self._norm, second = decoder.upscale_conv1, decoder.upscale_layer_norm, decoder.upscale_conv2
        self.first_weight = first.weight.detach().to("cpu", torch.float64).permute(2, 3, 1, 0).flatten(0, 2)
        self._first_weight = self.first_weight.to(device, torch.float32).T.contiguous()
        self._first_bias = first.bias.detach().repeat(4)
        self._second_weight = second.weight.detach().permute(0, 2, 3, 1).flatten(1).contiguous()
        self._second_bias = second.bias.detach().repeat(4)
        self._channels = (first.out_channels, second.out_channels)

    def logits(self, stream: Stream, hyper: Tensor, buffers: Buffers, out: Tensor) -> None:
        """Fills (b, N, 4 h, 4 w) float32 ``out`` with logits.

        Args:
            stream: b prompts' image tokens after the last layer.
            hyper: (b, N, C2), one vector for each mask that is asked for.
            buffers: memory.
            out: contiguous; h and w are the sides of the grid of image tokens.
        """
        prompts, masks, last = hyper.shape
        wide = self._channels[0]
        height, width = out.shape[2] // 4, out.shape[3] // 4
        pixels = height * width
        tile = _PIXELS_AT_ONCE_CPU if hyper.device.type == "cpu" else pixels
        # The vectors of each of the four sub-sub-pixels below one another: one product instead of four.
        vectors = torch.einsum("pnc,st->psntc", hyper, torch.eye(4, device=hyper.device)).flatten(3).flatten(1, 2)
        coefficients = stream.finish(self._first_weight, self._first_bias)
        logits = buffers.take("logits", (prompts, 4 * masks, 4 * pixels), hyper)
        for start in range(0, pixels, tile):
            some = slice(start, min(start + tile, pixels))
            count = some.stop - some.start
            once = buffers.take("once", (prompts, count, 4 * wide), hyper)
            twice = buffers.take("twice", (prompts * 4 * count, 4 * last), hyper)
            stream.up_scaled(coefficients, some, once)
            normed = F.layer_norm(once.view(-1, wide), (wide,), self._norm.weight, self._norm.bias, self._norm.eps)
            torch.addmm(self._second_bias, torch.ops.aten.gelu_(normed), self._second_weight, out=twice)
            grouped = torch.ops.aten.gelu_(twice).view(prompts, 4 * count, 4 * last)
            torch.bmm(vectors, grouped.transpose(1, 2), out=logits[:, :, 4 * some.start : 4 * some.stop])
        _put_in_place(logits.view(prompts, 2, 2, masks, height, width, 2, 2), out)


def _put_in_place(logits: Tensor, out: Tensor) -> None:
    """Fills (b, N, 4 h, 4 w) from (b, y2, x2, N, h, w, y1, x1), by sub-pixel, the second's before the first's."""
    prompts, _, _, masks, height, width, _, _ = logits.shape
    places = out.view(prompts, masks, height, 2, 2, width, 2, 2)
    # Two sub-pixels at a time, which is twice as fast as a permuted copy of all.
    for y1, y2, x2 in product(range(2), repeat=3):
        places[:, :, :, y1, y2, :, :, x2] = logits[:, y2, x2, :, :, :, y1]
