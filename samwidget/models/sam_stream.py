"""The image's side of SAM's mask decoder, in low rank: one product per image instead of a dozen per prompt.

SAM's decoder runs every prompt's image tokens, 4096 x 256 numbers, through its layers; written out, that is nearly all
of its work. But what a prompt does to them is of low rank: layer l adds ``B A``, where ``A`` holds the attention of
the image to a handful of prompt tokens. So the stream is never built and is kept as

    X = s * F + E W        F: constant for one image; s: one number per image token; E, W: thin, the prompt's own

and a linear map M of it is ``s * (M F) + (M E) W``, where every ``M F`` that the decoder can ask for is computed once
per image (``ImageMaps.terms``). A layer norm needs the lengths of centred columns only, which are a quadratic form in W.
All of it is exact algebra. It could lose digits where ``E W`` cancels ``s * F``; ``Stream.cancelled`` says so.

A mask prompt is a low-rank addition as well: its last layer maps 16 channels to 256.

Arrays are channels first, (channels, image tokens), since attention to and from the image is then contiguous. Letters:
C channels, M image tokens, H heads of d channels, T prompt tokens, R = H T, K rows of W, b prompts at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

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


@dataclass(frozen=True, eq=False)
class _Map:
    """A linear map of the stream: to (H, d) channels for attention, or to any channels.

    Attributes:
        weight: (O, C).
        rows: where ``weight`` times the fixed part lies in ``ImageTerms.fixed``.
        position: (O, M), the map of the positional encoding plus the bias; None where it is part of ``fixed``.
    """

    weight: Tensor
    rows: slice
    position: Tensor | None = None


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """What a layer asks of the stream, for the attention of the tokens and for that of the image.

    Attributes:
        key: image keys for the tokens.
        value: image values for the tokens.
        query: image queries about the tokens; None in the final attention, which leaves the image as it is.
        output: (H, C, d + 1) values of the tokens to channels; the last column is a share of the bias, which works since
            the attention to the tokens adds up to one.
        crosses: for each part of W, where its columns' products with the fixed part begin in ``ImageTerms.fixed``.
        scale: (C, 1) of the layer norm.
        shift: (C, 1) of the layer norm.
        epsilon: of the layer norm.
    """

    key: _Map
    value: _Map
    query: _Map | None = None
    output: Tensor | None = None
    crosses: tuple[slice, ...] = ()
    scale: Tensor | None = None
    shift: Tensor | None = None
    epsilon: float = 0.0


@dataclass(frozen=True, eq=False)
class ImageTerms:
    """What is constant for one image, kept beside its embedding: 29 MB for SAM's 4096 tokens.

    Attributes:
        fixed: (rows, M), every map of the fixed part.
        lengths: (layers, 1, M), squared lengths of the centred fixed part.
    """

    fixed: Tensor
    lengths: Tensor

    @property
    def byte_count(self) -> int:
        """Bytes held."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (self.fixed, self.lengths))


