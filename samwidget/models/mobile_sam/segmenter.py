"""MobileSAM, TinySAM and micro-sam's ``vit_t`` as a ``Segmenter``.

Images, prompts and decoder are those of SAM v1, which is in ``sam``; the encoder is ``TinyVitEncoder``.
``models.official_files`` makes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F

from samwidget.models.mobile_sam.encoder import TinyVitEncoder
from samwidget.models.mobile_sam.network import TinyVit
from samwidget.models.sam import fast_decoder
from samwidget.models.sam.base import BaseSegmenter
from samwidget.models.sam.fast_decoder import SamDecoder
from samwidget.models.sam.preprocessing import Preprocessing

if TYPE_CHECKING:
    from transformers import SamModel


class MobileSamSegmenter(BaseSegmenter):
    """A SAM with a TinyViT as a ``Segmenter``; attributes are those of ``BaseSegmenter``.

    Args:
        model: a ``SamModel`` whose image encoder is a ``TinyVit``. Its weights become float32, but for the encoder's.
        name: the name that the user gave.
        device: where it runs.
        dtype: precision of the encoder's layers; patch embedding and neck stay in float32.
    """

    family = "mobile_sam"
    # In half precision one of 72 masks of a random network agreed at IoU 0.9986 only; those of SAM did at 0.9996.
    half_on_disk = False

    def __init__(self, model: SamModel, *, name: str, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self._network = cast("TinyVit", model.vision_encoder)
        self._encoder = TinyVitEncoder(self._network)
        super().__init__(
            model,
            name=name,
            device=device,
            dtype=dtype,
            preprocessing=Preprocessing(),
            reasons={"decoder": fast_decoder.reason_not_covered(model)},
        )

    def encode_pixels(self, pixels: torch.Tensor, *, threads: int | None) -> dict[str, torch.Tensor]:
        """``image_embeddings``, (1, channels, h, w), of an image that ``encode`` has resized."""
        height, width = pixels.shape[-2:]
        # Padded after normalising, so the padding is zero for the network: the mean colour, not black.
        side = self._input_side
        network_input = F.pad((pixels - self._mean) / self._std, (0, side - width, 0, side - height))[None]
        self.encoded_by = "samwidget"
        return {"image_embeddings": self._encoder(network_input, threads=threads)}

    def _half_layers(self) -> torch.nn.Module:
        return self._network.layers

    def _new_decoder(self) -> SamDecoder:
        return SamDecoder(self._model, self.device)
