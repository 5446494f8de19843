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

from collections.abc import Callable, Generator
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


class BlockSize(NamedTuple):
    """How the image tokens of several prompts are divided into blocks, the pieces that threads share.

    Attributes:
        prompts: whose image tokens are in one block.
        columns: image tokens of a prompt that are in one block.
    """

    prompts: int
    columns: int


class _TokenValues(NamedTuple):
    """The prompts' numbers in the columns of L that one layer added.

    Attributes:
        first: (P, H, 1, d + 1), v_h0, and a 1 for the share of the bias.
        others: (P, H, T - 1, d), v_ht - v_h0 for t > 0.
    """

    first: Tensor
    others: Tensor


class LowRankImageTokens:
    """The image tokens of P prompts on one image, as X = s * (F + L R); each layer changes them.

    Owns L, which is small, and divides the columns of R and s among ``blocks``, which do the work.

    Args:
        weights: the decoder's constants.
        products: the image's.
        workspace: memory for R and for intermediate results.
        token_count: T.
        prompt_count: P.
        mask_features: (P, 16, M) float32, f: the input of the mask embedding's last layer; None without mask prompts.
        block_size: of ``blocks``; the last ones may be smaller.

    Attributes:
        products: the image's.
        blocks: the parts of the image tokens, by column, then by prompt: neighbours read the same ``products``.
    """

    def __init__(
        self,
        weights: FoldedWeights,
        products: ImageProducts,
        workspace: Workspace,
        *,
        token_count: int,
        prompt_count: int,
        mask_features: Tensor | None,
        block_size: BlockSize,
    ) -> None:
        self._weights, self.products = weights, products
        self._token_values: list[_TokenValues] = []
        rank = weights.mask_embedding.shape[1] if mask_features is not None else 0
        self._left = weights.mask_embedding.expand(prompt_count, -1, -1)[:, :, :rank]
        added = (len(layer.image_to_token.output) * (token_count - 1) + 1 for layer in weights.layers)
        rank_max = max(1, rank) + sum(added)
        pixels = products.projected.shape[1]
        self.blocks: list[ImageTokenBlock] = []
        for columns in _slices(pixels, block_size.columns):
            for prompts in _slices(prompt_count, block_size.prompts):
                shape = (prompts.stop - prompts.start, rank_max, columns.stop - columns.start)
                right = workspace.take(f"right {len(self.blocks)}", shape, products.projected)
                features = None if mask_features is None else mask_features[prompts, :, columns]
                self.blocks.append(ImageTokenBlock(products, workspace, right, prompts, columns, features))

    @property
    def cancelled(self) -> Tensor:
        """() bool, whether digits were lost in any layer norm so far."""
        return torch.stack([cancelled for block in self.blocks for cancelled in block.cancelled]).any()

    def read_by_tokens(
        self, queries: Tensor, weights: TokenToImageWeights
    ) -> Generator[Callable[[ImageTokenBlock], None], None, Tensor]:
        """(P, H, T, d): what the prompt tokens read in the image, without the bias of the values (step 4).

        Yields once, what is to be done with each block; blocks may be computed at the same time.

        Args:
            queries: (P, H, T, d), divided by the square root of d.
            weights: of a layer, or of the final attention.
        """
        prompts, heads, _, width = queries.shape
        low_rank_queries = self._by_left(queries, weights.key)
        low_rank_values = (weights.value.weight @ self._left).view(prompts, heads, width, -1).transpose(2, 3)
        starts = sorted({block.columns.start for block in self.blocks})
        read = queries.new_empty(len(starts), *queries.shape)
        log_sums = queries.new_empty(len(starts), *queries.shape[:3], 1)

        def read_block(block: ImageTokenBlock) -> None:
            index, part = starts.index(block.columns.start), block.prompts
            scores = block.scores(queries[part], low_rank_queries[part], weights.key)
            read[index, part], log_sums[index, part] = block.read(scores, low_rank_values[part], weights.value)

        yield read_block
        # A softmax over all columns is the mean of the blocks' softmaxes, weighted by their sums of exponentials.
        return read[0] if len(starts) == 1 else (torch.softmax(log_sums, 0) * read).sum(0)

    def read_tokens(
        self, keys: Tensor, values: Tensor, weights: ImageToTokenWeights
    ) -> Callable[[ImageTokenBlock], None]:
        """What is to be done with each block, so that the image tokens read the prompt tokens and are normalised.

        These are steps 2 and 3. Until it is done for all blocks, this object can be used no more.

        Args:
            keys: (P, H, T, d), divided by the square root of d.
            values: (P, H, T, d).
            weights: of the layer.
        """
        low_rank_keys = self._by_left(keys, weights.query)
        start = self._add_values(values, weights)
        left = self._left - self._left.mean(1, keepdim=True)
        # (J L)^T J L is symmetric: its block of new times old rows counts twice, the mirrored block is left out.
        gram = left.transpose(1, 2) @ left
        gram[:, start:, :start] *= 2
        self._left = torch.cat([left * weights.norm_weight, weights.norm_bias.expand(len(left), -1, -1)], 2)

        def read_block(block: ImageTokenBlock) -> None:
            part = block.prompts
            block.add_attention(block.scores(keys[part], low_rank_keys[part], weights.query))
            token_values = [_TokenValues(first[part], others[part]) for first, others in self._token_values]
            block.normalise(gram[part], start, token_values, weights)

        return read_block

    def times_left(self, weight: Tensor) -> Tensor:
        """(P, K, O), (W L)^T of a (C, O) weight W^T; the last row belongs to the constant row of R (step 5)."""
        return self._left.transpose(1, 2) @ weight

    def _by_left(self, vectors: Tensor, projection: ImageProjection) -> Tensor:
        """(P, H T, K): (P, H, T, d) vectors times W L, head by head."""
        prompts, heads, count, width = vectors.shape
        left = (projection.weight @ self._left).view(prompts, heads, width, -1)
        return (vectors @ left).view(prompts, heads * count, -1)

    def _add_values(self, values: Tensor, weights: ImageToTokenWeights) -> int:
        """Step 2 for L: adds columns; the index of the first of them."""
        if not self._left.shape[2]:
            self._left = values.new_zeros(*self._left.shape[:2], 1)
        start = self._left.shape[2]
        first, others = values[:, :, :1], values[:, :, 1:] - values[:, :, :1]
        first = torch.cat([first, torch.ones_like(first[..., :1])], -1)
        self._token_values.append(_TokenValues(first, others))
        new_columns = torch.matmul(weights.output[..., :-1], others.transpose(2, 3)).transpose(1, 2).flatten(2)
        self._left = torch.cat([self._left, new_columns], 2)
        # The constant row is the one before the new rows.
        self._left[:, :, start - 1] += torch.matmul(weights.output, first.transpose(2, 3)).sum(1)[..., 0]
        return start