class ImageMaps:
    """The constants of a decoder, from the weights of transformers' ``SamModel``; computed in float64 on the CPU.

    Args:
        model: a ``SamModel`` that ``sam_decoder.reason_not_covered`` has nothing against.
        up: (O, C) float64, the map that the up-scaling begins with.
        device: where they are used.
    """

    def __init__(self, model: Any, up: Tensor, device: torch.device) -> None:
        self._device = device
        self._rows: list[Tensor] = []
        self._row_count = 0
        transformer = model.mask_decoder.transformer
        positions = model.get_image_wide_positional_embeddings()[0].flatten(1).to("cpu", torch.float64)
        channels = positions.shape[0]
        centring = torch.eye(channels, dtype=torch.float64) - 1 / channels
        no_mask = _double(model.prompt_encoder.no_mask_embed.weight).reshape(-1, 1)
        last = model.prompt_encoder.mask_embed.conv3
        mask = torch.cat([_double(last.weight).flatten(1), _double(last.bias).reshape(-1, 1) - no_mask], 1)

        chain = torch.eye(channels, dtype=torch.float64)
        sources, norms = [mask], []
        self.layers: list[LayerMaps] = []
        for index, layer in enumerate(transformer.layers):
            to_image, from_image = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
            norm = layer.layer_norm4
            output = _output(from_image)
            sources.append(output.permute(1, 0, 2).flatten(1))
            sources = [centring @ source for source in sources]
            scale, shift = _double(norm.weight)[:, None], _double(norm.bias)[:, None]
            at = None if index else positions
            self.layers.append(
                LayerMaps(
                    key=self._map(to_image.k_proj, chain, positions, fold=at is not None),
                    value=self._map(to_image.v_proj, chain, None),
                    query=self._map(from_image.q_proj, chain, positions, fold=at is not None),
                    output=self._put(output),
                    crosses=tuple(self._add(source.T @ chain) for source in sources),
                    scale=self._put(scale),
                    shift=self._put(shift),
                    epsilon=norm.eps,
                )
            )
            norms.append(centring @ chain)
            chain = scale * norms[-1]
            sources = [*(scale * source for source in sources), shift]
        final = transformer.final_attn_token_to_image
        self.final = LayerMaps(
            key=self._map(final.k_proj, chain, positions), value=self._map(final.v_proj, chain, None)
        )
        self.up = _Map(self._put(up), self._add(up @ chain))
        self.mask_columns = self._put(mask)
        self._no_mask = self._put(no_mask)
        self._norms = self._put(torch.stack(norms))
        self._stack = self._put(torch.cat(self._rows))
        self._rows.clear()

    def _put(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device, torch.float32).contiguous()

    def _add(self, rows: Tensor) -> slice:
        self._rows.append(rows)
        self._row_count += len(rows)
        return slice(self._row_count - len(rows), self._row_count)

    def _map(self, linear: Any, chain: Tensor, positions: Tensor | None, fold: bool = False) -> _Map:
        weight = _double(linear.weight)
        # The bias of the values is added to the tokens afterwards, since the attention adds up to one.
        position = None if positions is None else self._put(weight @ positions + _double(linear.bias)[:, None])
        return _Map(self._put(weight), self._add(weight @ chain), position)

    def terms(self, image_embeddings: Tensor) -> ImageTerms:
        """What is constant for one image; 1.8 GMAC for SAM, as much as one decode in transformers.

        Args:
            image_embeddings: (C, M) float32.
        """
        stream = image_embeddings + self._no_mask
        fixed = self._stack @ stream
        first = self.layers[0]
        for each in (first.key, first.query):
            assert each is not None
            assert each.position is not None
            fixed[each.rows] += each.position
        lengths = torch.stack([(norm @ stream).square_().sum(0, keepdim=True) for norm in self._norms])
        return ImageTerms(fixed, lengths)


