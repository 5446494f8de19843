"""SAM v1 as a ``Segmenter``: ViT-B, -L and -H, SlimSAM, MedSAM and fine-tuned folders, on transformers' ``SamModel``.

Owns what happens to an image before the network, and the choice of its encoder: ``fast_encoder``, or transformers' own
for models that it does not cover. The rest is in ``base``. ``models.loader`` makes it.
Paper: Kirillov et al., Segment Anything, https://arxiv.org/abs/2304.02643.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from samwidget.models.sam import fast_decoder, fast_encoder
from samwidget.models.sam.base import BaseSegmenter
from samwidget.models.sam.fast_decoder import SamDecoder
from samwidget.models.sam.fast_encoder import SamEncoder
from samwidget.models.sam.official_checkpoint import EncoderSize
from samwidget.models.sam.preprocessing import Preprocessing

if TYPE_CHECKING:
    from transformers import SamModel


class SamSegmenter(BaseSegmenter):
    """A SAM v1 network as a ``Segmenter``; arguments and attributes are those of ``BaseSegmenter``.

    Args:
        model: its weights become float32, but for the encoder's.
        name: the name that the user gave.
        device: where it runs.
        dtype: precision of the encoder's layers.
        preprocessing: what the checkpoint says about images; None is what Meta's checkpoints say.
    """

    family = "sam"

    def __init__(
        self,
        model: SamModel,
        *,
        name: str,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        self._encoder = SamEncoder(model.vision_encoder)
        super().__init__(
            model,
            name=name,
            device=device,
            dtype=dtype,
            preprocessing=preprocessing or Preprocessing(),
            reasons={
                "encoder": fast_encoder.reason_not_covered(model),
                "decoder": fast_decoder.reason_not_covered(model),
            },
        )

    @property
    def model(self) -> SamModel:
        """The network with its weights."""
        model: SamModel = self._model
        return model

    @property
    def size(self) -> EncoderSize:
        """The size of the encoder."""
        config: Any = self._model.config.vision_config
        layers, heads = int(config.num_hidden_layers), int(config.num_attention_heads)
        return EncoderSize(int(config.hidden_size), layers, heads, tuple(config.global_attn_indexes))

    @property
    def input_side(self) -> int:
        """Side of the network's input in pixels."""
        return self._input_side

    @property
    def mean_and_std(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(3, 1, 1) each: what ``encode`` subtracts from the levels of an image, 0 to 255, and divides them by."""
        return self._mean, self._std

    def input_of(self, pixels: torch.Tensor) -> torch.Tensor:
        """(..., 3, side, side) input of the network, from (..., 3, h, w) levels, 0 to 255: normalised and padded."""
        height, width = pixels.shape[-2:]
        # Padded after normalising, so the padding is zero for the network: the mean colour, not black.
        normalised = (pixels - self._mean) / self._std
        return F.pad(normalised, (0, self._input_side - width, 0, self._input_side - height))

    @torch.no_grad()
    def encode_input(self, pixels: torch.Tensor, *, threads: int | None = None) -> torch.Tensor:
        """(1, channels, h, w) float32 image embedding of the network's input.

        Args:
            pixels: (1, 3, side, side) float32, normalised and padded, on the model's device.
            threads: as for ``encode``.
        """
        if "encoder" in self.not_covered:
            self.encoded_by = "transformers"
            embeddings: torch.Tensor = self._model.get_image_embeddings(pixels.to(self._dtype))
            return embeddings.float()
        self.encoded_by = "samwidget"
        return self._encoder(pixels, threads=threads)

    def encode_pixels(self, pixels: torch.Tensor, *, threads: int | None) -> dict[str, torch.Tensor]:
        """``image_embeddings``, (1, channels, h, w), of an image that ``encode`` has resized."""
        return {"image_embeddings": self.encode_input(self.input_of(pixels)[None], threads=threads)}

    def _half_layers(self) -> torch.nn.Module:
        encoder: torch.nn.Module = self._model.vision_encoder
        # Transformers computes its encoder in one precision. Ours leaves patch embedding and neck, a hundredth of the
        # work, in float32: in bfloat16 more than half of the error would be theirs.
        return encoder if "encoder" in self.not_covered else encoder.get_submodule("layers")

    def _new_decoder(self) -> SamDecoder:
        return SamDecoder(self._model, self.device)
