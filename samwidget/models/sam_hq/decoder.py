"""SAM-HQ's mask decoder: SAM's with one output token more, whose logits are added to those of each candidate.

``SamHqDecoder`` computes as ``SamDecoder`` does: what depends on the image alone is computed once. ``decode_plainly``
is the same in plain order, with the model's own layers, for models and prompts that the first does not cover.
Neither calls transformers' ``SamHQMaskDecoder.forward``:

- It sorts the candidates by score. Here they are in the order of their tokens, so that a level stays what it is.
- It makes the masks of the image tokens as they were before the transformer, height and width exchanged (4.54 to 5.24).
  The official package takes them from behind the transformer, and so do both functions here.

``SamHqSegmenter`` is the only caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from samwidget.models.sam import fast_decoder
from samwidget.models.sam.fast_decoder import SamDecoder
from samwidget.models.sam.folded_weights import ImageProducts
from samwidget.models.sam.low_rank import ImageTokenBlock, LowRankImageTokens
from samwidget.models.sam.workspace import Workspace
from samwidget.models.sam_hq.sharpening import Sharpening
from samwidget.models.segmenter import Embedding

if TYPE_CHECKING:
    from transformers import SamHQModel


def reason_not_covered(model: Any) -> str:  # a SamHQModel, which has no type in common with SamModel
    """Why ``SamHqDecoder`` cannot compute the decoder of ``model``, as half a sentence; empty where it can."""
    return fast_decoder.reason_not_covered(model, "SamHQ", other_layers=(nn.Conv2d,))


@dataclass(frozen=True, eq=False)
class HqImageProducts(ImageProducts):
    """What all prompts on an image share.

    Attributes:
        hq_features: (C2, 16 M) float32, as ``image_features`` computes them.
    """

    hq_features: Tensor


class SamHqDecoder(SamDecoder):
    """Decodes prompts on an embedding of SAM-HQ, as ``SamDecoder`` does.

    Args:
        model: a ``SamHQModel`` in float32 for which ``reason_not_covered`` is empty.
        device: where the weights are.
    """

    def __init__(self, model: Any, device: torch.device) -> None:
        super().__init__(model, device)
        self._sharpening = Sharpening(model.mask_decoder)

    def _own_tokens(self) -> Tensor:
        decoder: Any = self._decoder
        return torch.cat([super()._own_tokens(), decoder.hq_token.weight])

    def _new_products(self, embedding: Embedding, threads: int) -> HqImageProducts:
        products = super()._new_products(embedding, threads)
        features = embedding.tensors["hq_features"][0].flatten(1).to(products.projected.device, torch.float32)
        return HqImageProducts(products.projected, products.upscaled, products.squared_norms, features)

    def _steps(
        self,
        prompts: Tensor,
        image_tokens: LowRankImageTokens,
        logits: Tensor,
        scores: Tensor,
        multimask_output: bool,
        workspace: Workspace,
    ) -> Iterator[Callable[[ImageTokenBlock], None]]:
        tokens = yield from self._transform(prompts, image_tokens)
        decoder: Any = self._decoder
        wanted = slice(1, None) if multimask_output else slice(0, 1)
        scores.copy_(decoder.iou_prediction_head(tokens[:, 0])[:, wanted])
        vectors = self._hyper_vectors(self._mask_tokens(tokens), wanted)
        framed = self._sharpening.new_frame(len(prompts), workspace, logits)
        yield self._upscaler.fill_logits(image_tokens, vectors, workspace, logits, framed[:, 1:-1, 1:-1])
        hq_vectors = decoder.hq_mask_mlp(tokens[:, len(self._output_tokens) - 1])
        products = image_tokens.products
        assert isinstance(products, HqImageProducts), "_new_products made them"
        yield from self._sharpening.steps(framed, hq_vectors, products.hq_features, workspace, logits)


def decode_plainly(
    model: SamHQModel, embedding: Embedding, inputs: dict[str, Tensor], count: int, multimask_output: bool
) -> tuple[Tensor, Tensor]:
    """(P, N, 4 h, 4 w) logits and (P, N) scores, by the layers of transformers.

    Args:
        model: in float32.
        embedding: of the image, with ``hq_features``.
        inputs: P prompts of one form, as arguments of ``SamHQModel.forward``.
        count: P.
        multimask_output: True for the candidates, False for the single mask.
    """
    decoder: Any = model.mask_decoder
    device = decoder.iou_token.weight.device
    image, features = (
        embedding.tensors[name].to(device, torch.float32) for name in ("image_embeddings", "hq_features")
    )
    points, labels, boxes, masks = (inputs.get(f"input_{name}") for name in ("points", "labels", "boxes", "masks"))
    sparse, dense = model.prompt_encoder(points, labels, boxes, masks)
    own_tokens = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight, decoder.hq_token.weight])
    tokens = own_tokens.expand(count, 1, -1, -1)
    positions = model.get_image_wide_positional_embeddings()  # type: ignore[no-untyped-call]
    tokens, image_tokens = decoder.transformer(
        point_embeddings=tokens if sparse is None else torch.cat([tokens, sparse], 2),
        image_embeddings=image + dense,
        image_positional_embeddings=positions.expand(count, -1, -1, -1),
        attention_similarity=None,
    )
    tokens = tokens[:, 0]
    grid = image_tokens[:, 0].transpose(1, 2).unflatten(2, image.shape[2:])
    upscaled = decoder.activation(decoder.upscale_layer_norm(decoder.upscale_conv1(grid)))
    upscaled = decoder.activation(decoder.upscale_conv2(upscaled))
    sharp = decoder.mask_conv2(decoder.activation(decoder.mask_norm(decoder.mask_conv1(upscaled)))) + features
    networks = [*decoder.output_hypernetworks_mlps, decoder.hq_mask_mlp]
    vectors = torch.stack([network(tokens[:, 1 + index]) for index, network in enumerate(networks)], 1)
    candidates = slice(1, -1) if multimask_output else slice(0, 1)
    logits = torch.einsum("pnc,pcyx->pnyx", vectors[:, candidates], upscaled)
    logits = logits + torch.einsum("pnc,pcyx->pnyx", vectors[:, -1:], sharp)
    scores = decoder.iou_prediction_head(tokens[:, 0])
    return logits, scores[:, 1:] if multimask_output else scores[:, :1]
