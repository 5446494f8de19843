"""The end of SAM's mask decoder: the image tokens at four times their resolution, and the logits made from them.

Replaces ``upscale_conv1`` to ``upscale_conv2`` of transformers' ``SamMaskDecoder``, and the product of their result
with the vectors of the hypernetworks (``hyper_in``). A transposed convolution of kernel 2 x 2 and stride 2 is a matrix
product: it turns the C channels of a pixel into a square of 2 x 2 sub-pixels with fewer channels each. Sub-pixels stay
beside each other in memory through both convolutions; only the finished logits, a few numbers a pixel, are moved to
their positions in the image. The first product acts on the low-rank image tokens, so most of it is done once per image
(``low_rank``). Successors of SAM add finer maps of the image to the results of both convolutions (``details``).
``SamDecoder`` is the only caller.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from samwidget.models.sam.linear import prepare
from samwidget.models.sam.low_rank import ImageTokenBlock, LowRankImageTokens
from samwidget.models.sam.workspace import Workspace

if TYPE_CHECKING:
    from transformers.models.sam.modeling_sam import SamMaskDecoder

# Image tokens that pass through the layers together: their 3 MB of sub-pixels stay in the processor's cache.
_TILE_CPU = 1024


class Upscaler:
    """The up-scaling layers of a decoder.

    Args:
        decoder: with two 2 x 2 transposed convolutions of stride 2, a layer norm between them and exact GELUs.
        device: where they are used.

    Attributes:
        first_weight: (4 C1, C) float64 on the CPU, ``upscale_conv1`` as a matrix, where C1 are its output channels;
            rows by sub-pixel (y, then x), then by channel. The mean over the channels is subtracted already, as the
            layer norm behind it does.
    """

    def __init__(self, decoder: SamMaskDecoder, device: torch.device) -> None:
        first, self._norm, second = decoder.upscale_conv1, decoder.upscale_layer_norm, decoder.upscale_conv2
        weight = first.weight.detach().to("cpu", torch.float64).permute(2, 3, 1, 0).flatten(0, 1)
        self.first_weight = (weight - weight.mean(1, keepdim=True)).flatten(0, 1)
        self._first_weight = self.first_weight.to(device, torch.float32).T.contiguous()
        first_bias = _bias(first)
        self._first_bias = (first_bias - first_bias.mean()).repeat(4)
        weight = second.weight.detach().permute(2, 3, 1, 0).flatten(0, 2)
        self._second = prepare(4 * _TILE_CPU, weight, _bias(second).repeat(4), gelu=True)
        self._second_weight, self._second_bias = weight.T.contiguous(), _bias(second)
        self._channels = (first.out_channels, second.out_channels)

    def details(self, finer: Tensor, finest: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of an image in the order of this module's sub-pixels, as ``ImageProducts.details`` has them.

        Returns (M, 4 C1), to be added to the result of the first convolution, with the mean over the channels
        subtracted; and (M, 16 C2), to be added to that of the second, with its bias.

        Args:
            finer: (C1, 2 h, 2 w) float32.
            finest: (C2, 4 h, 4 w) float32.
        """
        channels_1, channels_2 = self._channels
        height, width = finer.shape[1] // 2, finer.shape[2] // 2
        first = (finer - finer.mean(0)).view(channels_1, height, 2, width, 2).permute(1, 3, 2, 4, 0)
        second = finest.view(channels_2, height, 2, 2, width, 2, 2).permute(1, 4, 2, 5, 3, 6, 0) + self._second_bias
        return first.reshape(height * width, -1), second.reshape(height * width, -1)

    def fill_logits(
        self,
        image_tokens: LowRankImageTokens,
        hyper_in: Tensor,
        workspace: Workspace,
        out: Tensor,
        upscaled: Tensor | None = None,
    ) -> Callable[[ImageTokenBlock], None]:
        """What is to be done with each block of image tokens, so that (P, N, 4 h, 4 w) float32 ``out`` has the logits.

        Args:
            image_tokens: of P prompts, after the last layer; they can be used no more afterwards.
            hyper_in: (P, N, C2), the vector of each wanted mask; C2 are the output channels of ``upscale_conv2``.
            workspace: memory.
            out: contiguous; h and w are the sides of the grid of image tokens.
            upscaled: (P, 4 h, 4 w, C2), filled with the up-scaled image tokens; None where nobody needs them.
        """
        left = image_tokens.times_left(self._first_weight)
        left[:, -1] += self._first_bias
        width = out.shape[3] // 4

        def fill_block(block: ImageTokenBlock) -> None:
            part = block.prompts
            rows = slice(4 * (block.columns.start // width), 4 * (block.columns.stop // width))
            upscaled_part = None if upscaled is None else upscaled[part, rows]
            self._fill_block(block, left[part], hyper_in[part], workspace, out[part, :, rows], upscaled_part)

        return fill_block

    def _fill_block(
        self,
        block: ImageTokenBlock,
        left: Tensor,
        hyper_in: Tensor,
        workspace: Workspace,
        out: Tensor,
        upscaled: Tensor | None,
    ) -> None:
        """Fills the (b, N, rows, 4 w) ``out`` of a block; arguments as those of ``fill_logits``, for its prompts."""
        prompts, masks, channels_2 = hyper_in.shape
        channels_1 = self._channels[0]
        width = out.shape[3] // 4
        height = out.shape[2] // 4
        rows_in_tile = max(1, _TILE_CPU // width) if hyper_in.device.type == "cpu" else height
        block.scale_right()
        for start in range(0, height, rows_in_tile):
            stop = min(start + rows_in_tile, height)
            tile = slice(start * width, stop * width)
            count = tile.stop - tile.start
            first = workspace.take("upscaled 2x", (prompts, count, 4 * channels_1), hyper_in)
            logits = workspace.take("logits", (prompts, masks, 16 * count), hyper_in)
            block.fill_upscaled(left, tile, first)
            rows = first.view(-1, channels_1)
            normalise_centred(rows, self._norm)
            detail = block.second_detail(tile)
            by_pixel = self._second_layer(torch.ops.aten.gelu_(rows), detail).view(prompts, 16 * count, channels_2)
            torch.bmm(hyper_in, by_pixel.transpose(1, 2), out=logits)
            _fill_image(logits.view(prompts, masks, -1, width, 2, 2, 2, 2), out[:, :, 4 * start : 4 * stop])
            if upscaled is not None:
                # From (b, h, w, y1, x1, y2, x2, C2), as in ``_fill_image``.
                by_sub_pixel = by_pixel.view(prompts, -1, width, 2, 2, 2, 2, channels_2)
                rows_out = upscaled[:, 4 * start : 4 * stop].view(prompts, -1, 2, 2, width, 2, 2, channels_2)
                rows_out.copy_(by_sub_pixel.permute(0, 1, 3, 5, 2, 4, 6, 7))

    def _second_layer(self, rows: Tensor, detail: Tensor | None) -> Tensor:
        """(b 4 n, 4 C2): the second convolution of n image tokens for b prompts, and GELU.

        Args:
            rows: (b 4 n, C1).
            detail: (n, 16 C2), which has the bias; None where nothing but the bias is to be added.
        """
        if detail is None:
            return self._second(rows)
        detail = detail.view(1, -1, self._second_weight.shape[1])
        by_prompt = rows.view(-1, detail.shape[1], rows.shape[1])
        weight = self._second_weight.expand(len(by_prompt), -1, -1)
        added: Tensor = torch.ops.aten.gelu_(torch.baddbmm(detail, by_prompt, weight))
        return added


def normalise_centred(rows: Tensor, norm: torch.nn.LayerNorm) -> Tensor:
    """The layer norm of (..., C) rows whose mean is zero, in place. Torch's own takes twice as long for short rows."""
    lengths = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    rows.mul_(lengths.square_().div_(rows.shape[-1]).add_(norm.eps).rsqrt_())
    return torch.addcmul(norm.bias, rows, norm.weight, out=rows)


def _bias(convolution: torch.nn.ConvTranspose2d) -> Tensor:
    assert convolution.bias is not None, "SAM's convolutions have a bias"
    return convolution.bias.detach()


def _fill_image(logits: Tensor, out: Tensor) -> None:
    """Fills (b, N, 4 h, 4 w) from (b, N, h, w, y1, x1, y2, x2); y1 and x1 are the first convolution's sub-pixel."""
    prompts, masks, height, width = logits.shape[:4]
    # The pairs of x2 are neighbours before and after, so they are moved as numbers of twice the size.
    pairs = logits.view(torch.int64)[..., 0]
    by_sub_pixel = out.view(torch.int64).view(prompts, masks, height, 2, 2, width, 2)
    for y1, y2 in product(range(2), repeat=2):
        by_sub_pixel[:, :, :, y1, y2] = pairs[:, :, :, :, y1, :, y2]
