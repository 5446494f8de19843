"""The image tokens of SAM's mask decoder in low-rank form: most of a decode is done once per image, not per prompt.

Owns the image tokens' half of the decoder's two-way transformer. ``fast_decoder`` owns the prompt tokens' half and
calls this one. ``folded_weights`` computes the constants, and ``upscaling`` continues after the last layer.

What it replaces
    The variable ``keys`` in transformers' ``SamTwoWayTransformer``; in the paper the image embedding inside the mask
    decoder (Kirillov et al., Segment Anything, https://arxiv.org/abs/2304.02643, appendix A). In each layer
    (``SamTwoWayAttentionBlock``) the prompt tokens read the image tokens (``cross_attn_token_to_image``), then the
    image tokens read the prompt tokens (``cross_attn_image_to_token``) and are normalised (``layer_norm4``). There
    each prompt has image tokens of its own, 4096 x 256 numbers, and projecting them is nearly all of its work. Here
    they are never computed, since a prompt changes them only by a matrix of low rank.

Symbols (arrays are channels first, since attention to and from the image is then contiguous)
    C  channels of a token, 256             H  attention heads, 8
    M  image tokens, 64 x 64 = 4096         d  channels of a head in these attentions, 16
    T  prompt tokens: the network's five output tokens (IoU and masks), and those of the points and the box
    b  prompts that are computed together   K  the rank: columns of L, rows of R

    X  (C, M)  the image tokens             s  (1, M)  one scale for each image token
    F  (C, M)  their fixed part, the same for all prompts on an image
    L  (C, K)  left factor and R (K, M) right factor of what the prompt adds

    X = s * (F + L R)                                                                                            (1)

Start
    s = 1, F = image embedding + no_mask_embed, L R = 0. A mask prompt replaces no_mask_embed by W3 f + b3, where f
    (16, M) are features of the mask, and W3 and b3 are the last layer of its embedding. In the form of (1) that is
    L = [W3 | b3 - no_mask_embed] and R = [f; 1].

Step 1: a linear map W of the image tokens, for queries, keys and values
    W X = s * (W F + (W L) R)
    W F is the same for all prompts and is computed once per image (``ImageProducts.projected``). W L is small.
    Queries and keys are made of X + P with the positional encoding P, so W P is added, a constant of the model.

Step 2: the image tokens read the prompt tokens
    Let A_h (T, M) be the attention of the image tokens to the prompt tokens in head h, V_h (d, T) the prompt tokens'
    values, O_h (C, d) the head's part of ``out_proj`` and o (C, 1) its bias. The layer adds sum_h O_h V_h A_h + o.
    Each column of A_h sums to one, so with v_ht for column t of V_h and A_ht for row t of A_h
        V_h A_h = v_h0 + sum over t > 0 of (v_ht - v_h0) A_ht.
    So L gets the columns O_h (v_ht - v_h0), and R the rows A_ht / s, H (T - 1) of each. The rest,
    sum_h O_h v_h0 + o, is the same for all image tokens. It is added to the column of L that belongs to the *constant
    row*: the row of R that s turns into ones. It is 1 in the first layer and 1 / s later, and before the new rows it is
    the last one. In the first layer without a mask prompt, L R = 0, it is added together with a column of zeros.

Step 3: layer norm with weight gamma and bias beta; J = I - 1 1^T / C subtracts the mean over the channels
    s <- s / sqrt(s^2 q / C + epsilon)  with  q = squared length of each column of J (F + L R)
    F <- diag(gamma) J F,   L <- [diag(gamma) J L | beta],   R <- [R; 1 / s]
    The last row is the new constant row. q is a quadratic form in R, column by column:
        q = |J F|^2 + sum over k of R_k * (2 (J L)^T F + (J L)^T J L R)_k                                        (2)
    |J F|^2 is computed once per image. (J L)^T F is cheap: each column of L is a constant matrix of the model times
    a few numbers of the prompt, and the products of those matrices with F are in ``projected`` as well.

Step 4: the prompt tokens read the image tokens
    Scores are products with W X, so they are step 1. The weighted sum of the values is too, from the other side: with
    attention weights a (T, M) it is (a * s) (W F)^T + ((a * s) R^T) (W L)^T. The weights of a prompt token sum to one,
    so the caller can add the bias of the values afterwards.

Step 5: the first layer of the up-scaling is linear, so it is step 1 once more.

All of this is exact algebra and nothing is dropped: K grows to about 2 H T. Rounding could only matter where L R
nearly cancels F; ``LowRankImageTokens.cancelled`` says so, and transformers then computes the prompt.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from samwidget.models.sam.folded_weights import (
    FoldedWeights,
    ImageProducts,
    ImageProjection,
    ImageToTokenWeights,
    TokenToImageWeights,
)
from samwidget.models.sam.workspace import Workspace

# Where q is below this share of |J F|^2, float32 has lost four of its seven digits.
_CANCELLATION = 1e-4


class _TokenValues(NamedTuple):
    """The prompt's numbers in the columns of L that one layer added.

    Attributes:
        first: (b, H, 1, d + 1), v_h0, and a 1 for the share of the bias.
        others: (b, H, T - 1, d), v_ht - v_h0 for t > 0.
    """

    first: Tensor
    others: Tensor


class LowRankImageTokens:
    """The image tokens of b prompts on one image, as X = s * (F + L R); each layer changes them.

    Args:
        weights: the decoder's constants.
        products: the image's.
        workspace: memory for R and for intermediate results.
        name: of R in the workspace; two objects that are in use at the same time need different names.
        token_count: T.
        prompt_count: b.
        mask_features: (b, 16, M) float32, f: the input of the mask embedding's last layer; None without mask prompts.

    Attributes:
        cancelled: () bool tensor, whether digits were lost in any layer norm so far.
    """

    def __init__(
        self,
        weights: FoldedWeights,
        products: ImageProducts,
        workspace: Workspace,
        name: str,
        *,
        token_count: int,
        prompt_count: int,
        mask_features: Tensor | None,
    ) -> None:
        self._weights, self._products, self._workspace = weights, products, workspace
        self._prompt_count = prompt_count
        self._scale: Tensor | None = None  # (b, 1, M), s; None before the first layer norm, where it is 1
        self._token_values: list[_TokenValues] = []
        self._has_masks = mask_features is not None
        self._rank = weights.mask_embedding.shape[1] if mask_features is not None else 0
        added = (len(layer.image_to_token.output) * (token_count - 1) + 1 for layer in weights.layers)
        rank_max = max(1, self._rank) + sum(added)
        pixels = products.projected.shape[1]
        self._right = workspace.take(name, (prompt_count, rank_max, pixels), products.projected)
        self._left = weights.mask_embedding.expand(prompt_count, -1, -1)[:, :, : self._rank]
        self.cancelled = torch.zeros((), dtype=torch.bool, device=products.projected.device)
        if mask_features is not None:
            self._right[:, : self._rank - 1] = mask_features
            self._right[:, self._rank - 1] = 1

    def read_by_tokens(self, queries: Tensor, weights: TokenToImageWeights) -> Tensor:
        """(b, H, T, d): what the prompt tokens read in the image, without the bias of the values (step 4).

        Args:
            queries: (b, H, T, d), divided by the square root of d.
            weights: of a layer, or of the final attention.
        """
        prompts, heads, count, width = queries.shape
        scores = self._scores(queries, weights.key)
        attention = self._workspace.take("weights", tuple(scores.shape), scores)
        torch.softmax(scores, -1, out=attention)
        flat, by_head = attention.view(prompts, heads * count, -1), attention.view(prompts * heads, count, -1)
        if self._scale is not None:
            flat.mul_(self._scale)
        low_rank = None
        if self._rank:
            left = (weights.value.weight @ self._left).view(prompts * heads, width, self._rank)
            right = torch.bmm(flat, self._right[:, : self._rank].transpose(1, 2))
            low_rank = torch.bmm(right.view(prompts * heads, count, self._rank), left.transpose(1, 2))
        out = torch.bmm(by_head, self._projected(weights.value.rows, heads).transpose(1, 2))
        return (out if low_rank is None else out.add_(low_rank)).view(prompts, heads, count, width)

    def read_tokens(self, keys: Tensor, values: Tensor, weights: ImageToTokenWeights) -> None:
        """Adds to the image tokens what they read in the prompt tokens (step 2), and normalises them (step 3).

        Args:
            keys: (b, H, T, d), divided by the square root of d.
            values: (b, H, T, d).
            weights: of the layer.
        """
        scores = self._scores(keys, weights.query)
        attention = self._workspace.take("weights", tuple(scores.shape), scores)
        torch.softmax(scores, 2, out=attention)
        start = self._add_values(attention, values, weights)
        self._normalise(start, weights)

    def _add_values(self, attention: Tensor, values: Tensor, weights: ImageToTokenWeights) -> int:
        """Step 2: adds rows to R and columns to L; the index of the first of them.

        Args:
            attention: (b, H, T, M), A of each head.
            values: (b, H, T, d).
            weights: of the layer.
        """
        prompts, heads, count, _ = values.shape
        if not self._rank:
            self._right[:, 0], self._rank = 1, 1
            self._left = values.new_zeros(prompts, len(self._weights.mask_embedding), 1)
        start, self._rank = self._rank, self._rank + heads * (count - 1)
        new_rows = self._right[:, start : self._rank].view(prompts, heads, count - 1, -1)
        if self._scale is None:
            new_rows.copy_(attention[:, :, 1:])
        else:
            torch.div(attention[:, :, 1:], self._scale[:, None], out=new_rows)
        first, others = values[:, :, :1], values[:, :, 1:] - values[:, :, :1]
        first = torch.cat([first, torch.ones_like(first[..., :1])], -1)
        self._token_values.append(_TokenValues(first, others))
        new_columns = torch.matmul(weights.output[..., :-1], others.transpose(2, 3)).transpose(1, 2).flatten(2)
        self._left = torch.cat([self._left, new_columns], 2)
        # The constant row is the one before the new rows.
        self._left[:, :, start - 1] += torch.matmul(weights.output, first.transpose(2, 3)).sum(1)[..., 0]
        return start

    def _normalise(self, start: int, weights: ImageToTokenWeights) -> None:
        """Step 3: the layer norm.

        Args:
            start: index of the first row of R that this layer added.
            weights: of the layer.
        """
        left = self._left - self._left.mean(1, keepdim=True)
        variance = self._squared_lengths(left, self._right[:, : self._rank], start, weights).div_(left.shape[1])
        if self._scale is not None:
            variance.mul_(self._scale).mul_(self._scale)
        inverse = variance.add_(weights.epsilon).rsqrt_()
        self._scale = inverse if self._scale is None else inverse.mul_(self._scale)
        torch.reciprocal(self._scale, out=self._right[:, self._rank : self._rank + 1])
        self._rank += 1
        self._left = torch.cat([left * weights.norm_weight, weights.norm_bias.expand(len(left), -1, -1)], 2)

    def finish(self, weight: Tensor, bias: Tensor) -> Tensor:
        """(b, K, O), (W L)^T with the bias in the constant row, for ``fill_upscaled``; multiplies R by s (step 5).

        Args:
            weight: (C, O), W^T.
            bias: (O,).
        """
        assert self._scale is not None, "there is at least one layer"
        self._right[:, : self._rank].mul_(self._scale)
        left = self._left.transpose(1, 2) @ weight
        left[:, -1] += bias
        return left

    def fill_upscaled(self, left: Tensor, pixels: slice, out: Tensor) -> None:
        """Fills (b, m, O) ``out`` with the up-scaling's first layer at m image tokens (step 5).

        Args:
            left: (b, K, O), from ``finish``.
            pixels: the m image tokens.
            out: contiguous.
        """
        assert self._scale is not None, "there is at least one layer"
        torch.mul(self._products.upscaled[pixels], self._scale[:, 0, pixels, None], out=out)
        out.baddbmm_(self._right[:, : self._rank, pixels].transpose(1, 2), left)

    def _projected(self, rows: slice, heads: int) -> Tensor:
        """(b H, O / H, M), W F by head; a view where b is 1."""
        block = self._products.projected[rows].view(heads, -1, self._products.projected.shape[1])
        return block if self._prompt_count == 1 else block.repeat(self._prompt_count, 1, 1)

    def _scores(self, vectors: Tensor, projection: ImageProjection) -> Tensor:
        """(b, H, T, M) of the workspace: (b, H, T, d) vectors times W (X + P), head by head (step 1)."""
        prompts, heads, count, width = vectors.shape
        pixels = self._products.projected.shape[1]
        scores = self._workspace.take("scores", (prompts, heads, count, pixels), self._products.projected)
        flat, by_head = scores.view(prompts, heads * count, pixels), scores.view(prompts * heads, count, pixels)
        vectors = vectors.reshape(prompts * heads, count, width)
        torch.bmm(vectors, self._projected(projection.rows, heads), out=by_head)
        if self._rank:
            left = (projection.weight @ self._left).view(prompts * heads, width, self._rank)
            flat.baddbmm_(torch.bmm(vectors, left).view(prompts, heads * count, -1), self._right[:, : self._rank])
        if self._scale is not None:
            flat.mul_(self._scale)
        if projection.position is not None:
            position = projection.position.view(heads, width, -1)
            by_head.baddbmm_(vectors, position if prompts == 1 else position.repeat(prompts, 1, 1))
        return scores

    def _squared_lengths(self, left: Tensor, right: Tensor, start: int, weights: ImageToTokenWeights) -> Tensor:
        """(b, 1, M), q of equation (2).

        Args:
            left: (b, C, K), J L.
            right: (b, K, M), R.
            start: the first row of R that this layer added.
            weights: of the layer.
        """
        products = self._workspace.take("products", tuple(right.shape), right)
        self._fill_cross_products(products, weights)
        # (J L)^T J L is symmetric: its block of new times old rows counts twice, the mirrored block is left out.
        gram = left.transpose(1, 2) @ left
        gram[:, start:, :start] *= 2
        products[:, :start].baddbmm_(gram[:, :start, :start], right[:, :start], beta=2)
        products[:, start:].baddbmm_(gram[:, start:], right, beta=2)
        squares = products.mul_(right).sum(1, keepdim=True)
        fixed = self._products.squared_norms[len(self._token_values) - 1]
        squares.add_(fixed)
        self.cancelled = self.cancelled | (squares < _CANCELLATION * fixed).any()
        return squares

    def _fill_cross_products(self, out: Tensor, weights: ImageToTokenWeights) -> None:
        """Fills (b, K, M) with (J L)^T F, in the order of the rows of R.

        For each layer so far these are the columns before its constant column (the mask embedding's; none in later
        layers), the constant column, and those of the values that the layer added.
        """
        end = 0
        layers = zip(self._token_values, weights.cross_products, strict=True)
        for index, ((first, others), (earlier, output)) in enumerate(layers):
            prompts, heads, count, width = others.shape
            constant = first.reshape(prompts, 1, -1) @ self._products.projected[output]
            if index or self._has_masks:
                # The mask embedding's bias is its last column; a norm's bias is the only one.
                bias = earlier.stop - 1
                constant += self._products.projected[bias]
                start, end = end, end + bias - earlier.start
                out[:, start:end] = self._products.projected[earlier.start : bias]
            out[:, end] = constant[:, 0]
            start, end = end + 1, end + 1 + heads * count
            vectors, fixed = others.reshape(prompts * heads, count, width), self._projected(output, heads)[:, :-1]
            if prompts == 1:
                torch.bmm(vectors, fixed, out=out[0, start:end].view(heads, count, -1))
            else:
                out[:, start:end] = torch.bmm(vectors, fixed).view(prompts, heads * count, -1)
