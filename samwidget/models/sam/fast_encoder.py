"""SAM's image encoder for one image at a time: the same sums as transformers' ``SamVisionEncoder``, in another order.

Replaces ``SamVisionEncoder.forward`` with the model's own weights; nothing is converted, dropped or approximated. A
SAM encoder is a vision transformer. Most of its layers attend within windows of 14 x 14 tokens, a few globally, and
attention scores get a bias for relative positions (Li et al., MViTv2, https://arxiv.org/abs/2112.01526). Owns only the
order of the computation; preprocessing is ``segmenter``'s, the only caller. What is different from transformers:

- Windows of 14 x 14 do not divide 64 x 64 tokens, so transformers pads them to 70 x 70 and projects 4900 instead of
  4096. Here only real tokens are projected: a padded token is zero, so its query, key and value are the bias.
- The bias of global attention has 4096 x 4096 numbers for each head. Here it is made for 256 queries at a time, and the
  scores are added to it in place, so that it stays in the processor's cache.
- Layer norms, projections and the MLP run on tiles of tokens, so that the MLP's hidden layer, four times as wide as the
  tokens, stays in the cache.

Symbols: M tokens on a grid of height x width, C channels, H heads of d channels each.

The same code runs on CUDA and MPS in the encoder's precision, with all heads of a block at once. It has not been run on
a GPU.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samwidget.models.sam.workspace import Workspace

if TYPE_CHECKING:
    from transformers import SamModel
    from transformers.models.sam.modeling_sam import SamVisionAttention, SamVisionEncoder, SamVisionLayer

# Queries of one head in global attention. On two CPU cores 256 to 1024 were equally fast; the bias of 256 is 4 MB.
_QUERIES_AT_ONCE = 256
# Tokens in a tile; its hidden layer is 6 MB for ViT-B.
_TOKENS_AT_ONCE = 512
# Windows whose attention is computed together; the bias of one window is 1.8 MB for ViT-B.
_WINDOWS_AT_ONCE_CPU = 5


def reason_not_covered(model: SamModel) -> str:
    """Why this module cannot compute the encoder of ``model``, as half a sentence; empty where it can."""
    encoder = model.vision_encoder
    if type(encoder).__name__ != "SamVisionEncoder":
        return f"its encoder is a {type(encoder).__name__}"
    for name, module in encoder.named_modules():
        # Adapters and quantisation replace layers by their own classes.
        if type(module) in (nn.Conv2d, nn.LayerNorm, nn.Linear, nn.ModuleList, nn.Dropout, nn.ReLU, nn.GELU):
            pass
        elif not type(module).__module__.startswith("transformers."):
            return f"vision_encoder.{name} is a {type(module).__module__}.{type(module).__name__}"
        if module._forward_hooks or module._forward_pre_hooks:
            return f"vision_encoder.{name} has hooks"
    projection = encoder.patch_embed.projection
    if projection.kernel_size != projection.stride or projection.kernel_size[0] != projection.kernel_size[1]:
        return "its patches overlap or are not square"
    grid_side = next(iter(encoder.patch_embed.image_size)) // projection.kernel_size[0]
    for index, layer in enumerate(_layers(encoder)):
        side = layer.window_size or grid_side
        table = getattr(layer.attn, "rel_pos_h", None)
        if table is not None and (len(table) != 2 * side - 1 or len(layer.attn.rel_pos_w) != 2 * side - 1):
            return f"layer {index} has relative positions of another size"
    return ""


class SamEncoder:
    """Encodes one image at a time. Allows one call at a time, since its memory is used again; results are fresh.

    Args:
        encoder: of a ``SamModel`` for which ``reason_not_covered`` is empty. Its weights are read at each call, in
            their dtype and on their device.
    """

    def __init__(self, encoder: SamVisionEncoder) -> None:
        self._encoder = encoder
        self._workspace = Workspace()

    @property
    def byte_count(self) -> int:
        """Bytes held beside the weights; 170 MB for ViT-B in float32."""
        return self._workspace.byte_count

    def __call__(self, pixels: Tensor) -> Tensor:
        """(1, output channels, height, width) embedding of a (1, 3, input height, input width) normalised image.

        Args:
            pixels: as ``SamModel`` takes them, in the dtype and on the device of the weights.
        """
        patches = self._encoder.patch_embed(pixels)
        if self._encoder.pos_embed is not None:
            patches = patches + self._encoder.pos_embed
        height, width, channels = patches.shape[1:]
        # A copy, since all later sums are in place; contiguous, or each layer norm would copy it again.
        tokens = patches.reshape(-1, channels).clone(memory_format=torch.contiguous_format)
        for layer in _layers(self._encoder):
            if layer.window_size:
                attended = self._attend_in_windows(layer, tokens, (height, width))
            else:
                attended = self._attend_globally(layer, tokens, (height, width))
            tokens.addmm_(attended, layer.attn.proj.weight.T).add_(layer.attn.proj.bias)
            self._add_mlp(layer, tokens)
        embedding: Tensor = self._encoder.neck(tokens.view(1, height, width, channels))
        return embedding

    def _queries_keys_values(self, layer: SamVisionLayer, tokens: Tensor, heads: int) -> Tensor:
        """(M, 3, H, d) of the workspace: queries, keys and values of the normalised tokens."""
        linear = layer.attn.qkv
        bias = _qkv_bias(layer)
        out = self._workspace.take("qkv", (len(tokens), linear.out_features), tokens)
        for start in range(0, len(tokens), _TOKENS_AT_ONCE):
            tile = slice(start, start + _TOKENS_AT_ONCE)
            normalised = layer.layer_norm1(tokens[tile])
            if bias is None:
                torch.mm(normalised, linear.weight.T, out=out[tile])
            else:
                torch.addmm(bias, normalised, linear.weight.T, out=out[tile])
        return out.view(len(tokens), 3, heads, -1)

    def _attend_globally(self, layer: SamVisionLayer, tokens: Tensor, grid_hw: tuple[int, int]) -> Tensor:
        """(M, C) of the workspace: attention of all tokens to all tokens, before the output projection."""
        height, width = grid_hw
        heads = int(layer.attn.num_attention_heads)
        by_token = self._queries_keys_values(layer, tokens, heads)
        depth = by_token.shape[-1]
        qkv = self._workspace.take("qkv by head", (3, heads, height * width, depth), tokens)
        qkv.copy_(by_token.permute(1, 2, 0, 3))
        out = self._workspace.take("attended", (height * width, heads, depth), tokens)
        on_cpu = tokens.device.type == "cpu"
        heads_at_once = 1 if on_cpu else heads
        rows_at_once = max(1, _QUERIES_AT_ONCE // width)
        for first in range(0, heads, heads_at_once):
            head_block = slice(first, first + heads_at_once)
            query, key, value = qkv[:, None, head_block]
            position_scores = self._position_scores(layer.attn, query[0], (height, width))
            for top in range(0, height, rows_at_once):
                rows = slice(top, top + rows_at_once)
                block = slice(top * width, (top + rows_at_once) * width)
                bias = None
                if position_scores is not None:
                    bias = self._bias(position_scores[0][:, rows], position_scores[1][:, rows])
                if on_cpu and bias is not None:
                    self._attend_in_place(query[0, 0, block], key[0, 0], value[0, 0], bias[0, 0], out[block, first])
                else:
                    attended = F.scaled_dot_product_attention(query[:, :, block], key, value, attn_mask=bias)
                    out[block, head_block] = attended[0].transpose(0, 1)
        return out.view(height * width, -1)

    def _attend_in_place(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor, out: Tensor) -> None:
        """Fills (m, d) ``out`` with attention; on a CPU a fifth faster than ``scaled_dot_product_attention``.

        Args:
            query: (m, d).
            key: (M, d).
            value: (M, d).
            bias: (m, M), added to the scores; it is overwritten.
            out: (m, d).
        """
        scores = bias.addmm_(query, key.T, alpha=query.shape[1] ** -0.5)
        weights = torch.softmax(scores, -1, out=self._workspace.take("weights", tuple(scores.shape), scores))
        torch.mm(weights, value, out=out)

    def _attend_in_windows(self, layer: SamVisionLayer, tokens: Tensor, grid_hw: tuple[int, int]) -> Tensor:
        """(M, C) of the workspace: attention of the tokens within each window, before the output projection."""
        height, width = grid_hw
        side = int(layer.window_size)
        down, across = -(-height // side), -(-width // side)  # windows
        heads = int(layer.attn.num_attention_heads)
        by_token = self._queries_keys_values(layer, tokens, heads)
        depth = by_token.shape[-1]
        windows = self._workspace.take("windows", (3, down, across, heads, side, side, depth), tokens)
        if down * side > height or across * side > width:
            bias = _qkv_bias(layer)
            padding = 0 if bias is None else bias.view(3, 1, heads, 1, 1, depth)
            windows[:, down - 1] = padding
            windows[:, :, across - 1] = padding
        grid = by_token.view(height, width, 3, heads, depth)
        regions = _window_regions(height, width, side)
        for region in regions:
            part = _by_window(grid[region.rows, region.columns], region.window_hw)
            h, w = region.window_hw
            windows[:, region.down, region.across, :, :h, :w] = part.permute(4, 0, 2, 5, 1, 3, 6)

        query, key, value = windows.view(3, down * across, heads, side * side, depth)
        attended = self._workspace.take("attended in windows", (down * across, heads, side * side, depth), tokens)
        at_once = _WINDOWS_AT_ONCE_CPU if tokens.device.type == "cpu" else down * across
        for first in range(0, down * across, at_once):
            block = slice(first, first + at_once)
            position_scores = self._position_scores(layer.attn, query[block].flatten(0, 1), (side, side))
            position_bias = None
            if position_scores is not None:
                position_bias = self._bias(*position_scores).view(-1, heads, side * side, side * side)
            attended[block] = F.scaled_dot_product_attention(
                query[block], key[block], value[block], attn_mask=position_bias
            )

        out = self._workspace.take("attended", (height, width, heads, depth), tokens)
        by_window = attended.view(down, across, heads, side, side, depth)
        for region in regions:
            h, w = region.window_hw
            part = by_window[region.down, region.across, :, :h, :w].permute(0, 3, 1, 4, 2, 5)
            _by_window(out[region.rows, region.columns], region.window_hw).copy_(part)
        return out.view(height * width, -1)

    def _position_scores(
        self, attention: SamVisionAttention, queries: Tensor, grid_hw: tuple[int, int]
    ) -> tuple[Tensor, Tensor] | None:
        """``rel_h`` (B, h, w, h) and ``rel_w`` (B, h, w, w) of ``get_decomposed_rel_pos``; None without positions.

        ``rel_h[b, y, x, k]`` is the score of query (y, x) with row k of keys, ``rel_w`` the same with column k; their
        sum is the bias. Both are views of the workspace.

        Args:
            attention: of a layer; its tables ``rel_pos_h`` (2 h - 1, d) and ``rel_pos_w`` (2 w - 1, d) have one row for
                each difference between the position of a query and that of a key.
            queries: (B, h w, d), contiguous.
            grid_hw: h and w.
        """
        if not attention.use_rel_pos:
            return None
        height, width = grid_hw
        # Transformers gathers a table for each query position. Here each query is multiplied with all differences.
        # With the tables reversed, the scores with row 0, 1, 2 ... of keys are neighbours there, and for a query one
        # row further down they begin one earlier: so rel_h and rel_w are strided views of one product.
        tables = torch.cat([attention.rel_pos_h, attention.rel_pos_w]).flip(0)
        products = self._workspace.take("products", (len(queries), height, width, len(tables)), queries)
        torch.mm(queries.view(-1, queries.shape[-1]), tables.T, out=products.view(-1, len(tables)))
        stride_b, stride_y, stride_x, stride_k = products.stride()
        rel_h = products.as_strided(
            (len(queries), height, width, height),
            (stride_b, stride_y - stride_k, stride_x, stride_k),
            2 * width + height - 2,
        )
        rel_w = products.as_strided(
            (len(queries), height, width, width), (stride_b, stride_y, stride_x - stride_k, stride_k), width - 1
        )
        return rel_h, rel_w

    def _bias(self, rel_h: Tensor, rel_w: Tensor) -> Tensor:
        """(1, B, m, M) of the workspace: the bias of m = h w queries on B x M keys.

        Args:
            rel_h: (B, h, w, rows of keys).
            rel_w: (B, h, w, columns of keys).
        """
        count, height, width = rel_h.shape[:3]
        bias = self._workspace.take("bias", (*rel_h.shape, rel_w.shape[3]), rel_h)
        torch.add(rel_h[..., None], rel_w[..., None, :], out=bias)
        return bias.view(1, count, height * width, -1)

    def _add_mlp(self, layer: SamVisionLayer, tokens: Tensor) -> None:
        """Adds to the (M, C) tokens what the layer's MLP makes of them."""
        wide, narrow = layer.mlp.lin1, layer.mlp.lin2
        for start in range(0, len(tokens), _TOKENS_AT_ONCE):
            tile = tokens[start : start + _TOKENS_AT_ONCE]
            hidden = self._workspace.take("hidden", (len(tile), wide.out_features), tokens)
            torch.addmm(wide.bias, layer.layer_norm2(tile), wide.weight.T, out=hidden)
            activated = torch.ops.aten.gelu_(hidden) if _is_exact_gelu(layer.mlp.act) else layer.mlp.act(hidden)
            tile.addmm_(activated, narrow.weight.T).add_(narrow.bias)


