"""SAM 2's image encoder for one image at a time: the same sums as transformers' ``Sam2VisionModel``, in another order.

Hiera is a vision transformer of four stages; each halves the sides of the grid of tokens and doubles the channels. Most
blocks attend within windows, a few globally. Owns the order of the computation and its pieces; ``sam.linear`` computes
the matrix products, with the model's own weights. ``Sam2Segmenter`` is the only caller. What is different:

- On a CPU a piece is some windows of a block. It goes through the whole block, attention and MLP, while it is in the
  cache of its core, since nothing in the block reads other windows. Threads of our own share the pieces.
- Windows of 14 x 14 do not divide 64 x 64 tokens. Only real tokens are projected: those that fill up a window are zero,
  so their query, key and value are the bias.
- Transformers computes attention weights that it does not use, and positions that no decoder reads. They are left out.
- The finest map is 67 MB before the mask decoder's own convolution. Both are computed tile by tile.
- The tokens, to which every block adds, are float32 whatever the precision of the blocks' weights, and so are patch
  embedding and neck.

On a GPU each step is one piece. Symbols: a grid of h x w tokens with C channels, H heads of d channels.
Papers: Ryali et al., Hiera, https://arxiv.org/abs/2306.00989; Ravi et al., SAM 2, https://arxiv.org/abs/2408.00714.
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samwidget.models.pieces import Pieces
from samwidget.models.sam.linear import Linear, prepare
from samwidget.models.threads import one_thread

# Tokens in a piece, about; so many pieces for each thread at least, where the grid is small.
_TOKENS_AT_ONCE = 512
_PIECES_A_THREAD = 4
# Pieces of global attention for each head.
_PIECES_OF_A_HEAD = 4
_KNOWN_LAYERS = (nn.Conv2d, nn.LayerNorm, nn.Linear, nn.ModuleList, nn.GELU)


def reason_not_covered(model: Any) -> str:
    """Why this module cannot compute the encoder of ``model``, as half a sentence; empty where it can."""
    encoder = model.vision_encoder
    backbone: Any = getattr(encoder, "backbone", None)
    if type(encoder).__name__ != "Sam2VisionModel" or type(backbone).__name__ != "Sam2HieraDetModel":
        return "samwidget has no encoder of its own for this family"
    for name, module in encoder.named_modules():
        # Adapters and quantisation replace layers by their own classes.
        if not type(module).__module__.startswith("transformers.") and type(module) not in _KNOWN_LAYERS:
            return f"vision_encoder.{name} is a {type(module).__module__}.{type(module).__name__}"
        if module._forward_hooks or module._forward_pre_hooks:
            return f"vision_encoder.{name} has hooks"
    for index, block in enumerate(backbone.blocks):
        if not block.window_size and (block.query_stride or hasattr(block, "proj")):
            return f"block {index} is global and changes the grid"
        if block.query_stride and (tuple(block.query_stride) != (2, 2) or block.window_size % 2):
            return f"block {index} pools other than 2 x 2 tokens"
        if not _is_exact_gelu(block.mlp.activation) or block.mlp.num_layers != 2:
            return f"block {index} has another MLP"
    neck = encoder.neck
    if any(convolution.kernel_size != (1, 1) for convolution in neck.convs) or {0, 1} & set(neck.fpn_top_down_levels):
        return "its neck is not that of SAM 2"
    return "" if len(neck.convs) == len(backbone.stage_ends) >= 3 else "its neck has other levels"


class Sam2Encoder:
    """Encodes images; holds no memory beside the weights.

    Args:
        model: for which ``reason_not_covered`` is empty. Its weights are read at each call, on their device; those of
            the encoder's blocks may be float16 or bfloat16.
    """

    def __init__(self, model: Any) -> None:
        self._backbone, self._neck = model.vision_encoder.backbone, model.vision_encoder.neck
        self._decoder = model.mask_decoder

    def __call__(self, pixels: Tensor, *, threads: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Maps of a (1, 3, S, S) float32 normalised image, float32, from fine to coarse.

        (1, 32, S / 4, S / 4) and (1, 64, S / 8, S / 8), behind the mask decoder's convolutions of them, and
        (1, 256, S / 16, S / 16), for SAM 2.

        Args:
            pixels: on the device of the weights.
            threads: as ``thread_count`` takes it; of no effect on a GPU.
        """
        pieces = _Pieces(pixels.device, threads)
        grid = self._embed_patches(pixels, pieces)
        stages = []
        for index, block in enumerate(self._backbone.blocks):
            add = _with_windows if block.window_size else _with_global_attention
            grid = add(block, grid, pieces)
            if index in self._backbone.stage_ends:
                # The next block writes another grid, since it changes the channels.
                stages.append(grid)
        return self._maps(stages, pieces)

    def _embed_patches(self, pixels: Tensor, pieces: _Pieces) -> Tensor:
        """(h, w, C) float32 tokens: overlapping patches of the image, projected, with the embedding of the position."""
        projection = self._backbone.patch_embed.projection
        stride, padding, kernel = projection.stride[0], projection.padding[0], projection.kernel_size[0]
        padded = F.pad(pixels, (padding,) * 4)
        height, width = ((side - kernel) // stride + 1 for side in padded.shape[2:])
        with one_thread():
            positions = self._backbone._get_pos_embed((height, width))[0]
        grid = pixels.new_empty(height, width, projection.out_channels)

        def fill(rows: slice) -> None:
            region = padded[:, :, rows.start * stride : (rows.stop - 1) * stride + kernel]
            patches = F.conv2d(region, projection.weight, projection.bias, stride)[0].permute(1, 2, 0)
            torch.add(patches, positions[rows], out=grid[rows])

        pieces.compute(fill, pieces.strips(height, width))
        return grid

    def _maps(self, stages: list[Tensor], pieces: _Pieces) -> tuple[Tensor, Tensor, Tensor]:
        """The three maps of the stages' (h, w, C) tokens: each stage projected, from below one added to the next."""
        convolutions = list(self._neck.convs)[::-1]  # from fine to coarse, as the stages
        below: Tensor | None = None
        for index in range(len(stages) - 1, 1, -1):
            projected = stages[index].new_empty(*stages[index].shape[:2], convolutions[index].out_channels)
            added = below if index in self._neck.fpn_top_down_levels else None
            _project(stages[index], [convolutions[index]], projected, pieces, added)
            below = projected
        assert below is not None, "there are three stages or more"
        finer = []
        for stage, convolution, last in zip(
            stages, convolutions, (self._decoder.conv_s0, self._decoder.conv_s1), strict=False
        ):
            grid = stage.new_empty(*stage.shape[:2], last.out_channels)
            _project(stage, [convolution, last], grid, pieces)
            finer.append(grid)
        finest, middle, coarse = (grid.permute(2, 0, 1)[None].contiguous() for grid in (*finer, below))
        return finest, middle, coarse


class _Pieces(Pieces):
    """How the work is cut; on a GPU there is one piece."""

    def strips(self, height: int, width: int) -> list[slice]:
        """Rows of a grid that are computed together."""
        return _cut(height, self._count(height * width))

    def windows(self, down: int, across: int, side: int) -> list[tuple[slice, slice]]:
        """Windows, counted from the top and from the left, that are computed together.

        Args:
            down: the number of windows below each other.
            across: the number of windows beside each other.
            side: of a window, in tokens.
        """
        if not self._on_cpu:
            return [(slice(0, down), slice(0, across))]
        in_a_row = -(-self._count(down * across * side**2) // down)
        return list(product(_cut(down, down), _cut(across, in_a_row)))

    def heads(self, heads: int, count: int) -> list[tuple[slice, slice]]:
        """Heads and tokens whose global attention is computed together."""
        if not self._on_cpu:
            return [(slice(0, heads), slice(0, count))]
        return list(product(_cut(heads, heads), _cut(count, _PIECES_OF_A_HEAD)))

    def prepare(self, *layers: tuple[Tensor, Tensor | None] | tuple[Tensor, Tensor | None, bool]) -> list[Linear]:
        """The linear layers, given as ``linear.prepare`` takes them: weight, bias, with GELU."""
        return self.compute(lambda layer: prepare(_TOKENS_AT_ONCE, *layer), layers)

    def _count(self, tokens: int) -> int:
        """The number of pieces for so many tokens."""
        return max(-(-tokens // _TOKENS_AT_ONCE), _PIECES_A_THREAD * self._threads) if self._on_cpu else 1


def _with_windows(block: Any, grid: Tensor, pieces: _Pieces) -> Tensor:
    """The (h, w, C) float32 grid behind a block that attends within windows; a grid of its own where the block pools.

    Args:
        block: a ``Sam2MultiScaleBlock``.
        grid: overwritten where the block changes neither sides nor channels.
        pieces: that compute.
    """
    attention, side = block.attn, int(block.window_size)
    height, width, channels = grid.shape
    stride = 2 if block.query_stride else 1
    changes = hasattr(block, "proj")
    dtype = attention.qkv.weight.dtype
    project_in, *shortcut, project_out, widen, narrow = pieces.prepare(
        (attention.qkv.weight, attention.qkv.bias),
        *([(block.proj.weight, block.proj.bias)] if changes else []),
        *_rest(block),
    )
    shape = height // stride, width // stride, attention.proj.out_features
    out = grid.new_empty(shape) if changes or stride > 1 else grid
    padding = attention.qkv.bias

    def fill(windows: tuple[slice, slice]) -> None:
        down, across = windows
        rows = slice(down.start * side, min(down.stop * side, height))
        columns = slice(across.start * side, min(across.stop * side, width))
        region = grid[rows, columns]
        hw = region.shape[:2]
        normalised = _normalised(region.reshape(-1, channels), block.layer_norm1).to(dtype)
        before = shortcut[0](normalised).float().view(*hw, -1) if shortcut else region
        qkv = project_in(normalised).view(*hw, -1)
        windows_hw = (down.stop - down.start) * side, (across.stop - across.start) * side
        if hw != windows_hw:
            padded = padding.expand(*windows_hw, -1).clone()
            padded[: hw[0], : hw[1]] = qkv
            qkv = padded
        attended = _attend_in_windows(qkv, int(attention.num_attention_heads), side, stride)
        if stride > 1:
            before = _pooled(before)
        tile_hw = before.shape[:2]
        tile = before.reshape(-1, shape[2]) + project_out(attended[: tile_hw[0], : tile_hw[1]].reshape(-1, shape[2]))
        tile += narrow(widen(_normalised(tile, block.layer_norm2).to(dtype)))
        top, left = rows.start // stride, columns.start // stride
        out[top : top + tile_hw[0], left : left + tile_hw[1]] = tile.view(*tile_hw, -1)

    pieces.compute(fill, pieces.windows(-(-height // side), -(-width // side), side))
    return out


def _attend_in_windows(qkv: Tensor, heads: int, side: int, stride: int) -> Tensor:
    """(rows / stride, columns / stride, H d) attention within each window.

    Args:
        qkv: (rows, columns, 3 H d), whole windows.
        heads: H.
        side: of a window.
        stride: 2 where the largest of 2 x 2 queries is taken.
    """
    down, across = qkv.shape[0] // side, qkv.shape[1] // side
    by_window = qkv.view(down, side, across, side, 3, heads, -1).permute(4, 0, 2, 5, 1, 3, 6)
    query, key, value = by_window.reshape(3, down * across, heads, side * side, -1)
    if stride > 1:
        query = _pooled(query.unflatten(2, (side, side))).flatten(2, 3)
        side //= 2
    attended = F.scaled_dot_product_attention(query, key, value)
    by_token = attended.view(down, across, heads, side, side, -1).permute(0, 3, 1, 4, 2, 5)
    return by_token.reshape(down * side, across * side, -1)


def _with_global_attention(block: Any, grid: Tensor, pieces: _Pieces) -> Tensor:
    """The (h, w, C) float32 grid behind a block that attends to all tokens; ``grid`` is overwritten."""
    attention = block.attn
    height, width, channels = grid.shape
    tokens = grid.view(-1, channels)
    dtype, heads = attention.qkv.weight.dtype, int(attention.num_attention_heads)
    project_in, project_out, widen, narrow = pieces.prepare((attention.qkv.weight, attention.qkv.bias), *_rest(block))
    qkv = tokens.new_empty((3, heads, len(tokens), channels // heads), dtype=dtype)
    attended = qkv.new_empty((len(tokens), heads, channels // heads))

    def part_of(rows: slice) -> slice:
        return slice(rows.start * width, rows.stop * width)

    def fill_qkv(rows: slice) -> None:
        part = part_of(rows)
        by_token = project_in(_normalised(tokens[part], block.layer_norm1).to(dtype)).view(-1, 3, heads, qkv.shape[-1])
        qkv[:, :, part] = by_token.permute(1, 2, 0, 3)

    def attend(piece: tuple[slice, slice]) -> None:
        head, part = piece
        query, key, value = qkv[:, None, head]
        attended[part, head] = F.scaled_dot_product_attention(query[:, :, part], key, value)[0].transpose(0, 1)

    def add_rest(rows: slice) -> None:
        tile = tokens[part_of(rows)]
        tile += project_out(attended[part_of(rows)].flatten(1))
        tile += narrow(widen(_normalised(tile, block.layer_norm2).to(dtype)))

    strips = pieces.strips(height, width)
    pieces.compute(fill_qkv, strips)
    pieces.compute(attend, pieces.heads(heads, len(tokens)))
    pieces.compute(add_rest, strips)
    return grid


def _rest(block: Any) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor, bool], tuple[Tensor, Tensor]]:
    """The linear layers of a block behind its attention: weight, bias, and whether GELU follows."""
    project, widen, narrow = block.attn.proj, block.mlp.proj_in, block.mlp.proj_out
    return (project.weight, project.bias), (widen.weight, widen.bias, True), (narrow.weight, narrow.bias)


def _project(
    grid: Tensor, convolutions: list[nn.Conv2d], out: Tensor, pieces: _Pieces, below: Tensor | None = None
) -> None:
    """Fills the (h, w, D) ``out`` with an (h, w, C) grid behind 1 x 1 convolutions.

    Args:
        grid: float32.
        convolutions: one after the other.
        out: float32.
        pieces: that compute.
        below: (h / 2, w / 2, D), of which each token is added to four of ``out``; None for nothing.
    """
    layers = pieces.prepare(*((convolution.weight.flatten(1), convolution.bias) for convolution in convolutions))
    height, width = grid.shape[:2]

    def fill(rows: slice) -> None:
        tile = grid[rows].flatten(0, 1)
        for layer in layers:
            tile = layer(tile)
        out[rows] = tile.view(-1, width, out.shape[2])
        if below is not None:
            half = [torch.arange(part.start, part.stop, device=out.device) // 2 for part in (rows, slice(0, width))]
            out[rows] += below[half[0][:, None], half[1]]

    pieces.compute(fill, pieces.strips(height, width))


def _pooled(tile: Tensor) -> Tensor:
    """(..., h / 2, w / 2, C) of an (..., h, w, C) tile: the largest of each 2 x 2 tokens, channel by channel."""
    height, width = tile.shape[-3] // 2 * 2, tile.shape[-2] // 2 * 2
    upper, lower = (tile[..., start:height:2, :width, :] for start in range(2))
    largest = torch.maximum(upper, lower)  # ``amax`` takes ten times as long
    return torch.maximum(largest[..., 0::2, :], largest[..., 1::2, :])


def _cut(length: int, count: int) -> list[slice]:
    """At most ``count`` slices of about equal length, which together are ``length`` long."""
    count = min(length, count)
    ends = [length * index // count for index in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(ends)]


def _normalised(tokens: Tensor, norm: nn.LayerNorm) -> Tensor:
    """The (n, C) float32 tokens after a layer norm over their channels, whose weights may be of another precision."""
    return F.layer_norm(tokens, tokens.shape[-1:], norm.weight.float(), norm.bias.float(), norm.eps)


def _is_exact_gelu(activation: nn.Module) -> bool:
    # The "gelu" of transformers is a class of its own around torch's function.
    return type(activation).__name__ in ("GELU", "GELUActivation") and getattr(activation, "act", F.gelu) is F.gelu
