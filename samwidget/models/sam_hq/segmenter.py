"""SAM-HQ as a ``Segmenter``: ViT-B, -L and -H and fine-tuned folders, on transformers' ``SamHQModel``.

Its embedding has a second tensor, ``hq_features``: what its masks take from the image alone. Images and prompts are
prepared as for SAM v1. ``models.loader`` makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from samwidget.core import Prompt
from samwidget.errors import ModelError
from samwidget.models.sam import fast_encoder
from samwidget.models.sam.base import BaseSegmenter
from samwidget.models.sam.fast_decoder import SamDecoder
from samwidget.models.sam.fast_encoder import SamEncoder
from samwidget.models.sam.preprocessing import Preprocessing
from samwidget.models.sam_hq.decoder import SamHqDecoder, decode_plainly, reason_not_covered
from samwidget.models.sam_hq.image_features import hq_features
from samwidget.models.segmenter import Embedding

if TYPE_CHECKING:
    from transformers import SamHQModel


class SamHqSegmenter(BaseSegmenter):
    """A SAM-HQ network as a ``Segmenter``. Allows one call at a time, since encoder and decoder use memory again.

    Args:
        model: its weights become float32, but for the encoder's.
        name: the name that the user gave.
        device: where it runs.
        dtype: precision of the encoder's layers. All else stays in float32.
        preprocessing: what the checkpoint says about images; None is what the published checkpoints say.

    Raises:
        ModelError: the encoder has no layer of global attention, behind which SAM-HQ reads the image.
    """

    family = "sam_hq"

    def __init__(
        self,
        model: SamHQModel,
        *,
        name: str,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        is_global = [layer.window_size == 0 for layer in model.vision_encoder.layers]
        if not any(is_global):
            raise ModelError(
                f"the encoder of {name} has no layer of global attention, behind which SAM-HQ reads the image",
                hint=f"mend global_attn_indexes in config.json: numbers of layers, 0 to {len(is_global) - 1}",
            )
        self._early_layer = is_global.index(True)
        self._encoder = SamEncoder(model.vision_encoder)
        super().__init__(
            model,
            name=name,
            device=device,
            dtype=dtype,
            preprocessing=preprocessing or Preprocessing(),
            reasons={"encoder": fast_encoder.reason_not_covered(model), "decoder": reason_not_covered(model)},
        )

    @property
    def model(self) -> SamHQModel:
        """The network with its weights."""
        model: SamHQModel = self._model
        return model

    def encode_pixels(self, pixels: torch.Tensor, *, threads: int | None) -> dict[str, torch.Tensor]:
        """``image_embeddings`` (1, C, h, w) and ``hq_features`` (1, C / 8, 4 h, 4 w) of a resized image."""
        height, width = pixels.shape[-2:]
        # Padded after normalising, so the padding is zero for the network: the mean colour, not black.
        side = self._input_side
        network_input = F.pad((pixels - self._mean) / self._std, (0, side - width, 0, side - height))[None]
        if "encoder" in self.not_covered:
            self.encoded_by = "transformers"
            embedding, tokens_by_layer = self._model.get_image_embeddings(network_input.to(self._dtype))
            if not tokens_by_layer:
                raise ModelError(
                    f"the encoder of {self.name} returned no intermediate embeddings, which SAM-HQ's masks need",
                    hint="take the layers of the published SAM-HQ checkpoints",
                )
            embedding, early = embedding.float(), tokens_by_layer[0].permute(0, 3, 1, 2).float()
        else:
            self.encoded_by = "samwidget"
            early_tokens: list[torch.Tensor] = []

            def after_layer(index: int, tokens: torch.Tensor) -> None:
                if index == self._early_layer:
                    early_tokens.append(tokens.clone())

            embedding = self._encoder(network_input, threads=threads, after_layer=after_layer)
            early = early_tokens[0].T.reshape(1, -1, *embedding.shape[2:])
        features = hq_features(self._model.mask_decoder, embedding, early, self._cpu_threads(threads))
        return {"image_embeddings": embedding, "hq_features": features}

    @torch.no_grad()
    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As ``BaseSegmenter.decode``. Candidates are in the order of their tokens, and each has the HQ token's logits.

        Raises:
            ModelError: the embedding lacks ``hq_features``, or they are of another shape.
        """
        features = embedding.tensors.get("hq_features")
        channels = self._model.mask_decoder.mask_conv2.out_channels
        expected = (1, channels, self._logits_side, self._logits_side)
        if features is None or features.shape != expected:
            shape = "missing" if features is None else f"{tuple(features.shape)}"
            raise ModelError(
                f"hq_features of the embedding are {shape}, but SAM-HQ's masks need them: {expected}",
                hint=f"encode the image with {self.name}; an embedding of plain SAM does not do",
            )
        return super().decode(embedding, prompts, multimask_output=multimask_output, threads=threads)

    def _half_layers(self) -> torch.nn.Module:
        encoder: torch.nn.Module = self._model.vision_encoder
        return encoder if "encoder" in self.not_covered else encoder.get_submodule("layers")

    def _new_decoder(self) -> SamDecoder:
        return SamHqDecoder(self._model, self.device)

    def _forward(
        self, embedding: Embedding, prompts: Sequence[Prompt], multimask_output: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = self._inputs(prompts, embedding.frame)
        return decode_plainly(self._model, embedding, inputs, len(prompts), multimask_output)
