"""SAM's mask decoder, arranged so that what depends only on the image is computed once per image.

Replaces ``SamMaskDecoder.forward`` of transformers and gives the same logits and scores, up to rounding: 5e-6 of the
logits' standard deviation. Owns the prompt tokens' half of the two-way transformer, which is small and runs for several
prompts together, and keeps the constants of recent images. The image tokens' half is in ``low_rank``, which explains
the algebra; the last layers are in ``upscaling``. Prompts become tokens in the model's own ``SamPromptEncoder``.
``base.BaseSegmenter`` is the only caller. Plain torch with the model's own weights; nothing is compiled. Decoders of
SAM's successors derive from it: their layers have the same names but for two, which ``output_layer`` and
``_packed_mlp`` know.

Runs in float32 on every device. With the image tokens rounded to float16 the tests' masks agreed with the reference at
IoU 0.998 to 0.9999, with bfloat16 at 0.990, and 0.999 is required. It has been run on CUDA, not on MPS.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samwidget.models.sam.cuda_graph import Decode, Decoded, GraphedDecoder
from samwidget.models.sam.folded_weights import (
    FoldedWeights,
    ImageProducts,
    TokenToImageWeights,
    layers_of,
    output_layer,
)
from samwidget.models.sam.linear import prepare
from samwidget.models.sam.low_rank import BlockSize, ImageTokenBlock, LowRankImageTokens
from samwidget.models.sam.upscaling import Upscaler
from samwidget.models.sam.workspace import Workspace
from samwidget.models.segmenter import Embedding
from samwidget.models.threads import one_thread, run_in_threads

if TYPE_CHECKING:
    from transformers import SamModel
    from transformers.models.sam.modeling_sam import SamAttention, SamFeedForward

TOKENS_MAX = 24
"""Prompt tokens, five of them the network's own, up to which low rank pays; beyond, transformers is about as fast."""
IMAGES_MAX = 2
"""Images whose products are kept, 28 MB each for SAM; computing them takes as long as two or three clicks."""
# Prompts whose image tokens are computed together. On a CPU one at a time stays in the cache.
_PROMPTS_IN_BLOCK_CPU = 1
PROMPTS_MAX_GPU = 16
"""Prompts to decode together on a GPU: 20 MB each, and as fast for each prompt as 32 or 64 together."""

_Step = Callable[[ImageTokenBlock], None]
"""What is to be done with each block of image tokens next."""

# Rows of the prompt tokens' linear layers, for which their weights are packed.
_ROWS = 56

_KNOWN_LAYERS = (nn.Linear, nn.LayerNorm, nn.ConvTranspose2d, nn.Embedding, nn.ModuleList, nn.ReLU, nn.GELU)


def reason_not_covered(model: SamModel, family: str = "Sam", other_layers: tuple[type[nn.Module], ...] = ()) -> str:
    """Why this module cannot compute the decoder of ``model``, as half a sentence; empty where it can.

    Args:
        model: of this family, or of a successor.
        family: what the names of its classes begin with in transformers.
        other_layers: layers of torch that the family's decoder has beside SAM's.
    """
    decoder, prompts = model.mask_decoder, model.prompt_encoder
    if type(decoder).__name__ != f"{family}MaskDecoder" or type(prompts).__name__ != f"{family}PromptEncoder":
        return f"its decoder is a {type(decoder).__name__} with a {type(prompts).__name__}"
    for name, module in decoder.named_modules():
        # Adapters and quantisation replace layers by their own classes.
        if type(module).__module__.startswith("torch.") and not isinstance(module, _KNOWN_LAYERS + other_layers):
            return f"mask_decoder.{name} is a {type(module).__name__}"
        if not type(module).__module__.startswith(("torch.nn.modules", "transformers.")):
            return f"mask_decoder.{name} is a {type(module).__module__}.{type(module).__name__}"
        if module._forward_hooks or module._forward_pre_hooks:
            return f"mask_decoder.{name} has hooks"
    for convolution in (decoder.upscale_conv1, decoder.upscale_conv2):
        if convolution.kernel_size != (2, 2) or convolution.stride != (2, 2):
            return "its up-scaling is not two transposed convolutions of 2 x 2"
    if type(decoder.activation) is not nn.GELU or decoder.activation.approximate != "none":
        return "its up-scaling does not use the exact GELU"
    if not decoder.transformer.layers:
        return "its decoder has no layers"
    return ""


