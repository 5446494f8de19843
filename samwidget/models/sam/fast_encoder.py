"""SAM's image encoder, restructured for one image: the weights and the answers of transformers' ``SamVisionEncoder``.

Owns the order in which the same sums are done; nothing is converted or approximated.

- Windows of 14 x 14 do not divide 64 x 64 tokens, and the padding makes 4900 of 4096. Only real tokens are projected:
  a padded one is zero, so its query, key and value are the bias.
- The bias for relative positions, 4096 x 4096 numbers a head, is made a block of rows at a time, and the scores are
  added to it, instead of being written out whole.
- Norms, projections and the MLP run tile by tile, so that the MLP's four times wider layer stays in the processor's
  cache.

The same code runs on CUDA and MPS in the encoder's precision, with all heads of a block at once; it has not been run
on a GPU.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samwidget.models.sam.low_rank import Buffers

# On two CPU cores blocks of 256 to 1024 rows of one head were equally fast; 256 rows of bias are 4 MB.
_ROWS_AT_ONCE = 256
# The tile's wide layer is 6 MB for ViT-B.
_TOKENS_AT_ONCE = 512
# Windows whose attention runs together: a window's bias is 1.8 MB for ViT-B.
_WINDOWS_AT_ONCE_CPU = 5


def reason_not_covered(model: Any) -> str:
    """Why the encoder of a transformers ``SamModel`` cannot be computed here; empty where it can."""
    encoder = model.vision_encoder
    if type(encoder).__name__ != "SamVisionEncoder":
        return f"its encoder is a {type(encoder).__name__}"
    for name, module in encoder.named_modules():
        # Adapters and quantisation replace layers by their own.
        if type(module) in (nn.Conv2d, nn.LayerNorm, nn.Linear, nn.ModuleList, nn.Dropout, nn.ReLU, nn.GELU):
            pass
        elif not type(module).__module__.startswith("transformers."):
            return f"vision_encoder.{name} is a {type(module).__module__}.{type(module).__name__}"
        if module._forward_hooks or module._forward_pre_hooks:
            return f"vision_encoder.{name} has hooks"
    projection = encoder.patch_embed.projection
    if projection.kernel_size != projection.stride or projection.kernel_size[0] != projection.kernel_size[1]:
        return "its patches overlap or are not square"
    side = encoder.patch_embed.image_size[0] // projection.kernel_size[0]
    for index, layer in enumerate(encoder.layers):
        across = layer.window_size or side
        table = getattr(layer.attn, "rel_pos_h", None)
        if table is not None and (len(table) != 2 * across - 1 or len(layer.attn.rel_pos_w) != 2 * across - 1):
            return f"layer {index} has relative positions of another size"
    return ""


class SamEncoder:
    """Encodes one image at a time. Its buffers are used again, its answers are fresh.

    Args:
        encoder: transformers' ``SamVisionEncoder``; its weights are read at each call, wherever they are.
    """

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self._buffers = Buffers()

    @property
    def byte_count(self) -> int:
        """Bytes held beside the weights; 170 MB for ViT-B in float32."""
        return self._buffers.byte_count

    def __call__(self, pixels: Tensor) -> Tensor:
        """(1, output channels, h, w) embedding of (1, 3, H, W) normalised pixels."""
        patches = self._encoder.patch_embed(pixels)
        if self._encoder.pos_embed is not None:
            patches = patches + self._encoder.pos_embed
        height, width, channels = patches.shape[1:]
        # A tensor of its own, since everything from here on is added in place; in this order, or each norm copies it.
        tokens = patches.reshape(-1, channels).clone(memory_format=torch.contiguous_format)
        for layer in self._encoder.layers:
            if layer.window_size:
                read = self._windowed(layer, tokens, (height, width))
            else:
                read = self._global(layer, tokens, (height, width))
            tokens.addmm_(read, layer.attn.proj.weight.T).add_(layer.attn.proj.bias)
            self._mlp(layer, tokens)
        embedding: Tensor = self._encoder.neck(tokens.view(1, height, width, channels))
        return embedding

    def _projected(self, layer: Any, tokens: Tensor, count: int) -> Tensor:
        """(M, 3, H, d) queries, keys and values."""
        linear = layer.attn.qkv
        out = self._buffers.take("qkv", (len(tokens), linear.out_features), tokens)
        for start in range(0, len(tokens), _TOKENS_AT_ONCE):
            some = slice(start, start + _TOKENS_AT_ONCE)
            normalised = layer.layer_norm1(tokens[some])
            if linear.bias is None:
                torch.mm(normalised, linear.weight.T, out=out[some])
            else:
                torch.addmm(linear.bias, normalised, linear.weight.T, out=out[some])
        return out.view(len(tokens), 3, count, -1)

    def _global(self, layer: Any, tokens: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """(M, C): attention of all tokens to all, before its projection."""
        height, width = size_hw
        heads = int(layer.attn.num_attention_heads)
        apart = self._projected(layer, tokens, heads)
        depth = apart.shape[-1]
        qkv = self._buffers.take("heads", (3, heads, height * width, depth), tokens)
        qkv.copy_(apart.permute(1, 2, 0, 3))
        out = self._buffers.take("read", (height * width, heads, depth), tokens)
        on_cpu = tokens.device.type == "cpu"
        heads_at_once = 1 if on_cpu else heads
        rows = max(1, _ROWS_AT_ONCE // width)
        for first in range(0, heads, heads_at_once):
            some = slice(first, first + heads_at_once)
            query, key, value = qkv[:, None, some]
            shares = self._shares(layer.attn, query[0], (height, width))
            for top in range(0, height, rows):
                block = slice(top * width, (top + rows) * width)
                bias = None
                if shares is not None:
                    bias = self._bias(shares[0][:, top : top + rows], shares[1][:, top : top + rows])
                if on_cpu and bias is not None:
                    self._attend(query[0, 0, block], key[0, 0], value[0, 0], bias[0, 0], out[block, first])
                else:
                    read = F.scaled_dot_product_attention(query[:, :, block], key, value, attn_mask=bias)
                    out[block, some] = read[0].transpose(0, 1)
        return out.view(height * width, -1)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor, out: Tensor) -> None:
        """Attention of (m, d) queries in (m, d) ``out``, over the bias; on a CPU a fifth quicker than the fused one."""
        scores = bias.addmm_(query, key.T, alpha=query.shape[1] ** -0.5)
        weights = torch.softmax(scores, -1, out=self._buffers.take("weights", tuple(scores.shape), scores))
        torch.mm(weights, value, out=out)

    def _windowed(self, layer: Any, tokens: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """(M, C): attention inside windows, before its projection."""
        height, width = size_hw
        side = int(layer.window_size)
        down, across = -(-height // side), -(-width // side)
        heads = int(layer.attn.num_attention_heads)
        apart = self._projected(layer, tokens, heads)
        depth = apart.shape[-1]
        windows = self._buffers.take("windows", (3, down, across, heads, side, side, depth), tokens)
        linear = layer.attn.qkv
        if down * side > height or across * side > width:
            padding = 0 if linear.bias is None else linear.bias.view(3, 1, heads, 1, 1, depth)
            windows[:, down - 1] = padding
            windows[:, :, across - 1] = padding
        grid = apart.view(height, width, 3, heads, depth)
        regions = _regions(height, width, side)
        for (y, x), (wy, wx, h, w) in regions:
            part = _by_window(grid[y, x], h, w)
            windows[:, wy, wx, :, :h, :w] = part.permute(4, 0, 2, 5, 1, 3, 6)

        query, key, value = windows.view(3, down * across, heads, side * side, depth)
        read = self._buffers.take("windows read", (down * across, heads, side * side, depth), tokens)
        at_once = _WINDOWS_AT_ONCE_CPU if tokens.device.type == "cpu" else down * across
        for first in range(0, down * across, at_once):
            some = slice(first, first + at_once)
            shares = self._shares(layer.attn, query[some].flatten(0, 1), (side, side))
            bias = None
            if shares is not None:
                bias = self._bias(*shares).view(-1, heads, side * side, side * side)
            read[some] = F.scaled_dot_product_attention(query[some], key[some], value[some], attn_mask=bias)

        out = self._buffers.take("read", (height, width, heads, depth), tokens)
        by_window = read.view(down, across, heads, side, side, depth)
        for (y, x), (wy, wx, h, w) in regions:
            part = by_window[wy, wx, :, :h, :w].permute(0, 3, 1, 4, 2, 5)
            _by_window(out[y, x], h, w).copy_(part)
        return out.view(height * width, -1)

    def _shares(self, attention: Any, queries: Tensor, size_hw: tuple[int, int]) -> tuple[Tensor, Tensor] | None:
        """(B, h, w, h) and (B, h, w, w) shares of the bias by the keys' rows and columns; None without a bias.

        Args:
            attention: of a layer.
            queries: (B, h w, d), contiguous.
            size_hw: h and w.
        """
        if not attention.use_rel_pos:
            return None
        height, width = size_hw
        # Each query with all distances, of which its own row or column of keys then are a stretch: for a query one
        # further on it begins one earlier. Views of one product, instead of a gathered table for each query.
        tables = torch.cat([attention.rel_pos_h, attention.rel_pos_w]).flip(0)
        products = self._buffers.take("products", (len(queries), height, width, len(tables)), queries)
        torch.mm(queries.view(-1, queries.shape[-1]), tables.T, out=products.view(-1, len(tables)))
        image, row, column, one = products.stride()
        by_row = products.as_strided(
            (len(queries), height, width, height), (image, row - one, column, one), 2 * width + height - 2
        )
        by_column = products.as_strided(
            (len(queries), height, width, width), (image, row, column - one, one), width - 1
        )
        return by_row, by_column

    def _bias(self, by_row: Tensor, by_column: Tensor) -> Tensor:
        """(1, B, h w, H W) of the (B, h, w, H) and (B, h, w, W) shares."""
        count, height, width = by_row.shape[:3]
        bias = self._buffers.take("bias", (*by_row.shape, by_column.shape[3]), by_row)
        torch.add(by_row[..., None], by_column[..., None, :], out=bias)
        return bias.view(1, count, height * width, -1)

    def _mlp(self, layer: Any, tokens: Tensor) -> None:
        """Adds what the MLP makes of the tokens to them."""
        wide, narrow = layer.mlp.lin1, layer.mlp.lin2
        for start in range(0, len(tokens), _TOKENS_AT_ONCE):
            some = tokens[start : start + _TOKENS_AT_ONCE]
            hidden = self._buffers.take("wide", (len(some), wide.out_features), tokens)
            torch.addmm(wide.bias, layer.layer_norm2(some), wide.weight.T, out=hidden)
            activated = torch.ops.aten.gelu_(hidden) if _is_gelu(layer.mlp.act) else layer.mlp.act(hidden)
            some.addmm_(activated, narrow.weight.T).add_(narrow.bias)


def _is_gelu(activation: Any) -> bool:
    # transformers' "gelu" is a class of its own around torch's function.
    return type(activation).__name__ in ("GELU", "GELUActivation") and getattr(activation, "act", F.gelu) is F.gelu


def _by_window(tokens: Tensor, height: int, width: int) -> Tensor:
    """(down, height, across, width, ...) view of (H, W, ...) tokens."""
    rows, columns = tokens.shape[:2]
    return tokens.view(rows // height, height, columns // width, width, *tokens.shape[2:])


def _regions(height: int, width: int, side: int) -> list[tuple[tuple[slice, slice], tuple[slice, slice, int, int]]]:
    """Where whole and cut windows lie: rows and columns of tokens; windows down and across, and the size of each."""

    def axis(length: int) -> list[tuple[slice, slice, int]]:
        whole, rest = divmod(length, side)
        parts = []
        if whole:
            parts.append((slice(0, whole * side), slice(0, whole), side))
        if rest:
            parts.append((slice(whole * side, length), slice(whole, whole + 1), rest))
        return parts

    return [((y, x), (wy, wx, h, w)) for y, wy, h in axis(height) for x, wx, w in axis(width)]
