"""What SAM's mask decoder asks of an image, as linear maps: constant per model, and their products per image.

Owns the folding of the decoder's weights; ``sam_stream``, which explains the algebra and the letters, uses the maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A linear map of the stream to (H, d) channels, for attention.

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
        output: (H, C, d + 1) values of the tokens to channels; the last column is a share of the bias, which works
            since the attention to the tokens adds up to one.
        crosses: for each part of W, where its columns' products with the fixed part begin in ``ImageTerms.fixed``.
        scale: (C, 1) of the layer norm.
        shift: (C, 1) of the layer norm.
        epsilon: of the layer norm.
    """

    key: LinearMap
    value: LinearMap
    query: LinearMap | None = None
    output: Tensor | None = None
    crosses: tuple[slice, ...] = ()
    scale: Tensor | None = None
    shift: Tensor | None = None
    epsilon: float = 0.0


@dataclass(frozen=True, eq=False)
class ImageTerms:
    """What is constant for one image, kept beside its embedding: 28 MB for SAM's 4096 tokens.

    Attributes:
        fixed: (rows, M), every map of the fixed part.
        up: (M, O), the up-scaling's map of the fixed part; pixel by pixel, as the up-scaling goes on.
        lengths: (layers, 1, M), squared lengths of the centred fixed part.
    """

    fixed: Tensor
    up: Tensor
    lengths: Tensor

    @property
    def byte_count(self) -> int:
        """Bytes held."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (self.fixed, self.up, self.lengths))


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
        self._up = self._put((up @ chain).T)
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

    def _map(self, linear: Any, chain: Tensor, positions: Tensor | None, fold: bool = False) -> LinearMap:
        weight = _double(linear.weight)
        # The bias of the values is added to the tokens afterwards, since the attention adds up to one.
        position = None if positions is None else self._put(weight @ positions + _double(linear.bias)[:, None])
        return LinearMap(self._put(weight), self._add(weight @ chain), position)

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
        return ImageTerms(fixed, stream.T @ self._up, lengths)


def _double(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float64)


def _output(attention: Any) -> Tensor:
    """(H, C, d + 1) float64: a head's columns of the output's weight, and its share of the bias."""
    heads = int(attention.num_attention_heads)
    weight = _double(attention.out_proj.weight)
    weight = weight.view(len(weight), heads, -1).transpose(0, 1)
    bias = (_double(attention.out_proj.bias) / heads).reshape(1, -1, 1).expand(heads, -1, 1)
    return torch.cat([weight, bias], 2)