class SamDecoder:
    """Decodes prompts on an embedding. Allows one call at a time, since its memory is used again; results are fresh.

    Args:
        model: a ``SamModel`` in float32 for which ``reason_not_covered`` is empty. The weights that concern image
            tokens and masks are copied now, those for the prompt tokens are read at each call.
        device: where the weights are.
    """

    def __init__(self, model: SamModel, device: torch.device) -> None:
        self._decoder, self._prompt_encoder = model.mask_decoder, model.prompt_encoder
        self._upscaler = Upscaler(self._decoder, device)
        self._weights = FoldedWeights(model, self._upscaler.first_weight, device)
        self._workspace = Workspace()
        # Least recently used first. Weak, so that the products of an image are freed with its embedding.
        self._image_products: WeakKeyDictionary[Embedding, ImageProducts] = WeakKeyDictionary()
        self._output_tokens = self._own_tokens()
        self._mlps = [_packed_mlp(layer.mlp) for layer in layers_of(self._decoder.transformer)]
        self._graphed = GraphedDecoder(self._decode_for_graph)
        self._hypernetworks = _stacked(cast("Iterable[SamFeedForward]", self._decoder.output_hypernetworks_mlps))

    @property
    def byte_count(self) -> int:
        """Bytes held beside the weights: products of recent images, and a workspace as large as the largest call's."""
        products = sum(products.byte_count for products in self._image_products.values())
        return self._workspace.byte_count + products + self._graphed.byte_count

    def image_products(self, embedding: Embedding, threads: int = 1) -> ImageProducts:
        """What all prompts on an image share; computed at the first call, kept for the latest ``IMAGES_MAX`` images.

        Args:
            embedding: of the image.
            threads: that share the work; 1 on a GPU.
        """
        products = self._image_products.pop(embedding, None)
        if products is None:
            by_age = list(self._image_products)
            for oldest in by_age[: len(by_age) + 1 - IMAGES_MAX]:
                del self._image_products[oldest]
            products = self._new_products(embedding, threads)
        self._image_products[embedding] = products
        return products

    def _new_products(self, embedding: Embedding, threads: int) -> ImageProducts:
        """The products of one image."""
        image = embedding.tensors["image_embeddings"]
        return self._weights.multiply(image[0].flatten(1).to(self._output_tokens.device, torch.float32), threads)

    def _own_tokens(self) -> Tensor:
        """(t, C) the network's output tokens: that of the scores, then those of the masks, then any others."""
        return torch.cat([self._decoder.iou_token.weight, self._decoder.mask_tokens.weight])

    def mask_count(self, multimask_output: bool) -> int:
        """N, the number of masks of a prompt: 3 or 1 for SAM."""
        return len(self._hypernetworks[0][0]) - 1 if multimask_output else 1

    def fill(
        self,
        products: ImageProducts,
        inputs: dict[str, Tensor],
        logits: Tensor,
        scores: Tensor,
        *,
        multimask_output: bool,
        threads: int = 1,
    ) -> bool:
        """Fills (P, N, 4 h, 4 w) logits and (P, N) scores, float32; False where transformers has to compute them.

        That is so for more than ``TOKENS_MAX`` tokens, and where low rank would lose digits (``low_rank``).

        Args:
            products: of the image; h and w are the sides of its grid of image tokens.
            inputs: P prompts of one form, as arguments of ``SamModel.forward``. Empty for one empty prompt.
            logits: where the logits go, contiguous. N is ``mask_count(multimask_output)``.
            scores: where the scores go.
            multimask_output: True for the candidates, False for the single mask.
            threads: that share the image tokens. With 1, several threads may call this at the same time, on a CPU.
        """
        if self._token_count(inputs) > TOKENS_MAX:
            return False
        if logits.is_cuda and len(logits) <= PROMPTS_MAX_GPU:
            decoded = self._graphed(products, inputs, multimask_output)
            logits.copy_(decoded.logits)
            scores.copy_(decoded.scores)
            return not decoded.cancelled
        return not self._fill(products, inputs, logits, scores, multimask_output, threads, self._workspace)

    def _fill(
        self,
        products: ImageProducts,
        inputs: dict[str, Tensor],
        logits: Tensor,
        scores: Tensor,
        multimask_output: bool,
        threads: int,
        workspace: Workspace,
    ) -> Tensor:
        """Fills logits and scores as ``fill``; () bool, whether low rank lost digits."""
        with one_thread():
            tokens = self._prompt_tokens(inputs)
            masks = inputs.get("input_masks")
            image_tokens = LowRankImageTokens(
                self._weights,
                products,
                workspace,
                token_count=tokens.shape[1],
                prompt_count=len(tokens),
                mask_features=None if masks is None else self._mask_features(masks),
                block_size=self._block_size(threads),
            )
        steps = self._steps(tokens, image_tokens, logits, scores, multimask_output, workspace)
        _run(steps, image_tokens.blocks, threads)
        return image_tokens.cancelled

    def _decode_for_graph(self) -> Decode:
        """Decodes prompts in a workspace of its own, for ``GraphedDecoder``."""
        workspace = Workspace()
        height, width = self._prompt_encoder.image_embedding_size

        def decode(products: ImageProducts, inputs: dict[str, Tensor], multimask_output: bool) -> Decoded:
            prompts = len(next(iter(inputs.values()))) if inputs else 1
            count = self.mask_count(multimask_output)
            logits = products.projected.new_empty(prompts, count, 4 * height, 4 * width)
            scores = logits.new_empty(prompts, count)
            return Decoded(logits, scores, self._fill(products, inputs, logits, scores, multimask_output, 1, workspace))

        return decode

    def _token_count(self, inputs: dict[str, Tensor]) -> int:
        """T of ``_prompt_tokens``: points without a box get a padding point, and a box is two tokens."""
        points = inputs["input_points"].shape[2] if "input_points" in inputs else 0
        return len(self._output_tokens) + (points + 2 if "input_boxes" in inputs else points + bool(points))

    def _block_size(self, threads: int) -> BlockSize:
        """How the image tokens are divided: the rows of the grid among threads. Smaller blocks cost more Python."""
        height, width = self._prompt_encoder.image_embedding_size
        prompts = _PROMPTS_IN_BLOCK_CPU if self._output_tokens.device.type == "cpu" else PROMPTS_MAX_GPU
        return BlockSize(prompts, -(-height // threads) * width)

    def _prompt_tokens(self, inputs: dict[str, Tensor]) -> Tensor:
        """(P, T, C): the network's output tokens, and those of the points and the box."""
        points, labels, boxes = (inputs.get(f"input_{name}") for name in ("points", "labels", "boxes"))
        sparse, _ = self._prompt_encoder(points, labels, boxes, None)
        tokens = self._output_tokens.expand(len(next(iter(inputs.values()))) if inputs else 1, -1, -1)
        return tokens if sparse is None else torch.cat([tokens, sparse[:, 0]], 1)

    def _mask_features(self, masks: Tensor) -> Tensor:
        """(P, 16, M) features of (P, 1, 4 h, 4 w) mask prompts: ``SamMaskEmbedding`` without its last layer."""
        embed = self._prompt_encoder.mask_embed
        hidden = embed.activation(embed.layer_norm1(embed.conv1(masks)))
        features: Tensor = embed.activation(embed.layer_norm2(embed.conv2(hidden)))
        return features.flatten(2)

    def _steps(
        self,
        prompts: Tensor,
        image_tokens: LowRankImageTokens,
        logits: Tensor,
        scores: Tensor,
        multimask_output: bool,
        workspace: Workspace,
    ) -> Iterator[_Step]:
        """Decodes: computes the prompt tokens itself, and yields what is to be done with the blocks of image tokens.

        Args:
            prompts: (P, T, C) prompt tokens.
            image_tokens: of these prompts, before the first layer.
            logits: (P, N, 4 h, 4 w) to fill.
            scores: (P, N) to fill.
            multimask_output: as for ``fill``.
            workspace: memory.
        """
        tokens = yield from self._transform(prompts, image_tokens)
        wanted = slice(1, None) if multimask_output else slice(0, 1)
        hyper_in = self._hyper_vectors(self._mask_tokens(tokens), wanted)
        scores.copy_(self._decoder.iou_prediction_head(tokens[:, 0])[:, wanted])
        yield self._upscaler.fill_logits(image_tokens, hyper_in, workspace, logits)

    def _mask_tokens(self, tokens: Tensor) -> Tensor:
        """Those of all masks, of (P, T, C) prompt tokens: behind that of the scores, one for each hypernetwork."""
        return tokens[:, 1 : 1 + len(self._hypernetworks[0][0])]

    def _transform(self, prompts: Tensor, image_tokens: LowRankImageTokens) -> Generator[_Step, None, Tensor]:
        """(P, T, C) prompt tokens after ``SamTwoWayTransformer``; the image tokens are transformed too.

        Args:
            prompts: (P, T, C) prompt tokens, which each layer adds to its queries and keys again.
            image_tokens: of the prompts.
        """
        transformer = self._decoder.transformer
        tokens = prompts
        for index, (layer, weights) in enumerate(zip(layers_of(transformer), self._weights.layers, strict=True)):
            if index == 0:
                tokens = _attend_to_tokens(layer.self_attn, tokens, tokens)
            else:
                tokens = tokens + _attend_to_tokens(layer.self_attn, tokens + prompts, tokens)
            tokens = layer.layer_norm1(tokens)
            to_image = layer.cross_attn_token_to_image
            tokens = tokens + (
                yield from _attend_to_image(to_image, tokens + prompts, weights.token_to_image, image_tokens)
            )
            tokens = layer.layer_norm2(tokens)
            tokens = layer.layer_norm3(tokens + self._mlps[index](tokens))
            to_token = layer.cross_attn_image_to_token
            keys = _scaled(_by_head(to_token, to_token.k_proj(tokens + prompts)))
            values = _by_head(to_token, to_token.v_proj(tokens))
            yield image_tokens.read_tokens(keys, values, weights.image_to_token)
        final = transformer.final_attn_token_to_image
        tokens = tokens + (yield from _attend_to_image(final, tokens + prompts, self._weights.final, image_tokens))
        normalised: Tensor = transformer.layer_norm_final_attn(tokens)
        return normalised

    def _hyper_vectors(self, tokens: Tensor, wanted: slice) -> Tensor:
        """(P, N, C2), ``hyper_in`` of ``SamMaskDecoder``: each mask token passes a network of its own, all at once.

        Args:
            tokens: (P, 4, C) mask tokens for SAM.
            wanted: the N masks that are asked for.
        """
        vectors = tokens[:, wanted].transpose(0, 1)
        for index, (weight, bias) in enumerate(self._hypernetworks):
            if index:
                vectors = torch.relu(vectors)
            vectors = torch.baddbmm(bias[wanted], vectors, weight[wanted])
        return vectors.transpose(0, 1)


def _stacked(networks: Iterable[SamFeedForward]) -> list[tuple[Tensor, Tensor]]:
    """For each layer of N networks of one shape: weights (N, inputs, outputs) and biases (N, 1, outputs)."""
    linear = [cast("list[nn.Linear]", [network.proj_in, *network.layers, network.proj_out]) for network in networks]
    return [
        (torch.stack([layer.weight.T for layer in layers]), torch.stack([layer.bias for layer in layers])[:, None])
        for layers in zip(*linear, strict=True)
    ]


def _by_head(attention: SamAttention, vectors: Tensor) -> Tensor:
    """(P, T, O) to (P, H, T, O / H)."""
    prompts, count, _ = vectors.shape
    return vectors.view(prompts, count, int(attention.num_attention_heads), -1).transpose(1, 2)


def _scaled(vectors: Tensor) -> Tensor:
    """Queries or keys (P, H, T, d) divided by sqrt(d), the scale of attention scores."""
    scaled: Tensor = vectors * vectors.shape[-1] ** -0.5
    return scaled


def _attend_to_tokens(attention: SamAttention, queries: Tensor, values: Tensor) -> Tensor:
    """(P, T, C): self-attention of the prompt tokens."""
    query = _by_head(attention, attention.q_proj(queries))
    key, value = _by_head(attention, attention.k_proj(queries)), _by_head(attention, attention.v_proj(values))
    out: Tensor = output_layer(attention)(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
    return out


def _attend_to_image(
    attention: SamAttention, queries: Tensor, weights: TokenToImageWeights, image_tokens: LowRankImageTokens
) -> Generator[_Step, None, Tensor]:
    """(P, T, C): attention of the prompt tokens to the image tokens."""
    query = _scaled(_by_head(attention, attention.q_proj(queries)))
    values = yield from image_tokens.read_by_tokens(query, weights)
    # Attention weights add up to one, so the bias of the values can be added after the sum.
    out: Tensor = output_layer(attention)(values.transpose(1, 2).flatten(2) + attention.v_proj.bias)
    return out


def _run(steps: Iterator[_Step], blocks: list[ImageTokenBlock], threads: int) -> None:
    """Does the steps of a decode: each of them for all blocks, and between them what the generator itself computes."""
    if threads == 1:
        for step in steps:
            for block in blocks:
                step(block)
        return
    while True:
        with one_thread():
            next_step = next(steps, None)
        if next_step is None:
            return
        run_in_threads(next_step, blocks, threads)


def _packed_mlp(mlp: Any) -> Callable[[Tensor], Tensor]:
    """The linear layers between the attentions, whose weights are most of the decoder's: two for SAM.

    Args:
        mlp: a ``SamMLPBlock``, or a ``Sam2FeedForward``, which has other names and may have more layers.
    """
    is_first = hasattr(mlp, "lin1")
    activation = mlp.act if is_first else mlp.activation
    layers = [mlp.lin1, mlp.lin2] if is_first else [mlp.proj_in, *mlp.layers, mlp.proj_out]
    first, *others = [prepare(_ROWS, layer.weight, layer.bias) for layer in layers]

    def compute(tokens: Tensor) -> Tensor:
        hidden = first(tokens.flatten(0, 1))
        for layer in others:
            hidden = layer(activation(hidden))
        return hidden.view(tokens.shape)

    return compute