class ImageTokenBlock:
    """Some columns, m of M, of R and s for b of the P prompts.

    Args:
        products: the image's.
        workspace: memory for intermediate results, used only within a method.
        right: (b, K_max, m) float32, memory for R.
        prompts: the prompts of the block.
        columns: the image tokens of the block.
        mask_features: (b, 16, m) float32; None without mask prompts.

    Attributes:
        prompts: as above.
        columns: as above.
        cancelled: () bool tensors, whether digits were lost, one for each layer norm so far.
    """

    def __init__(
        self,
        products: ImageProducts,
        workspace: Workspace,
        right: Tensor,
        prompts: slice,
        columns: slice,
        mask_features: Tensor | None,
    ) -> None:
        self.prompts, self.columns = prompts, columns
        self.cancelled: list[Tensor] = []
        self._products, self._workspace = products, workspace
        self._all_rows = right
        self._scale: Tensor | None = None  # (b, 1, m), s; None before the first layer norm, where it is 1
        self._has_masks = mask_features is not None
        self._rank = 0
        if mask_features is not None:
            self._rank = mask_features.shape[1] + 1
            right[:, : self._rank - 1] = mask_features
            right[:, self._rank - 1] = 1

    @property
    def _right(self) -> Tensor:
        """(b, K, m), R."""
        return self._all_rows[:, : self._rank]

    def scores(self, vectors: Tensor, low_rank_vectors: Tensor, projection: ImageProjection) -> Tensor:
        """(b, H, T, m) of the workspace: (b, H, T, d) vectors times W (X + P), head by head (step 1).

        Args:
            vectors: of the prompt tokens.
            low_rank_vectors: (b, H T, K), the vectors times W L.
            projection: W.
        """
        prompts, heads, count, width = vectors.shape
        scores = self._take("scores", (prompts, heads, count))
        flat, by_head = scores.flatten(1, 2), scores.flatten(0, 1)
        vectors = vectors.reshape(prompts * heads, count, width)
        torch.bmm(vectors, self._by_head(self._products.projected[projection.rows], heads), out=by_head)
        if self._rank:
            flat.baddbmm_(low_rank_vectors, self._right)
        if self._scale is not None:
            flat.mul_(self._scale)
        if projection.position is not None:
            by_head.baddbmm_(vectors, self._by_head(projection.position, heads))
        return scores

    def read(self, scores: Tensor, low_rank_values: Tensor, projection: ImageProjection) -> tuple[Tensor, Tensor]:
        """(b, H, T, d) values that the prompt tokens read in this block alone, and their weight (step 4).

        The weight is (b, H, T, 1): the logarithm of the sum of the exponentials of the scores.

        Args:
            scores: (b, H, T, m).
            low_rank_values: (b, H, K, d), (W L)^T by head.
            projection: W.
        """
        prompts, heads, count, _ = scores.shape
        attention = self._take("attention", (prompts, heads, count))
        torch.softmax(scores, -1, out=attention)
        # The largest weight is 1 / sum of exp(score - largest score).
        log_sums = scores.amax(-1, keepdim=True) - attention.amax(-1, keepdim=True).log_()
        flat, by_head = attention.flatten(1, 2), attention.flatten(0, 1)
        if self._scale is not None:
            flat.mul_(self._scale)
        values = torch.bmm(by_head, self._by_head(self._products.projected[projection.rows], heads).transpose(1, 2))
        if self._rank:
            right = torch.bmm(flat, self._right.transpose(1, 2)).view(prompts * heads, count, self._rank)
            values.baddbmm_(right, low_rank_values.flatten(0, 1))
        return values.view(prompts, heads, count, -1), log_sums

    def add_attention(self, scores: Tensor) -> None:
        """Step 2 for R: adds the rows of the attention of the image tokens to the prompt tokens.

        Args:
            scores: (b, H, T, m).
        """
        prompts, heads, count, _ = scores.shape
        attention = self._take("attention", (prompts, heads, count))
        torch.softmax(scores, 2, out=attention)
        if not self._rank:
            self._all_rows[:, 0], self._rank = 1, 1
        start, self._rank = self._rank, self._rank + heads * (count - 1)
        new_rows = self._right[:, start:].view(prompts, heads, count - 1, -1)
        if self._scale is None:
            new_rows.copy_(attention[:, :, 1:])
        else:
            torch.div(attention[:, :, 1:], self._scale[:, None], out=new_rows)

    def normalise(
        self, gram: Tensor, start: int, token_values: list[_TokenValues], weights: ImageToTokenWeights
    ) -> None:
        """Step 3 for s and R: the layer norm.

        Args:
            gram: (b, K, K), (J L)^T J L, with twice the block of new times old rows and without the mirrored one.
            start: index of the first row of R that this layer added.
            token_values: of each layer so far.
            weights: of the layer.
        """
        right = self._right
        products = self._take("products", right.shape[:2])
        self._fill_cross_products(products, token_values, weights)
        products[:, :start].baddbmm_(gram[:, :start, :start], right[:, :start], beta=2)
        products[:, start:].baddbmm_(gram[:, start:], right, beta=2)
        squares = products.mul_(right).sum(1, keepdim=True)
        fixed = self._products.squared_norms[len(token_values) - 1][:, self.columns]
        squares.add_(fixed)
        self.cancelled.append((squares < _CANCELLATION * fixed).any())
        variance = squares.div_(len(weights.norm_weight))
        if self._scale is not None:
            variance.mul_(self._scale).mul_(self._scale)
        inverse = variance.add_(weights.epsilon).rsqrt_()
        self._scale = inverse if self._scale is None else inverse.mul_(self._scale)
        torch.reciprocal(self._scale, out=self._all_rows[:, self._rank : self._rank + 1])
        self._rank += 1

    def scale_right(self) -> None:
        """Multiplies R by s: afterwards ``fill_upscaled`` can be called, and nothing else."""
        assert self._scale is not None, "there is at least one layer"
        self._right.mul_(self._scale)

    def fill_upscaled(self, left: Tensor, columns: slice, out: Tensor) -> None:
        """Fills (b, n, O) ``out`` with the up-scaling's first layer at n image tokens (step 5).

        Args:
            left: (b, K, O), (W L)^T of the block's prompts.
            columns: n columns of the block.
            out: contiguous.
        """
        assert self._scale is not None, "there is at least one layer"
        upscaled = self._products.upscaled[self.columns][columns]
        scale = self._scale[:, 0, columns, None]
        details = self._products.details
        if details:
            torch.addcmul(details[0][self.columns][columns], upscaled, scale, out=out)
        else:
            torch.mul(upscaled, scale, out=out)
        out.baddbmm_(self._right[:, :, columns].transpose(1, 2), left)

    def second_detail(self, columns: slice) -> Tensor | None:
        """(n, 16 C2): what a successor of SAM adds to the up-scaling's second layer; None for SAM.

        Args:
            columns: n columns of the block.
        """
        details = self._products.details
        return details[1][self.columns][columns] if details else None

    def _fill_cross_products(self, out: Tensor, token_values: list[_TokenValues], weights: ImageToTokenWeights) -> None:
        """Fills (b, K, m) with (J L)^T F, in the order of the rows of R.

        For each layer so far these are the columns before its constant column (the mask embedding's; none in later
        layers), the constant column, and those of the values that the layer added.
        """
        end = 0
        projected = self._products.projected[:, self.columns]
        for index, ((first, others), (earlier, output)) in enumerate(
            zip(token_values, weights.cross_products, strict=True)
        ):
            prompts, heads, count, width = others.shape
            constant = first.reshape(prompts, 1, -1) @ projected[output]
            if index or self._has_masks:
                # The mask embedding's bias is its last column; a norm's bias is the only one.
                bias = earlier.stop - 1
                constant += projected[bias]
                start, end = end, end + bias - earlier.start
                out[:, start:end] = projected[earlier.start : bias]
            out[:, end] = constant[:, 0]
            start, end = end + 1, end + 1 + heads * count
            vectors = others.reshape(prompts * heads, count, width)
            fixed = self._by_head(self._products.projected[output], heads)[:, :-1]
            if prompts == 1:
                torch.bmm(vectors, fixed, out=out[0, start:end].view(heads, count, -1))
            else:
                out[:, start:end] = torch.bmm(vectors, fixed).view(prompts, heads * count, -1)

    def _take(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """(*shape, m) of the workspace."""
        return self._workspace.take(name, (*shape, self._all_rows.shape[2]), self._all_rows)

    def _by_head(self, rows: Tensor, heads: int) -> Tensor:
        """(b H, O / H, m): the block's columns of (O, M) ``rows``, by head; a view where b is 1."""
        by_head = rows.view(heads, -1, rows.shape[1])[:, :, self.columns]
        prompts = len(self._all_rows)
        return by_head if prompts == 1 else by_head.repeat(prompts, 1, 1)


def _slices(count: int, size: int) -> list[slice]:
    """Slices of at most ``size`` that cover ``count``."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