class _WindowRegion(NamedTuple):
    """A part of the token grid that is made of windows of one size.

    Attributes:
        rows: of the token grid.
        columns: of the token grid.
        down: windows, counted from the top.
        across: windows, counted from the left.
        window_hw: tokens in each of these windows, not counting padding.
    """

    rows: slice
    columns: slice
    down: slice
    across: slice
    window_hw: tuple[int, int]


def _window_regions(height: int, width: int, side: int) -> list[_WindowRegion]:
    """The one to four regions of a grid: uncut windows, and those that the lower or the right edge cuts."""

    def along_axis(length: int) -> list[tuple[slice, slice, int]]:
        uncut, rest = divmod(length, side)
        parts = []
        if uncut:
            parts.append((slice(0, uncut * side), slice(0, uncut), side))
        if rest:
            parts.append((slice(uncut * side, length), slice(uncut, uncut + 1), rest))
        return parts

    return [
        _WindowRegion(rows, columns, down, across, (h, w))
        for rows, down, h in along_axis(height)
        for columns, across, w in along_axis(width)
    ]


def _by_window(tokens: Tensor, window_hw: tuple[int, int]) -> Tensor:
    """(down, h, across, w, ...) view of (down h, across w, ...) tokens, where ``window_hw`` is (h, w)."""
    rows, columns = tokens.shape[:2]
    height, width = window_hw
    return tokens.view(rows // height, height, columns // width, width, *tokens.shape[2:])


def _layers(encoder: SamVisionEncoder) -> Iterable[SamVisionLayer]:
    return cast("Iterable[SamVisionLayer]", encoder.layers)  # a ModuleList does not know the type of its modules


def _qkv_bias(layer: SamVisionLayer) -> Tensor | None:
    return cast("Tensor | None", layer.attn.qkv.bias)  # torch's annotation forgets bias=False


def _is_exact_gelu(activation: nn.Module) -> bool:
    # The "gelu" of transformers is a class of its own around torch's function.
    return type(activation).__name__ in ("GELU", "GELUActivation") and getattr(activation, "act", F.gelu) is F.gelu
