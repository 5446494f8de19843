"""SAM 2 as a ``Segmenter``: SAM 2 and 2.1 from tiny to large, MedSAM2, and families with the same decoder.

Owns the three maps of an embedding and what SAM 2 gets beside SAM's prompts. The rest is in ``sam.base`` and
``decoder``; ``encoder`` is that of SAM 2, and other families have transformers'. ``models.loader`` makes it.

The image is stretched over the whole input, and logits are scaled to the image in one step. The decoder reads three
maps: ``image_embeddings`` (1, 256, 64, 64), to which the embedding is added that says that there are no earlier frames,
and ``features_s1`` (1, 64, 128, 128) and ``features_s0`` (1, 32, 256, 256), which have passed convolutions of the
decoder. The precision of the encoder does not reach the decoder: in float16 transformers would move a click by pixels.
Paper: Ravi et al., SAM 2, https://arxiv.org/abs/2408.00714.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from samwidget.core import Frame, Prompt
from samwidget.models.sam.base import BaseSegmenter
from samwidget.models.sam.fast_decoder import SamDecoder
from samwidget.models.sam.preprocessing import Preprocessing
from samwidget.models.sam2.decoder import FINER_MAPS, Sam2Decoder, reason_not_covered
from samwidget.models.sam2.encoder import Sam2Encoder
from samwidget.models.sam2.encoder import reason_not_covered as reason_encoder_not_covered
from samwidget.models.segmenter import Embedding, EverythingDefaults

# The label of transformers' padding points.
_NOT_A_POINT = -1


class Sam2Segmenter(BaseSegmenter):
    """A network with SAM 2's decoder as a ``Segmenter``; attributes are those of ``BaseSegmenter``.

    Args:
        model: a ``Sam2Model``, or of a family with the same parts. Its weights become float32, but for the encoder's.
        name: the name that the user gave.
        family: the name of the implementation, such as ``sam2``.
        device: where it runs.
        dtype: precision of the encoder.
        preprocessing: what the checkpoint says about images; None is what Meta's checkpoints of SAM 2 say.
    """

    # Those of the official ``SAM2AutomaticMaskGenerator``.
    everything_defaults = EverythingDefaults(points_per_side=32, pred_iou_thresh=0.8, stability_score_thresh=0.95)

    def __init__(
        self,
        model: Any,
        *,
        name: str,
        family: str = "sam2",
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        self.family = family
        super().__init__(
            model,
            name=name,
            device=device,
            dtype=dtype,
            preprocessing=preprocessing or Preprocessing(stretches=True),
            reasons={
                "encoder": reason_encoder_not_covered(model),
                "decoder": reason_not_covered(model, type(model).__name__.removesuffix("Model")),
            },
        )

    def encode_pixels(self, pixels: torch.Tensor, *, threads: int | None) -> dict[str, torch.Tensor]:
        """The three maps of an image that ``encode`` has resized, float32."""
        normalised = ((pixels - self._mean) / self._std)[None]
        if "encoder" not in self.not_covered:
            self.encoded_by = "samwidget"
            *finer_maps, coarse = Sam2Encoder(self._model)(normalised, threads=threads)
            return self._named(coarse, *reversed(finer_maps))
        self.encoded_by = "transformers"
        return self._maps(self._model.vision_encoder(normalised.to(self._dtype)).fpn_hidden_states)

    def _maps(self, levels: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        """The three maps, of what transformers' encoder gives, from fine to coarse."""
        # Transformers' own ``get_image_embeddings`` does the same for SAM 2. For SAM 3 version 5.24 adds
        # ``no_memory_embedding`` to a fourth map, which nothing reads; Meta's package adds it to the third.
        finest, finer, coarse = (feature_map.float() for feature_map in levels[:3])
        decoder = self._model.mask_decoder
        return self._named(coarse, decoder.conv_s1(finer), decoder.conv_s0(finest))

    def _named(self, coarse: torch.Tensor, *finer_maps: torch.Tensor) -> dict[str, torch.Tensor]:
        """The tensors of an embedding: the coarse map as the encoder gives it, and the ``FINER_MAPS``."""
        image = coarse + self._model.no_memory_embedding.view(1, -1, 1, 1)
        return {"image_embeddings": image, **dict(zip(FINER_MAPS, finer_maps, strict=True))}

    def _half_layers(self) -> torch.nn.Module:
        encoder = self._model.vision_encoder
        layers: torch.nn.Module = encoder if "encoder" in self.not_covered else encoder.backbone.blocks
        return layers

    def _new_decoder(self) -> SamDecoder:
        return Sam2Decoder(self._model, self.device)

    def _features(self, embedding: Embedding, count: int) -> dict[str, Any]:
        names = (*reversed(FINER_MAPS), "image_embeddings")
        maps = [embedding.tensors[name].to(self.device, torch.float32) for name in names]
        return {"image_embeddings": [feature_map.expand(count, -1, -1, -1) for feature_map in maps]}

    def _inputs(self, prompts: Sequence[Prompt], frame: Frame) -> dict[str, torch.Tensor]:
        inputs = super()._inputs(prompts, frame)
        scale = self._input_side / self._logits_side  # ``Preprocessing.frame`` says why
        inputs.update({name: inputs[name] * scale for name in ("input_points", "input_boxes") if name in inputs})
        if "input_points" not in inputs and "input_boxes" not in inputs:
            # As transformers does, and the official package in videos; its image predictor gives a mask alone no point.
            inputs["input_points"] = torch.zeros(len(prompts), 1, 1, 2, device=self.device)
            inputs["input_labels"] = torch.full((len(prompts), 1, 1), _NOT_A_POINT, device=self.device)
        return inputs
