"""TinyViT for one image at a time, with samwidget's own threads.

Owns the order of the computation and its pieces; ``network`` has the weights, ``sam.linear`` the matrix products.
Called by ``MobileSamSegmenter`` alone. The tokens lie on a grid, a row after the other, with the channels of a token
side by side. On a CPU a piece is a strip of some rows, and goes through all convolutions of a block while it is in the
cache of its core; the rows beside a strip are computed twice, where a convolution reads them. On a GPU there is one
piece.

The tokens are float32 whatever the precision of the layers' weights, and so are patch embedding and neck.
Windows reach beyond the grid; there the official network has tokens of zeros, before the layer norm, which others
attend to. All of them are alike, so their query, key and value are computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samwidget.models.mobile_sam.network import ConvolutionBlock, TinyVit, WindowAttention, WindowBlock
from samwidget.models.pieces import Pieces
from samwidget.models.sam.linear import prepare

# Numbers in the widest layer of a strip, at most: 2 MB.
_NUMBERS_AT_ONCE = 2**19


class TinyVitEncoder:
    """Encodes images; holds no memory beside the weights.

    Args:
        network: its weights are read at each call, on their device; those of its ``layers`` may be float16 or bfloat16.
    """

    def __init__(self, network: TinyVit) -> None:
        self._network = network

    def __call__(self, pixels: Tensor, *, threads: int | None = None) -> Tensor:
        """(1, out channels, h, w) float32 embedding of a (1, 3, 16 h, 16 w) float32 normalised image.

        Args:
            pixels: on the device of the weights.
            threads: as ``thread_count`` takes it; of no effect on a GPU.
        """
        pieces = _Pieces(pixels.device, threads)
        grid = _embed_patches(self._network, pixels, pieces)
        for stage in self._network.stages:
            for block in stage.blocks:
                if isinstance(block, ConvolutionBlock):
                    grid = _convolve(block, grid, pieces, adds=True)
                else:
                    grid = _attend_and_mix(cast("WindowBlock", block), grid, pieces)
            if stage.downsample is not None:
                grid = _convolve(stage.downsample, grid, pieces, adds=False)
        return _neck(self._network, grid, pieces)


class _Pieces(Pieces):
    """How the work on a grid is cut: strips of rows; one piece on a GPU."""

    def strips(self, grid_hw: Sequence[int], channels: int, multiple: int = 1) -> list[slice]:
        """Rows of a grid that are computed together: one piece on a GPU.

        Args:
            grid_hw: height and width.
            channels: in the widest layer.
            multiple: each strip but the last has a multiple of so many rows.
        """
        height, width = grid_hw
        if not self._on_cpu:
            return [slice(0, height)]
        rows = -(-height // multiple)
        # As many strips for each thread, or the last would wait for one of them.
        rounds = -(-height * width * channels // (_NUMBERS_AT_ONCE * self._threads))
        step = multiple * max(1, rows // (rounds * self._threads))
        return [slice(start, min(start + step, height)) for start in range(0, height, step)]


def _embed_patches(network: TinyVit, pixels: Tensor, pieces: _Pieces) -> Tensor:
    """(h, w, C) tokens, one for 4 x 4 pixels."""
    first, second = network.first_layers
    height, width = pixels.shape[2] // 4, pixels.shape[3] // 4
    grid = pixels.new_empty(height, width, second.out_channels)
    planes = pixels[0].permute(1, 2, 0)

    def fill(rows: slice) -> None:
        between = slice(2 * rows.start - 1, 2 * rows.stop)
        inner = slice(max(between.start, 0), between.stop)
        part = _image_of(_with_edges(planes, slice(2 * inner.start - 1, 2 * inner.stop)))
        hidden = F.gelu(F.conv2d(part, first.weight, first.bias, stride=2, padding=(0, 1)))
        hidden = F.pad(hidden, (0, 0, inner.start - between.start, 0))
        grid[rows] = _grid_of(F.conv2d(hidden, second.weight, second.bias, stride=2, padding=(0, 1)))

    pieces.compute(fill, pieces.strips((height, width), 4 * first.out_channels))
    return grid


def _convolve(block: ConvolutionBlock, grid: Tensor, pieces: _Pieces, *, adds: bool) -> Tensor:
    """The grid behind a block of convolutions.

    Args:
        block: a GELU is behind each of its first two convolutions.
        grid: (h, w, C) float32.
        pieces: of the work.
        adds: whether the result is added to the grid, and a GELU follows.
    """
    stride = int(block.conv2.stride[0])
    dtype = block.conv1.weight.dtype
    height, width = grid.shape[0] // stride, grid.shape[1] // stride
    hidden_channels = block.conv1.out_channels
    strips = pieces.strips((height, width), stride**2 * hidden_channels)
    rows_at_once = strips[0].stop
    widen, narrow = pieces.compute(
        lambda layer: prepare(*layer),
        [
            (rows_at_once * stride**2 * width, block.conv1.weight.flatten(1), block.conv1.bias, True),
            (rows_at_once * width, block.conv3.weight.flatten(1), block.conv3.bias, False),
        ],
    )
    out = grid.new_empty(height, width, block.conv3.out_channels)

    def fill(rows: slice) -> None:
        # A strip of the hidden layer, with the rows that the second convolution reads beside it.
        around = slice(stride * rows.start - 1, stride * (rows.stop - 1) + 2)
        inner = slice(max(around.start, 0), min(around.stop, len(grid)))
        hidden = grid.new_empty(around.stop - around.start, grid.shape[1], hidden_channels, dtype=dtype)
        hidden[: inner.start - around.start] = 0
        hidden[len(hidden) - (around.stop - inner.stop) :] = 0
        tokens = grid[inner].flatten(0, 1).to(dtype)
        hidden[inner.start - around.start :][: inner.stop - inner.start] = widen(tokens).view(-1, *hidden.shape[1:])
        mixed = torch.ops.aten.gelu_(_within_channels(block.conv2, hidden))
        tile = narrow(mixed.flatten(0, 1)).view(-1, width, out.shape[2]).float()
        out[rows] = torch.ops.aten.gelu_(tile.add_(grid[rows])) if adds else tile

    pieces.compute(fill, strips)
    return out


def _attend_and_mix(block: WindowBlock, grid: Tensor, pieces: _Pieces) -> Tensor:
    """The grid behind a block with attention; ``grid`` is overwritten."""
    _add_attention(block.attn, grid, pieces)
    mlp = block.mlp
    dtype = mlp.fc1.weight.dtype
    strips = pieces.strips(grid.shape[:2], mlp.fc1.out_features)
    rows_at_once = strips[0].stop * grid.shape[1]
    widen, narrow = pieces.compute(
        lambda layer: prepare(rows_at_once, *layer),
        [(mlp.fc1.weight, mlp.fc1.bias, True), (mlp.fc2.weight, mlp.fc2.bias, False)],
    )
    out = torch.empty_like(grid)

    def fill(rows: slice) -> None:
        tile = _within_channels(block.local_conv, _with_edges(grid, slice(rows.start - 1, rows.stop + 1)))
        hidden = widen(_normalised(tile, mlp.norm).flatten(0, 1).to(dtype))
        out[rows] = tile.add_(narrow(hidden).view(tile.shape))

    pieces.compute(fill, strips)
    return out


def _add_attention(attention: WindowAttention, grid: Tensor, pieces: _Pieces) -> None:
    """Adds to each token of the (h, w, C) grid the attention to the tokens of its window."""
    height, width, channels = grid.shape
    heads, side = attention.heads, attention.window_side
    depth = channels // heads
    dtype = attention.qkv.weight.dtype
    windows = -(-width // side)
    strips = pieces.strips((height, width), 3 * channels, multiple=side)
    rows_at_once = strips[0].stop * width
    project_in, project_out = pieces.compute(
        lambda layer: prepare(rows_at_once, *layer),
        [(attention.qkv.weight, attention.qkv.bias), (attention.proj.weight, attention.proj.bias)],
    )
    bias = _bias(attention).to(dtype)[None]
    padding = F.linear(attention.norm.bias.to(dtype), attention.qkv.weight, attention.qkv.bias)

    def add(rows: slice) -> None:
        tile = grid[rows]
        tokens = _normalised(tile, attention.norm).flatten(0, 1).to(dtype)
        qkv = padding.expand(-(-len(tile) // side) * side, windows * side, -1).clone()
        qkv[: len(tile), :width] = project_in(tokens).view(len(tile), width, -1)
        by_window = qkv.view(-1, side, windows, side, heads, 3, depth).permute(5, 0, 2, 4, 1, 3, 6)
        query, key, value = by_window.reshape(3, -1, heads, side * side, depth)
        # Torch's fused attention on a CPU wants a bias of four dimensions.
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        by_token = attended.view(-1, windows, heads, side, side, depth).permute(0, 3, 1, 4, 2, 5)
        attended_tile = by_token.reshape(-1, windows * side, channels)[: len(tile), :width]
        tile += project_out(attended_tile.reshape(-1, channels)).view(tile.shape)

    pieces.compute(add, strips)


def _bias(attention: WindowAttention) -> Tensor:
    """(heads, side ** 2, side ** 2): what is added to the score of each token with each token of its window."""
    positions = torch.arange(attention.window_side, device=attention.attention_biases.device)
    distances = (positions[:, None] - positions).abs()
    down, across = distances[:, None, :, None], distances[None, :, None, :]
    indices = (attention.window_side * down + across).flatten(2).flatten(0, 1)
    return attention.attention_biases[:, indices]


def _neck(network: TinyVit, grid: Tensor, pieces: _Pieces) -> Tensor:
    """(1, out channels, h, w): a 1 x 1 and a 3 x 3 convolution of the tokens, each with a layer norm."""
    narrow_layer, first_norm, mix_layer, second_norm = network.last_layers
    height, width = grid.shape[:2]
    channels = narrow_layer.out_channels
    strips = pieces.strips((height, width), 9 * channels)
    rows_at_once = strips[0].stop * width
    narrow, mix = pieces.compute(
        lambda weight: prepare(rows_at_once, weight, None),
        # One product for a token and its eight neighbours, which lie side by side.
        [narrow_layer.weight.flatten(1), mix_layer.weight.permute(0, 2, 3, 1).flatten(1)],
    )
    padded = grid.new_zeros(height + 2, width + 2, channels)
    out = grid.new_empty(1, channels, height, width)

    def fill_narrow(rows: slice) -> None:
        tile = _normalised(narrow(grid[rows].flatten(0, 1)), first_norm)
        padded[rows.start + 1 : rows.stop + 1, 1:-1] = tile.view(-1, width, channels)

    def fill_out(rows: slice) -> None:
        neighbours = [padded[rows.start + y : rows.stop + y, x : x + width] for y in range(3) for x in range(3)]
        tile = _normalised(mix(torch.cat(neighbours, dim=-1).flatten(0, 1)), second_norm)
        out[0, :, rows] = tile.view(-1, width, channels).permute(2, 0, 1)

    pieces.compute(fill_narrow, strips)
    pieces.compute(fill_out, strips)
    return out


def _within_channels(convolution: nn.Conv2d, grid: Tensor) -> Tensor:
    """(h', w', C): a 3 x 3 convolution of each channel of an (h, w, C) grid that has the rows beside its own."""
    weight, bias = convolution.weight.to(grid.dtype), cast("Tensor", convolution.bias).to(grid.dtype)
    out = F.conv2d(_image_of(grid), weight, bias, convolution.stride, (0, 1), 1, convolution.groups)
    return _grid_of(out)


def _with_edges(grid: Tensor, rows: slice) -> Tensor:
    """The rows of an (h, w, C) grid; those outside it are zeros."""
    inner = grid[max(rows.start, 0) : rows.stop]
    missing = max(-rows.start, 0), max(rows.stop - len(grid), 0)
    return F.pad(inner, (0, 0, 0, 0, *missing)) if any(missing) else inner


def _image_of(grid: Tensor) -> Tensor:
    """(1, C, h, w) of an (h, w, C) grid, without a copy."""
    return grid.permute(2, 0, 1)[None]


def _grid_of(image: Tensor) -> Tensor:
    """(h, w, C) of a (1, C, h, w) image, without a copy where its channels lie side by side."""
    return image[0].permute(1, 2, 0)


def _normalised(tokens: Tensor, norm: nn.LayerNorm) -> Tensor:
    """The (..., C) float32 tokens after a layer norm over their channels, whose weights may be of another precision."""
    return F.layer_norm(tokens, tokens.shape[-1:], norm.weight.float(), norm.bias.float(), norm.eps)
