"""Attention of SAM's image encoder: of some tokens to all, and within windows.

Pure functions of queries, keys and values; ``fast_encoder``, the only caller, makes these, and says which part a call
computes. Attention scores get a bias for relative positions (Li et al., MViTv2, https://arxiv.org/abs/2112.01526).

- The bias of global attention has M x M numbers for each head. On a CPU it is made for 128 queries at a time, and the
  scores are added to it in place, so that it stays in the processor's cache. There scores and softmax are float32, also
  where queries, keys and values are not; bfloat16 scores would save a tenth of an encode, but a score of 32 would be
  rounded to a multiple of a quarter.
- On a GPU, ``scaled_dot_product_attention`` does the rest in the encoder's precision. It has not been run on one.

Symbols: M tokens on a grid of height x width, H heads of d channels each; B heads, or heads of windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from samwidget.models.sam.linear import prepare

if TYPE_CHECKING:
    from transformers.models.sam.modeling_sam import SamVisionAttention

# Queries whose scores are in memory together. On a CPU they are 2 MB for ViT-B; 64 and 256 were slower.
_QUERIES_AT_ONCE_CPU = 128
_QUERIES_AT_ONCE_GPU = 256


def attend_globally(
    attention: SamVisionAttention, qkv: Tensor, grid_hw: tuple[int, int], rows: slice, heads: slice, out: Tensor
) -> None:
    """Fills a part of ``out`` with the attention of the tokens in some rows to all tokens.

    Args:
        attention: of a layer, for its relative positions.
        qkv: (3, H, M, d) queries, keys and values.
        grid_hw: height and width.
        rows: of the grid; their queries are computed.
        heads: which of H; on a CPU one.
        out: (M, H, d).
    """
    height, width = grid_hw
    query, key, value = qkv[:, heads]
    on_cpu = qkv.device.type == "cpu"
    queries_at_once = _QUERIES_AT_ONCE_CPU if on_cpu else _QUERIES_AT_ONCE_GPU
    rows_at_once = max(1, queries_at_once // width)
    queries = query[:, rows.start * width : rows.stop * width]
    if on_cpu:
        queries, key = queries.float(), key.float()
    position_scores = _position_scores(attention, queries, (height, width), rows.start)
    weigh = prepare(rows_at_once * width, value[0].T, None) if on_cpu else None
    scale = query.shape[-1] ** -0.5
    for top in range(0, rows.stop - rows.start, rows_at_once):
        part = slice(top, min(top + rows_at_once, rows.stop - rows.start))
        block = queries[:, part.start * width : part.stop * width]
        bias = None
        if position_scores is not None:
            bias = _bias(position_scores[0][:, part], position_scores[1][:, part])
        filled = out[(rows.start + part.start) * width : (rows.start + part.stop) * width, heads]
        if weigh is None:
            attended = F.scaled_dot_product_attention(
                block[None], key[None], value[None], attn_mask=None if bias is None else bias[None]
            )
            filled.copy_(attended[0].transpose(0, 1))
        else:
            scores = (
                torch.mm(block[0] * scale, key[0].T)
                if bias is None
                else bias[0].addmm_(block[0], key[0].T, alpha=scale)
            )
            filled[:, 0] = weigh(torch.softmax(scores, -1).to(value.dtype))


def attend_in_windows(
    attention: SamVisionAttention, qkv: Tensor, padding: Tensor, side: int, down: slice, across: slice, out: Tensor
) -> None:
    """Fills a part of ``out`` with the attention of tokens within each of some windows.

    Args:
        attention: of a layer, for its relative positions.
        qkv: (3, H, height, width, d) queries, keys and values.
        padding: (3, H, 1, 1, d): those of a padded token, where a window reaches beyond the grid.
        side: of a window, in tokens.
        down: which windows, counted from the top.
        across: which windows, counted from the left.
        out: (height, width, H, d).
    """
    heads, height, width, depth = qkv.shape[1:]
    rows = slice(down.start * side, min(down.stop * side, height))
    columns = slice(across.start * side, min(across.stop * side, width))
    region = qkv[:, :, rows, columns]
    h, w = region.shape[2:4]
    count_down, count_across = down.stop - down.start, across.stop - across.start
    if (h, w) != (count_down * side, count_across * side):
        padded = padding.expand(3, heads, count_down * side, count_across * side, depth).clone()
        padded[:, :, :h, :w] = region
        region = padded
    by_window = region.view(3, heads, count_down, side, count_across, side, depth).permute(0, 2, 4, 1, 3, 5, 6)
    if qkv.device.type == "cpu":
        by_window = by_window.float()
    query, key, value = by_window.reshape(3, -1, side * side, depth)
    position_scores = _position_scores(attention, query, (side, side))
    bias = None if position_scores is None else _bias(*position_scores)
    if qkv.device.type == "cpu":
        query = query * depth**-0.5
        scores = torch.bmm(query, key.mT) if bias is None else bias.baddbmm_(query, key.mT)
        attended = torch.bmm(torch.softmax(scores, -1), value)
    else:
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    by_token = attended.view(count_down, count_across, heads, side, side, depth).permute(0, 3, 1, 4, 2, 5)
    out[rows, columns] = by_token.reshape(count_down * side, count_across * side, heads, depth)[:h, :w]


def _position_scores(
    attention: SamVisionAttention, queries: Tensor, grid_hw: tuple[int, int], first_row: int = 0
) -> tuple[Tensor, Tensor] | None:
    """``rel_h`` (B, r, w, h) and ``rel_w`` (B, r, w, w) of ``get_decomposed_rel_pos``; None without positions.

    ``rel_h[b, y, x, k]`` is the score of query (first row + y, x) with row k of keys, ``rel_w`` the same with column k;
    their sum is the bias.

    Args:
        attention: of a layer; its tables ``rel_pos_h`` (2 h - 1, d) and ``rel_pos_w`` (2 w - 1, d) have one row for
            each difference between the position of a query and that of a key.
        queries: (B, r w, d): r rows of the grid.
        grid_hw: h and w.
        first_row: of the queries.
    """
    if not attention.use_rel_pos:
        return None
    height, width = grid_hw
    # Transformers gathers a table for each query position. Here each query is multiplied with all differences.
    # With the tables reversed, the scores with row 0, 1, 2 ... of keys are neighbours there, and for a query one
    # row further down they begin one earlier: so rel_h and rel_w are strided views of one product.
    tables = torch.cat([attention.rel_pos_h, attention.rel_pos_w]).flip(0).to(queries.dtype)
    products = torch.mm(queries.flatten(0, 1), tables.T).view(len(queries), -1, width, len(tables))
    rows = products.shape[1]
    stride_b, stride_y, stride_x, stride_k = products.stride()
    rel_h = products.as_strided(
        (len(queries), rows, width, height),
        (stride_b, stride_y - stride_k, stride_x, stride_k),
        2 * width + height - 2 - first_row,
    )
    rel_w = products.as_strided(
        (len(queries), rows, width, width), (stride_b, stride_y, stride_x - stride_k, stride_k), width - 1
    )
    return rel_h, rel_w


def _bias(rel_h: Tensor, rel_w: Tensor) -> Tensor:
    """(B, m, M) bias of m = r w queries on the keys, contiguous.

    Args:
        rel_h: (B, r, w, rows of keys).
        rel_w: (B, r, w, columns of keys).
    """
    count, rows, width = rel_h.shape[:3]
    return torch.add(rel_h[..., None], rel_w[..., None, :]).reshape(count, rows * width, -1)