class Stream:
    """The image tokens of b prompts on one image as ``s * F + E W``; changes as the layers pass.

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
        self._values: list[Tensor] = []
        self._tokens_in = mask_features is not None
        heads = [0 if layer.output is None else layer.output.shape[0] for layer in maps.layers]
        mask_rows = maps.mask_columns.shape[1] if mask_features is not None else 0
        size = mask_rows + sum(count * tokens + 1 for count in heads)
        self._rows = buffers.take(name, (prompts, size, terms.fixed.shape[1]), terms.fixed)
        self._columns = maps.mask_columns.expand(prompts, -1, -1)[:, :, :mask_rows]
        self._count = mask_rows
        self.cancelled = torch.zeros((), dtype=torch.bool, device=terms.fixed.device)
        if mask_features is not None:
            self._rows[:, : mask_rows - 1] = mask_features
            self._rows[:, mask_rows - 1] = 1

    def _fixed(self, rows: slice, heads: int) -> Tensor:
        """(b H, O / H, M) of the fixed part; a view where b is 1."""
        block = self._terms.fixed[rows].unflatten(0, (heads, -1))
        return block if self._prompts == 1 else block.repeat(self._prompts, 1, 1)

    def _scores(self, tokens: Tensor, image_map: _Map, first: bool) -> Tensor:
        """(b, H, T, M) scratch: the (b, H, T, d) vectors times the image's mapped and positioned vectors."""
        prompts, heads, count, width = tokens.shape
        pixels = self._terms.fixed.shape[1]
        scores = self._buffers.take("scores", (prompts, heads, count, pixels), self._terms.fixed)
        flat, by_head = scores.view(prompts, heads * count, pixels), scores.view(prompts * heads, count, pixels)
        vectors = tokens.reshape(prompts * heads, count, width)
        torch.bmm(vectors, self._fixed(image_map.rows, heads), out=by_head)
        if self._scale is not None:
            flat.mul_(self._scale)
        if self._count:
            mapped = (image_map.weight @ self._columns).view(prompts * heads, width, self._count)
            flat.baddbmm_(torch.bmm(vectors, mapped).view(prompts, heads * count, -1), self._rows[:, : self._count])
        if not first and image_map.position is not None:
            position = image_map.position.unflatten(0, (heads, width))
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
        low_rank = None
        if self._count:
            mapped = (layer.value.weight @ self._columns).view(prompts * heads, width, self._count)
            seen = torch.bmm(flat, self._rows[:, : self._count].transpose(1, 2))
            low_rank = torch.bmm(seen.view(prompts * heads, count, self._count), mapped.transpose(1, 2))
        if self._scale is not None:
            flat.mul_(self._scale)
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
        start, self._count = self._count, self._count + heads * count
        torch.softmax(scores, 2, out=self._rows[:, start : self._count].view(scores.shape))
        self._values.append(torch.cat([values, torch.ones_like(values[..., :1])], -1))
        read = torch.matmul(layer.output, self._values[-1].transpose(2, 3)).transpose(1, 2).flatten(2)
        columns = torch.cat([self._columns, read], 2)
        columns = columns - columns.mean(1, keepdim=True)

        rows = self._rows[:, : self._count]
        squares = self._squares(columns, rows, start, layer)
        inverse = squares.div_(columns.shape[1]).add_(layer.epsilon).rsqrt_()
        rows.mul_(inverse)
        self._rows[:, self._count] = 1
        self._count += 1
        self._columns = torch.cat([columns * layer.scale, layer.shift.expand(prompts, -1, -1)], 2)
        self._scale = inverse if self._scale is None else inverse.mul_(self._scale)

    def _squares(self, columns: Tensor, rows: Tensor, start: int, layer: LayerMaps) -> Tensor:
        """(b, 1, M) squared lengths of ``s * F + columns rows``, all centred; the rows from ``start`` on are new."""
        products = self._buffers.take("products", tuple(rows.shape), rows)
        self._cross_products(products, layer)
        products.mul_(2 if self._scale is None else 2 * self._scale)
        # The quadratic form is symmetric: old times new counts twice instead of once in each corner.
        gram = columns.transpose(1, 2) @ columns
        gram[:, start:, :start] *= 2
        if start:
            products[:, :start].baddbmm_(gram[:, :start, :start], rows[:, :start])
        products[:, start:].baddbmm_(gram[:, start:], rows)
        squares = products.mul_(rows).sum(1, keepdim=True)
        fixed = self._terms.lengths[len(self._values) - 1]
        if self._scale is not None:
            fixed = self._scale.square() * fixed
        squares.add_(fixed)
        self.cancelled = self.cancelled | (squares < _CANCELLATION * fixed).any()
        return squares

    def _cross_products(self, out: Tensor, layer: LayerMaps) -> None:
        """Fills (b, K, M) with the columns of E times the fixed part."""
        parts = iter(self._values)
        start = 0
        # In the order in which they were added: the mask's, then by turns what a layer read and its shift.
        for index, rows in enumerate(layer.crosses):
            if index % 2:
                values = next(parts)
                prompts, heads, count, width = values.shape
                end = start + heads * count
                vectors, fixed = values.reshape(prompts * heads, count, width), self._fixed(rows, heads)
                if prompts == 1:
                    torch.bmm(vectors, fixed, out=out[0, start:end].view(heads, count, -1))
                else:
                    out[:, start:end] = torch.bmm(vectors, fixed).view(prompts, heads * count, -1)
            elif index or self._tokens_in:
                end = start + rows.stop - rows.start
                out[:, start:end] = self._terms.fixed[rows]
            else:
                end = start
            start = end

    def coefficients(self, image_map: _Map, bias: Tensor) -> Tensor:
        """(b, O, K): the map of the finished stream's columns, with (O,) ``bias`` on the row of ones."""
        mapped = image_map.weight @ self._columns
        mapped[:, :, -1] += bias
        return mapped

    def mapped(self, image_map: _Map, coefficients: Tensor, pixels: slice, out: Tensor) -> Tensor:
        """(b, O, m) in ``out``: the map of the finished stream at ``pixels``, with the ``coefficients`` of the map."""
        assert self._scale is not None
        torch.mul(self._terms.fixed[image_map.rows, pixels], self._scale[:, :, pixels], out=out)
        return out.baddbmm_(coefficients, self._rows[:, : self._count, pixels])


def _double(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float64)


def _output(attention: Any) -> Tensor:
    """(H, C, d + 1) float64: a head's columns of the output's weight, and its share of the bias."""
    heads = int(attention.num_attention_heads)
    weight = _double(attention.out_proj.weight).unflatten(1, (heads, -1)).transpose(0, 1)
    bias = (_double(attention.out_proj.bias) / heads).reshape(1, -1, 1).expand(heads, -1, 1)
    return torch.cat([weight, bias], 2)
