"""Weights of SAM's mask decoder multiplied together in advance, and their products with one image.

Owns two kinds of constants: those of the model (``FoldedWeights``), and those of an image (``ImageProducts``), which
all prompts on that image share. ``low_rank`` explains the algebra and its symbols, and uses both; ``fast_decoder``
makes them. Nothing here depends on a prompt.

The fixed part F of the image tokens passes the decoder's layers through linear maps only, as far as it is separated
from the scale s (``low_rank``, step 3):

    F_0 = image embedding + no_mask_embed                    before the first layer
    F_l = G_l F_0,   G_0 = I,   G_(l+1) = diag(gamma_l) J G_l    after layer l; gamma_l is the weight of ``layer_norm4``

So each product W F_l that a layer needs is (W G_l) F_0, and W G_l is a constant of the model. All the W G_l, one below
the other, make one matrix, and one product with F_0 gives an image everything that its prompts will need.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from samwidget.models.threads import run_in_threads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn
    from transformers import SamModel
    from transformers.models.sam.modeling_sam import SamAttention, SamTwoWayAttentionBlock, SamTwoWayTransformer


@dataclass(frozen=True, eq=False)
class ImageProjection:
    """The weight W of a linear layer that makes queries, keys or values of the image tokens; O = H d outputs.

    Attributes:
        weight: (O, C) float32, W.
        rows: the rows of ``ImageProducts.projected`` that hold W F_l.
        position: (O, M) float32, W times the positional encoding of the image tokens, plus the layer's bias. None where
            nothing is to be added: for values, and in the first layer, where ``rows`` include it already.
    """

    weight: Tensor
    rows: slice
    position: Tensor | None = None


@dataclass(frozen=True, eq=False)
class TokenToImageWeights:
    """``cross_attn_token_to_image`` of a layer, or ``final_attn_token_to_image``: the prompt tokens read the image.

    Attributes:
        key: of the image tokens, with their positional encoding.
        value: of the image tokens; its bias is left to the caller.
    """

    key: ImageProjection
    value: ImageProjection


@dataclass(frozen=True, eq=False)
class ImageToTokenWeights:
    """``cross_attn_image_to_token`` of a layer and the ``layer_norm4`` behind it: the image reads the prompt tokens.

    Attributes:
        query: of the image tokens, with their positional encoding.
        output: (H, C, d + 1) float32, O_h | o / H: each head's columns of ``out_proj`` and its share of the bias o.
        cross_products: for this layer and each one before it, two groups of rows of ``ImageProducts.projected``, which
            are F_l multiplied by the constants from which columns of L are made: first those of the mask embedding
            (first layer) or of the previous layer's ``norm_bias`` (later layers), then those of ``output``.
        norm_weight: (C, 1) float32, gamma.
        norm_bias: (C, 1) float32, beta.
        epsilon: of the layer norm.
    """

    query: ImageProjection
    output: Tensor
    cross_products: tuple[tuple[slice, slice], ...]
    norm_weight: Tensor
    norm_bias: Tensor
    epsilon: float


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """One ``SamTwoWayAttentionBlock``, as far as it concerns the image tokens; attributes are named as there."""

    token_to_image: TokenToImageWeights
    image_to_token: ImageToTokenWeights


@dataclass(frozen=True, eq=False)
class ImageProducts:
    """Everything about an image that its prompts share; 28 MB for SAM's 4096 image tokens.

    Attributes:
        projected: (rows, M) float32, all W F_l, one below the other.
        upscaled: (M, O) float32, F after the last layer, times the weight of ``upscale_conv1``. Pixel by pixel, since
            the up-scaling continues so.
        squared_norms: (layers, 1, M) float32, |J F_l|^2 of each image token.
    """

    projected: Tensor
    upscaled: Tensor
    squared_norms: Tensor

    @property
    def details(self) -> tuple[Tensor, Tensor] | None:
        """What successors of SAM add in the up-scaling, as ``Upscaler.details`` returns it; None for SAM."""
        return None

    @property
    def byte_count(self) -> int:
        """Bytes held."""
        return sum(tensor.nbytes for tensor in self._tensors)

    def copy(self) -> ImageProducts:
        """The same numbers in other memory."""
        return type(self)(*(tensor.clone() for tensor in self._tensors))

    def copy_(self, other: ImageProducts) -> None:
        """Takes the numbers of another image, into the same memory."""
        for tensor, other_tensor in zip(self._tensors, other._tensors, strict=True):
            tensor.copy_(other_tensor)

    @property
    def _tensors(self) -> tuple[Tensor, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))


class FoldedWeights:
    """The constants of a decoder, computed in float64 on the CPU and kept in float32 on the device.

    Args:
        model: a ``SamModel`` for which ``fast_decoder.reason_not_covered`` is empty.
        upscaling_weight: (O, C) float64, ``upscale_conv1`` as a matrix (``Upscaler.first_weight``).
        device: where they are used.

    Attributes:
        layers: the decoder's layers.
        final: its last attention to the image.
        mask_embedding: (C, 17) float32 for SAM, W_3 | b_3 - no_mask_embed: the weight and bias of ``mask_embed.conv3``,
            which turns the features of a mask prompt into what is added to the image.
    """

    def __init__(self, model: SamModel, upscaling_weight: Tensor, device: torch.device) -> None:
        self._device = device
        self._rows: list[Tensor] = []
        self._row_count = 0
        transformer = model.mask_decoder.transformer
        positions = _double(model.get_image_wide_positional_embeddings()[0].flatten(1))  # type: ignore[no-untyped-call]
        channels = positions.shape[0]
        centring = torch.eye(channels, dtype=torch.float64) - 1 / channels
        no_mask = _double(model.prompt_encoder.no_mask_embed.weight).reshape(-1, 1)
        conv3 = model.prompt_encoder.mask_embed.conv3
        assert conv3.bias is not None, "SAM's convolutions have a bias"
        mask_embedding = torch.cat([_double(conv3.weight).flatten(1), _double(conv3.bias).reshape(-1, 1) - no_mask], 1)

        folded = torch.eye(channels, dtype=torch.float64)  # G_l
        # The constants from which columns of L are made, with all layer norms since applied to them.
        sources, centred = [mask_embedding], []
        self.layers: list[LayerWeights] = []
        self._first_positions: list[tuple[slice, Tensor]] = []
        for layer in layers_of(transformer):
            to_image, to_token = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
            norm = layer.layer_norm4
            output = _output_by_head(to_token)
            sources.append(output.permute(1, 0, 2).flatten(1))
            sources = [centring @ source for source in sources]
            gamma, beta = _double(norm.weight)[:, None], _double(norm.bias)[:, None]
            is_first = not self.layers
            key = self._projection(to_image.k_proj, folded, positions, s_is_one=is_first)
            value = self._projection(to_image.v_proj, folded, None)
            query = self._projection(to_token.q_proj, folded, positions, s_is_one=is_first)
            cross_products = [self._append(source.T @ folded) for source in sources]
            image_to_token = ImageToTokenWeights(
                query,
                self._put(output),
                cross_products=tuple(zip(cross_products[::2], cross_products[1::2], strict=True)),
                norm_weight=self._put(gamma),
                norm_bias=self._put(beta),
                epsilon=norm.eps,
            )
            self.layers.append(LayerWeights(TokenToImageWeights(key, value), image_to_token))
            centred.append(centring @ folded)
            folded = gamma * centred[-1]
            sources = [*(gamma * source for source in sources), beta]
        final = transformer.final_attn_token_to_image
        self.final = TokenToImageWeights(
            self._projection(final.k_proj, folded, positions), self._projection(final.v_proj, folded, None)
        )
        self.mask_embedding = self._put(mask_embedding)
        self._upscaling = self._put((upscaling_weight @ folded).T)
        self._no_mask = self._put(no_mask)
        self._centred = self._put(torch.stack(centred))
        self._stack = self._put(torch.cat(self._rows))
        self._rows.clear()

    def multiply(self, image_embeddings: Tensor, threads: int) -> ImageProducts:
        """The products with one image: 1.8 GMAC for SAM, as many as one decode in transformers.

        Args:
            image_embeddings: (C, M) float32.
            threads: that share the work; 1 on a GPU.
        """
        fixed = image_embeddings + self._no_mask
        pixels = fixed.shape[1]
        projected = fixed.new_empty(len(self._stack), pixels)
        upscaled = fixed.new_empty(pixels, self._upscaling.shape[1])
        squared_norms = fixed.new_empty(len(self._centred), 1, pixels)

        def fill(columns: slice) -> None:
            part = fixed[:, columns]
            projected[:, columns] = self._stack @ part
            for rows, position in self._first_positions:
                projected[rows, columns] += position[:, columns]
            upscaled[columns] = part.T @ self._upscaling
            for norms, centred in zip(squared_norms, self._centred, strict=True):
                norms[0, columns] = (centred @ part).square_().sum(0)

        if threads == 1:
            fill(slice(None))
        else:
            step = -(-pixels // (2 * threads))
            run_in_threads(fill, [slice(start, start + step) for start in range(0, pixels, step)], threads)
        return ImageProducts(projected, upscaled, squared_norms)

    def _projection(
        self, linear: nn.Linear, folded: Tensor, positions: Tensor | None, *, s_is_one: bool = False
    ) -> ImageProjection:
        """The constants of one linear layer.

        Args:
            linear: its weight is (O, C).
            folded: (C, C) float64, G_l.
            positions: (C, M) float64, the positional encoding; None for values. Their bias is added by ``fast_decoder``
                to what the prompt tokens read, since attention weights add up to one.
            s_is_one: whether the positional part may be added to W F_l: it must not be scaled by s.
        """
        weight = _double(linear.weight)
        rows = self._append(weight @ folded)
        position = None if positions is None else self._put(weight @ positions + _double(linear.bias)[:, None])
        if position is not None and s_is_one:
            self._first_positions.append((rows, position))
            position = None
        return ImageProjection(self._put(weight), rows, position)

    def _append(self, rows: Tensor) -> slice:
        """Adds rows to the matrix that is multiplied with each image; their position in it."""
        self._rows.append(rows)
        self._row_count += len(rows)
        return slice(self._row_count - len(rows), self._row_count)

    def _put(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device, torch.float32).contiguous()


def layers_of(transformer: SamTwoWayTransformer) -> Iterable[SamTwoWayAttentionBlock]:
    """The layers, with their type: a ``ModuleList`` does not know it."""
    return cast("Iterable[SamTwoWayAttentionBlock]", transformer.layers)


def output_layer(attention: SamAttention) -> nn.Linear:
    """The last layer of an attention: ``out_proj`` in SAM, ``o_proj`` in its successors."""
    return cast("nn.Linear", getattr(attention, "o_proj", None) or attention.out_proj)


def _double(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float64)


def _output_by_head(attention: SamAttention) -> Tensor:
    """(H, C, d + 1) float64: each head's columns of ``out_proj``, and its share of the bias."""
    heads, layer = int(attention.num_attention_heads), output_layer(attention)
    weight = _double(layer.weight)
    weight = weight.view(len(weight), heads, -1).transpose(0, 1)
    bias = (_double(layer.bias) / heads).reshape(1, -1, 1).expand(heads, -1, 1)
    return torch.cat([weight, bias], 2)
