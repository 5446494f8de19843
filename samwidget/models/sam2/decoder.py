"""How SAM 2's mask decoder differs from SAM's; ``sam.fast_decoder`` computes what they have in common.

- There is one more output token, which says whether there is an object at all; its score is not used.
- The up-scaling adds two finer maps of the image. They are brought into the order of its sub-pixels once an image.
- A box gets a padding point too, and a prompt without points and box gets two (``Sam2Segmenter`` gives the first).
- A single mask that is not stable is replaced by the best of the three candidates. Its hypernetwork is known before the
  logits are, so both masks are computed at once.

``Sam2Segmenter`` is the only caller. Paper: Ravi et al., SAM 2, https://arxiv.org/abs/2408.00714.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from samwidget.models.sam import fast_decoder
from samwidget.models.sam.fast_decoder import SamDecoder
from samwidget.models.sam.folded_weights import ImageProducts
from samwidget.models.sam.low_rank import ImageTokenBlock, LowRankImageTokens
from samwidget.models.sam.workspace import Workspace
from samwidget.models.segmenter import Embedding

FINER_MAPS = ("features_s1", "features_s0")
"""Tensors of an embedding beside ``image_embeddings``: maps of twice and of four times its sides."""


def reason_not_covered(model: Any, family: str) -> str:
    """Why ``Sam2Decoder`` cannot compute the decoder of ``model``, as half a sentence; empty where it can.

    Args:
        model: a ``Sam2Model``, or of a family with the same decoder.
        family: what the names of its classes begin with, such as ``Sam2``.
    """
    return fast_decoder.reason_not_covered(model, family, other_layers=(nn.Conv2d,))


@dataclass(frozen=True, eq=False)
class Sam2ImageProducts(ImageProducts):
    """Everything about an image that its prompts share; 41 MB for 4096 image tokens.

    Attributes:
        finer: (M, 4 C1) float32, what is added to the result of the up-scaling's first convolution.
        finest: (M, 16 C2) float32, what is added to that of the second.
    """

    finer: Tensor
    finest: Tensor

    @property
    def details(self) -> tuple[Tensor, Tensor]:
        """Both."""
        return self.finer, self.finest


class Sam2Decoder(SamDecoder):
    """Decodes prompts on an embedding as ``SamDecoder``; the embedding has the ``FINER_MAPS`` too.

    Args:
        model: in float32, for which ``reason_not_covered`` is empty.
        device: where the weights are.
    """

    def __init__(self, model: Any, device: torch.device) -> None:
        super().__init__(model, device)
        decoder = model.mask_decoder
        self._falls_back = bool(decoder.dynamic_multimask_via_stability)
        self._stability_delta = float(decoder.dynamic_multimask_stability_delta)
        self._stability_min = float(decoder.dynamic_multimask_stability_thresh)

    def _own_tokens(self) -> Tensor:
        decoder: Any = self._decoder
        # Attention does not know the order of tokens, so the one that SAM has not can be the last.
        return torch.cat([super()._own_tokens(), decoder.obj_score_token.weight])

    def _token_count(self, inputs: dict[str, Tensor]) -> int:
        points = inputs["input_points"].shape[2] if "input_points" in inputs else 0
        return len(self._output_tokens) + points + (3 if "input_boxes" in inputs else 1)

    def _new_products(self, embedding: Embedding, threads: int) -> Sam2ImageProducts:
        products = super()._new_products(embedding, threads)
        maps = [embedding.tensors[name][0].to(products.projected.device, torch.float32) for name in FINER_MAPS]
        details = self._upscaler.details(*maps)
        return Sam2ImageProducts(products.projected, products.upscaled, products.squared_norms, *details)

    def _steps(
        self,
        prompts: Tensor,
        image_tokens: LowRankImageTokens,
        logits: Tensor,
        scores: Tensor,
        multimask_output: bool,
        workspace: Workspace,
    ) -> Iterator[Callable[[ImageTokenBlock], None]]:
        if multimask_output or not self._falls_back:
            yield from super()._steps(prompts, image_tokens, logits, scores, multimask_output, workspace)
            return
        tokens = yield from self._transform(prompts, image_tokens)
        all_scores = self._decoder.iou_prediction_head(tokens[:, 0])
        best = 1 + all_scores[:, 1:].argmax(1)
        levels = torch.stack([torch.zeros_like(best), best], 1)
        hyper_in = torch.take_along_dim(
            self._hyper_vectors(self._mask_tokens(tokens), slice(None)), levels[..., None], 1
        )
        shape = (len(levels), 2, *logits.shape[2:])
        both = workspace.take("single mask and best candidate", shape, logits)
        yield self._upscaler.fill_logits(image_tokens, hyper_in, workspace, both)
        both_scores = torch.take_along_dim(all_scores, levels, 1)
        is_stable = self._stability(both[:, 0]) >= self._stability_min
        logits[:, 0] = torch.where(is_stable[:, None, None], both[:, 0], both[:, 1])
        scores[:, 0] = torch.where(is_stable, both_scores[:, 0], both_scores[:, 1])

    def _stability(self, logits: Tensor) -> Tensor:
        """(P,) the IoU of the masks a little above and a little below 0, of (P, h, w) logits; 1 for empty masks."""
        above = (logits > self._stability_delta).sum((1, 2)).float()
        below = (logits > -self._stability_delta).sum((1, 2)).float()
        return torch.where(below > 0, above / below, 1.0)
