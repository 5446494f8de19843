"""Attention of SAM's image encoder: of some tokens to all, and within windows.

Pure functions of queries, keys and values; ``fast_encoder``, the only caller, makes these, and says which part a call
computes. Attention scores get a bias for relative positions (Li et al., MViTv2, https://arxiv.org/abs/2112.01526).

- The bias of global attention has M x M numbers for each head. On a CPU it is made for 128 queries at a time, and the
  scores are added to it in place, so that it stays in the processor's cache. There scores and softmax are float32, also
  where queries, keys and values are not; bfloat16 scores would save a tenth of an encode, but a score of 32 would be
  rounded to a multiple of a quarter.
- On a GPU the bias is never made: ``scaled_dot_product_attention`` gets the relative positions as more channels of
  queries and keys, and no mask, so that it can take its fastest kernels.

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

# On a CPU: queries whose scores are in memory together, 2 MB for ViT-B; 64 and 256 were slower.
_QUERIES_AT_ONCE = 128
# What torch's kernels for half precision want the channels of a head to be a multiple of.
_CHANNEL_MULTIPLE = 8


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
    width = grid_hw[1]
    query, key, value = qkv[:, heads]
    queries = query[:, rows.start * width : rows.stop * width]
    filled = out[rows.start * width : rows.stop * width, heads]
    if qkv.device.type != "cpu":
        position_scores = _position_scores(attention, queries, grid_hw, rows.start)
        filled.copy_(_attend(queries, key, value, position_scores).transpose(0, 1))
        return
    queries, key = queries.float(), key.float()
    position_scores = _position_scores(attention, queries, grid_hw, rows.start)
    rows_at_once = max(1, _QUERIES_AT_ONCE // width)
    weigh = prepare(rows_at_once * width, value[0].T, None)
    scale = query.shape[-1] ** -0.5
    for top in range(0, rows.stop - rows.start, rows_at_once):
        part = slice(top, min(top + rows_at_once, rows.stop - rows.start))
        tokens = slice(part.start * width, part.stop * width)
        if position_scores is None:
            scores = torch.mm(queries[0, tokens] * scale, key[0].T)
        else:
            scores = _bias(position_scores[0][:, part], position_scores[1][:, part])[0]
            scores.addmm_(queries[0, tokens], key[0].T, alpha=scale)
        filled[tokens, 0] = weigh(torch.softmax(scores, -1).to(value.dtype))


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
    if qkv.device.type == "cpu":
        query = query * depth**-0.5
        scores = (
            torch.bmm(query, key.mT) if position_scores is None else _bias(*position_scores).baddbmm_(query, key.mT)
        )
        attended = torch.bmm(torch.softmax(scores, -1), value)
    else:
        attended = _attend(query, key, value, position_scores)
    by_token = attended.view(count_down, count_across, heads, side, side, depth).permute(0, 3, 1, 4, 2, 5)
    out[rows, columns] = by_token.reshape(count_down * side, count_across * side, heads, depth)[:h, :w]


def _attend(query: Tensor, key: Tensor, value: Tensor, position_scores: tuple[Tensor, Tensor] | None) -> Tensor:
    """(B, m, d) attention of m queries to M keys.

    A score is q k / sqrt(d) + rel_h[row of k] + rel_w[column of k]. With rel_h and rel_w as more channels of the query,
    and ones at its row and its column as more channels of the key, that is one product.

    Args:
        query: (B, m, d).
        key: (B, M, d).
        value: (B, M, d).
        position_scores: as ``_position_scores`` returns them.
    """
    depth = query.shape[-1]
    scale = depth**-0.5
    if position_scores is not None:
        rel_h, rel_w = (scores.flatten(1, 2) for scores in position_scores)
        height, width = rel_h.shape[-1], rel_w.shape[-1]
        rows = torch.eye(height, dtype=key.dtype, device=key.device).repeat_interleave(width, 0)
        columns = torch.eye(width, dtype=key.dtype, device=key.device).repeat(height, 1)
        positions = torch.cat([rows, columns], -1).expand(len(key), -1, -1)
        unused = -(depth + height + width) % _CHANNEL_MULTIPLE
        query = F.pad(torch.cat([query, torch.cat([rel_h, rel_w], -1).div_(scale)], -1), (0, unused))
        key = F.pad(torch.cat([key, positions], -1), (0, unused))
        if value.dtype != torch.float32:
            # The fastest kernels want as many channels of values as of keys; none of them takes float32.
            value = F.pad(value, (0, key.shape[-1] - depth))
    attended = F.scaled_dot_product_attention(query[None], key[None], value[None], scale=scale)[0]
    return attended[..., :depth]


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
