"""The image's side of SAM's mask decoder, in low rank: one product per image instead of a dozen per prompt.

SAM's decoder runs every prompt's image tokens, 4096 x 256 numbers, through its layers; written out, that is nearly all
of its work. But what a prompt does to them is of low rank: layer l adds ``B A``, where ``A`` holds the attention of
the image to a handful of prompt tokens. So the stream is never built and is kept as

    X = s * (F + E W)      F: constant for one image; s: one number per image token; E, W: thin, the prompt's own

and a linear map M of it is ``s * (M F + (M E) W)``, where every ``M F`` that the decoder can ask for is computed once
per image (``ImageMaps.terms``). A layer norm needs the lengths of centred columns only: a quadratic form in W, and
then changes s alone. A head's attention to T tokens adds up to one, so T - 1 rows of W and a share in a row common to
all heads hold it. All of it is exact algebra. It could lose digits where ``E W`` cancels ``F``; ``Stream.cancelled``
says so.

A mask prompt is a low-rank addition as well: its last layer maps 16 channels to 256.

Arrays are channels first, (channels, image tokens), since attention to and from the image is then contiguous. Letters:
C channels, M image tokens, H heads of d channels, T prompt tokens, K rows of W, b prompts at once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from samwidget.models.sam.folded_weights import ImageMaps, ImageTerms, LayerMaps, LinearMap

# Squared lengths below this share of the fixed part's have lost four of float32's seven digits.
_CANCELLATION = 1e-4


class Buffers:
    """Memory that grows to the largest call and is used again: a fresh 4 MB tensor costs 1 ms in page faults."""

    def __init__(self) -> None:
        self._memory: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """A tensor of ``shape`` with whatever is in it; it shares memory with all that were taken by this name."""
        count = 1
        for side in shape:
            count *= side
        memory = self._memory.get(name)
        if memory is None or memory.numel() < count or memory.device != like.device or memory.dtype != like.dtype:
            memory = self._memory[name] = torch.empty(count, dtype=like.dtype, device=like.device)
        return memory[:count].view(shape)

    @property
    def byte_count(self) -> int:
        """Bytes held."""
        return sum(memory.numel() * memory.element_size() for memory in self._memory.values())


class Stream:
    """The image tokens of b prompts on one image as ``s * (F + E W)``; changes as the layers pass.

    Args:
        maps: the decoder's constants.
        terms: the image's.
        buffers: memory for W and scratch; two streams that are alive need different ``name``.
        name: of this stream's W among the buffers.
        tokens: T.
        prompts: b.
        mask_features: (b, 16, M) float32, what the mask prompts' last layer reads; None without mask prompts.
    """

    def __init__(
        self,
        maps: ImageMaps,
        terms: ImageTerms,
        buffers: Buffers,
        name: str,
        tokens: int,
        prompts: int,
        mask_features: Tensor | None,
    ) -> None:
        self._maps, self._terms, self._buffers = maps, terms, buffers
        self._prompts = prompts
        self._scale: Tensor | None = None
        self._values: list[tuple[Tensor, Tensor]] = []
        self._tokens_in = mask_features is not None
        heads = [0 if layer.output is None else layer.output.shape[0] for layer in maps.layers]
        mask_rows = maps.mask_columns.shape[1] if mask_features is not None else 0
        size = max(1, mask_rows) + sum(count * (tokens - 1) + 1 for count in heads)
        self._rows = buffers.take(name, (prompts, size, terms.fixed.shape[1]), terms.fixed)
        self._columns = maps.mask_columns.expand(prompts, -1, -1)[:, :, :mask_rows]
        self._count = mask_rows
        self.cancelled = torch.zeros((), dtype=torch.bool, device=terms.fixed.device)
        if mask_features is not None:
            self._rows[:, : mask_rows - 1] = mask_features
            self._rows[:, mask_rows - 1] = 1

    def _fixed(self, rows: slice, heads: int) -> Tensor:
        """(b H, O / H, M) of the fixed part; a view where b is 1."""
        block = self._terms.fixed[rows].view(heads, -1, self._terms.fixed.shape[1])
        return block if self._prompts == 1 else block.repeat(self._prompts, 1, 1)

    def _scores(self, tokens: Tensor, image_map: LinearMap, first: bool) -> Tensor:
        """(b, H, T, M) scratch: the (b, H, T, d) vectors times the image's mapped and positioned vectors."""
        prompts, heads, count, width = tokens.shape
        pixels = self._terms.fixed.shape[1]
        scores = self._buffers.take("scores", (prompts, heads, count, pixels), self._terms.fixed)
        flat, by_head = scores.view(prompts, heads * count, pixels), scores.view(prompts * heads, count, pixels)
        vectors = tokens.reshape(prompts * heads, count, width)
        torch.bmm(vectors, self._fixed(image_map.rows, heads), out=by_head)
        if self._count:
            mapped = (image_map.weight @ self._columns).view(prompts * heads, width, self._count)
            flat.baddbmm_(torch.bmm(vectors, mapped).view(prompts, heads * count, -1), self._rows[:, : self._count])
        if self._scale is not None:
            flat.mul_(self._scale)
        if not first and image_map.position is not None:
            position = image_map.position.view(heads, width, -1)
            by_head.baddbmm_(vectors, position if prompts == 1 else position.repeat(prompts, 1, 1))
        return scores

    def attend(self, queries: Tensor, layer: LayerMaps) -> Tensor:
        """(b, H, T, d): what the tokens read in the image, without the bias of the values.

        Args:
            queries: (b, H, T, d), scaled.
            layer: one of the decoder's, or the final attention's maps.
        """
        prompts, heads, count, width = queries.shape
        scores = self._scores(queries, layer.key, first=layer is self._maps.layers[0])
        weights = self._buffers.take("weights", tuple(scores.shape), scores)
        torch.softmax(scores, -1, out=weights)
        flat, by_head = weights.view(prompts, heads * count, -1), weights.view(prompts * heads, count, -1)
        if self._scale is not None:
            flat.mul_(self._scale)
        low_rank = None
        if self._count:
            mapped = (layer.value.weight @ self._columns).view(prompts * heads, width, self._count)
            seen = torch.bmm(flat, self._rows[:, : self._count].transpose(1, 2))
            low_rank = torch.bmm(seen.view(prompts * heads, count, self._count), mapped.transpose(1, 2))
        out = torch.bmm(by_head, self._fixed(layer.value.rows, heads).transpose(1, 2))
        return (out if low_rank is None else out.add_(low_rank)).view(prompts, heads, count, width)

    def update(self, keys: Tensor, values: Tensor, layer: LayerMaps) -> None:
        """Lets the image read the tokens, adds what it reads to the stream and normalises.

        Args:
            keys: (b, H, T, d), scaled.
            values: (b, H, T, d).
            layer: one of the decoder's.
        """
        assert layer.query is not None
        assert layer.output is not None
        assert layer.scale is not None
        assert layer.shift is not None
        prompts, heads, count, _ = keys.shape
        scores = self._scores(keys, layer.query, first=layer is self._maps.layers[0])
        weights = self._buffers.take("weights", tuple(scores.shape), scores)
        torch.softmax(scores, 2, out=weights)
        if not self._count:
            self._rows[:, 0], self._count = 1, 1
            self._columns = keys.new_zeros(prompts, self._maps.mask_columns.shape[0], 1)
        # Every pixel reads the first token, and from each other one by its weight how that differs from the first.
        start, self._count = self._count, self._count + heads * (count - 1)
        new = self._rows[:, start : self._count].view(prompts, heads, count - 1, -1)
        if self._scale is None:
            new.copy_(weights[:, :, 1:])
        else:
            torch.div(weights[:, :, 1:], self._scale[:, None], out=new)
        first, others = values[:, :, :1], values[:, :, 1:] - values[:, :, :1]
        first = torch.cat([first, torch.ones_like(first[..., :1])], -1)
        self._values.append((first, others))
        read = torch.matmul(layer.output[..., :-1], others.transpose(2, 3)).transpose(1, 2).flatten(2)
        columns = torch.cat([self._columns, read], 2)
        # The row before the new ones is that of ones.
        columns[:, :, start - 1] += torch.matmul(layer.output, first.transpose(2, 3)).sum(1)[..., 0]
        columns -= columns.mean(1, keepdim=True)

        squares = self._squares(columns, self._rows[:, : self._count], start, layer).div_(columns.shape[1])
        if self._scale is not None:
            squares.mul_(self._scale).mul_(self._scale)
        inverse = squares.add_(layer.epsilon).rsqrt_()
        self._scale = inverse if self._scale is None else inverse.mul_(self._scale)
        torch.reciprocal(self._scale, out=self._rows[:, self._count : self._count + 1])
        self._count += 1
        self._columns = torch.cat([columns * layer.scale, layer.shift.expand(prompts, -1, -1)], 2)

    def _squares(self, columns: Tensor, rows: Tensor, start: int, layer: LayerMaps) -> Tensor:
        """(b, 1, M) squared lengths of ``F + columns rows``, all centred; the rows from ``start`` on are new."""
        products = self._buffers.take("products", tuple(rows.shape), rows)
        self._cross_products(products, layer)
        # The quadratic form is symmetric: old times new counts twice instead of once in each corner.
        gram = columns.transpose(1, 2) @ columns
        gram[:, start:, :start] *= 2
        products[:, :start].baddbmm_(gram[:, :start, :start], rows[:, :start], beta=2)
        products[:, start:].baddbmm_(gram[:, start:], rows, beta=2)
        squares = products.mul_(rows).sum(1, keepdim=True)
        fixed = self._terms.lengths[len(self._values) - 1]
        squares.add_(fixed)
        self.cancelled = self.cancelled | (squares < _CANCELLATION * fixed).any()
        return squares

    def _cross_products(self, out: Tensor, layer: LayerMaps) -> None:
        """Fills (b, K, M) with the columns of E times F: the mask's, then each layer's row of ones and what it read."""
        end = 0
        for index, (first, others) in enumerate(self._values):
            prompts, heads, count, width = others.shape
            given, read = layer.crosses[2 * index : 2 * index + 2]
            ones = first.reshape(prompts, 1, -1) @ self._terms.fixed[read]
            if index or self._tokens_in:
                # A layer's shift is one row, the mask's bias the last of several.
                last = given.stop - 1
                ones += self._terms.fixed[last]
                start, end = end, end + last - given.start
                out[:, start:end] = self._terms.fixed[given.start : last]
            out[:, end] = ones[:, 0]
            start, end = end + 1, end + 1 + heads * count
            vectors, fixed = others.reshape(prompts * heads, count, width), self._fixed(read, heads)[:, :-1]
            if prompts == 1:
                torch.bmm(vectors, fixed, out=out[0, start:end].view(heads, count, -1))
            else:
                out[:, start:end] = torch.bmm(vectors, fixed).view(prompts, heads * count, -1)

    def finish(self, weight: Tensor, bias: Tensor) -> Tensor:
        """(b, K, O): E times (C, O) ``weight``, with (O,) ``bias`` on the row of ones; W is scaled by s from now on."""
        assert self._scale is not None
        self._rows[:, : self._count].mul_(self._scale)
        mapped = self._columns.transpose(1, 2) @ weight
        mapped[:, -1] += bias
        return mapped

    def up_scaled(self, coefficients: Tensor, pixels: slice, out: Tensor) -> None:
        """Fills (b, m, O) with the up-scaling's map of the finished stream at ``pixels``, by what ``finish`` gave."""
        assert self._scale is not None
        torch.mul(self._terms.up[pixels], self._scale[:, 0, pixels, None], out=out)
        out.baddbmm_(self._rows[:, : self._count, pixels].transpose(1, 2), coefficients)
