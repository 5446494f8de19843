"""SAM's mask decoder with the image's work shared by all prompts; the same answers as transformers' ``SamModel``.

Owns the prompt tokens' side of the decoder, which is small and runs for several prompts at once, and what is remembered
of recent images. The image's side is in ``sam_stream``, prompt by prompt on a CPU and batched elsewhere, and the
up-scaling in ``sam_upscale``. Plain torch: nothing is compiled, and the weights are those of the model.

Runs in float32 on every device: with the stream rounded to float16 the tests' masks agreed at IoU 0.998 to 0.9999 and
with bfloat16 at 0.990, and 0.999 is asked for. It has not been run on a GPU.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samwidget.models.sam.folded_weights import ImageMaps, ImageTerms, LayerMaps
from samwidget.models.sam.low_rank import Buffers, Stream
from samwidget.models.sam.upscaling import Upscaler
from samwidget.models.segmenter import Embedding

TOKENS_MAX = 24
"""Prompt tokens, five of them the network's own, up to which low rank pays; beyond, transformers is about as fast."""
IMAGES_KEPT = 2
"""Images whose terms are kept, at 28 MB each for SAM; those of another image take as long as two or three clicks."""
# Prompts whose image sides run as one batch. On a CPU one at a time stays in the cache.
_PROMPTS_TOGETHER_CPU = 1
_PROMPTS_TOGETHER_GPU = 16


def reason_not_covered(model: Any) -> str:
    """Why the decoder of a transformers ``SamModel`` cannot be computed here; empty where it can."""
    decoder, prompts = model.mask_decoder, model.prompt_encoder
    if type(decoder).__name__ != "SamMaskDecoder" or type(prompts).__name__ != "SamPromptEncoder":
        return f"its decoder is a {type(decoder).__name__} with a {type(prompts).__name__}"
    for name, module in decoder.named_modules():
        # Adapters and quantisation replace layers by their own.
        if type(module).__module__.startswith("torch.") and not isinstance(module, _KNOWN):
            return f"mask_decoder.{name} is a {type(module).__name__}"
        if not type(module).__module__.startswith(("torch.nn.modules", "transformers.")):
            return f"mask_decoder.{name} is a {type(module).__module__}.{type(module).__name__}"
        if module._forward_hooks or module._forward_pre_hooks:
            return f"mask_decoder.{name} has hooks"
    for convolution in (decoder.upscale_conv1, decoder.upscale_conv2):
        if convolution.kernel_size != (2, 2) or convolution.stride != (2, 2):
            return "its up-scaling is not by two transposed convolutions of 2 x 2"
    if type(decoder.activation) is not nn.GELU or decoder.activation.approximate != "none":
        return "its up-scaling does not use the exact GELU"
    if not decoder.transformer.layers:
        return "its decoder has no layers"
    return ""


_KNOWN = (nn.Linear, nn.LayerNorm, nn.ConvTranspose2d, nn.Embedding, nn.ModuleList, nn.ReLU, nn.GELU)


class SamDecoder:
    """Answers prompts about an embedding. One call at a time: its buffers are used again, its answers are fresh.

    Args:
        model: a transformers ``SamModel`` in float32, whose decoder's weights are read now.
        device: where they are.
    """

    def __init__(self, model: Any, device: torch.device) -> None:
        self._decoder, self._prompt_encoder = model.mask_decoder, model.prompt_encoder
        self._upscaler = Upscaler(self._decoder, device)
        self._maps = ImageMaps(model, self._upscaler.first_weight, device)
        self._buffers = Buffers()
        # Weak, so that terms go with their embedding; in the order of use.
        self._terms: dict[weakref.ref[Embedding], ImageTerms] = {}
        self._own_tokens = torch.cat([self._decoder.iou_token.weight, self._decoder.mask_tokens.weight])
        heads = self._decoder.output_hypernetworks_mlps
        self._hyper = [
            (torch.stack([layer.weight.T for layer in layers]), torch.stack([layer.bias for layer in layers])[:, None])
            for layers in zip(*((head.proj_in, *head.layers, head.proj_out) for head in heads), strict=True)
        ]

    @property
    def byte_count(self) -> int:
        """Bytes held beside the weights: terms of recent images, and buffers that have grown to the largest call."""
        return self._buffers.byte_count + sum(terms.byte_count for terms in self._terms.values())

    def terms(self, embedding: Embedding) -> ImageTerms:
        """What all prompts on an image share: computed at its first prompt, kept for the last few images."""
        key = weakref.ref(embedding)
        terms = self._terms.pop(key, None)
        for old in [old for old in self._terms if old() is None]:
            del self._terms[old]
        if terms is None:
            while len(self._terms) >= IMAGES_KEPT:
                del self._terms[next(iter(self._terms))]
            image = embedding.tensors["image_embeddings"]
            terms = self._maps.terms(image[0].flatten(1).to(self._own_tokens.device, torch.float32))
        self._terms[key] = terms
        return terms

    def decode(
        self, embedding: Embedding, inputs: dict[str, Tensor], *, multimask_output: bool
    ) -> tuple[Tensor, Tensor] | None:
        """Logits (P, N, h, w) and scores (P, N); None where float32 would not do, or the prompts have too many points.

        Args:
            embedding: of an image.
            inputs: prompts of one form, as the arguments of ``SamModel.forward``.
            multimask_output: the three masks for prompts of several readings, or the one.
        """
        asked = (inputs.get(f"input_{name}") for name in ("points", "labels", "boxes"))
        sparse, _ = self._prompt_encoder(*asked, None)
        masks = inputs.get("input_masks")
        count = len(next(iter(inputs.values()))) if inputs else 1
        prompts = self._own_tokens.expand(count, -1, -1)
        if sparse is not None:
            prompts = torch.cat([prompts, sparse[:, 0]], 1)
        if prompts.shape[1] > TOKENS_MAX:
            return None
        terms = self.terms(embedding)
        together = _PROMPTS_TOGETHER_CPU if prompts.device.type == "cpu" else _PROMPTS_TOGETHER_GPU
        slices = [slice(start, start + together) for start in range(0, count, together)]
        features = None if masks is None else self._mask_features(masks)
        streams = [
            Stream(
                self._maps,
                terms,
                self._buffers,
                f"rows {index}",
                prompts.shape[1],
                len(prompts[some]),
                None if features is None else features[some],
            )
            for index, some in enumerate(slices)
        ]
        tokens = self._transform(prompts, streams, slices)
        if any(bool(stream.cancelled) for stream in streams):
            return None
        chosen = slice(1, None) if multimask_output else slice(0, 1)
        hyper = self._hyper_vectors(tokens[:, 1 : len(self._own_tokens)], chosen)
        scores = self._decoder.iou_prediction_head(tokens[:, 0])[:, chosen]
        height, width = self._prompt_encoder.image_embedding_size
        logits = hyper.new_empty(count, hyper.shape[1], 4 * height, 4 * width)
        for stream, some in zip(streams, slices, strict=True):
            self._upscaler.logits(stream, hyper[some], self._buffers, logits[some])
        return logits, scores

    def _mask_features(self, masks: Tensor) -> Tensor:
        """(P, 16, M) of (P, 1, h, w) masks, before the last layer of their embedding."""
        embed = self._prompt_encoder.mask_embed
        once = embed.activation(embed.layer_norm1(embed.conv1(masks)))
        features: Tensor = embed.activation(embed.layer_norm2(embed.conv2(once)))
        return features.flatten(2)

    def _transform(self, prompts: Tensor, streams: list[Stream], slices: list[slice]) -> Tensor:
        """(P, T, C) tokens after the two-way transformer; the streams are then after it too."""
        transformer = self._decoder.transformer
        tokens = prompts
        for index, (layer, maps) in enumerate(zip(transformer.layers, self._maps.layers, strict=True)):
            if index == 0:
                tokens = _attend_to_each_other(layer.self_attn, tokens, tokens)
            else:
                tokens = tokens + _attend_to_each_other(layer.self_attn, tokens + prompts, tokens)
            tokens = layer.layer_norm1(tokens)
            tokens = tokens + _read_image(layer.cross_attn_token_to_image, tokens + prompts, maps, streams, slices)
            tokens = layer.layer_norm2(tokens)
            tokens = layer.layer_norm3(tokens + layer.mlp(tokens))
            attention = layer.cross_attn_image_to_token
            keys = _heads(attention, attention.k_proj(tokens + prompts)) * attention.scaling
            values = _heads(attention, attention.v_proj(tokens))
            for stream, some in zip(streams, slices, strict=True):
                stream.update(keys[some], values[some], maps)
        final = transformer.final_attn_token_to_image
        tokens = tokens + _read_image(final, tokens + prompts, self._maps.final, streams, slices)
        normalised: Tensor = transformer.layer_norm_final_attn(tokens)
        return normalised

    def _hyper_vectors(self, tokens: Tensor, chosen: slice) -> Tensor:
        """(P, N, C2) from the (P, 4, C) mask tokens: each token has a network of its own, all are run together."""
        vectors = tokens[:, chosen].transpose(0, 1)
        for index, (weight, bias) in enumerate(self._hyper):
            if index:
                vectors = torch.relu(vectors)
            vectors = torch.baddbmm(bias[chosen], vectors, weight[chosen])
        return vectors.transpose(0, 1)


def _heads(attention: Any, vectors: Tensor) -> Tensor:
    """(P, T, O) to (P, H, T, O / H)."""
    prompts, count, _ = vectors.shape
    return vectors.view(prompts, count, int(attention.num_attention_heads), -1).transpose(1, 2)


def _attend_to_each_other(attention: Any, queries: Tensor, values: Tensor) -> Tensor:
    """(P, T, C): self-attention of the tokens."""
    query = _heads(attention, attention.q_proj(queries))
    key, value = _heads(attention, attention.k_proj(queries)), _heads(attention, attention.v_proj(values))
    out: Tensor = attention.out_proj(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
    return out


def _read_image(attention: Any, queries: Tensor, maps: LayerMaps, streams: list[Stream], slices: list[slice]) -> Tensor:
    """(P, T, C): attention of the tokens to the image."""
    query = _heads(attention, attention.q_proj(queries)) * attention.scaling
    read = [stream.attend(query[some], maps) for stream, some in zip(streams, slices, strict=True)]
    together = torch.cat(read) if len(read) > 1 else read[0]
    out: Tensor = attention.out_proj(together.transpose(1, 2).flatten(2) + attention.v_proj.bias)
    return out
