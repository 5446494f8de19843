"""SAM 3 as a ``Segmenter``: with clicks and words, or with words alone.

Owns what an embedding holds: for clicks the three maps of SAM 2, for words what the encoder's last layer gives. One run
of the encoder makes both. Clicks are ``models.sam2``'s, words are ``detector``'s. ``models.loader`` makes them; a
checkpoint with clicks alone is a plain ``Sam2Segmenter``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from samwidget.core import Prompt
from samwidget.errors import PromptError
from samwidget.models.finder import Wanted
from samwidget.models.sam.base import mean_and_std, resized_pixels
from samwidget.models.sam.preprocessing import Preprocessing
from samwidget.models.sam2.segmenter import Sam2Segmenter
from samwidget.models.sam3.detector import HIDDEN_STATES, Detector
from samwidget.models.sam3.phrases import Phrases
from samwidget.models.segmenter import SAM_EVERYTHING, Embedding, signature_of

# The masks of the detector have so many times the side of the encoder's last map.
_UPSCALING = 4


class _WithDetector:
    """Reads words with SAM 3's detector: what both segmenters have in common."""

    _detector: Detector

    def check_phrase(self, phrase: str) -> None:
        """As ``Finder.check_phrase``."""
        self._detector.check_phrase(phrase)

    def find(
        self, embedding: Embedding, wanted: Wanted, *, score_min: float, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As ``Finder.find``. transformers computes, with torch's own threads."""
        return self._detector.find(embedding, wanted, score_min)


class Sam3Segmenter(_WithDetector, Sam2Segmenter):
    """SAM 3 with clicks and words; attributes are those of ``BaseSegmenter``. It is a ``Finder``.

    Args:
        model: the ``Sam3TrackerModel``.
        detector_model: the ``Sam3Model``, with the same encoder.
        phrases: makes tokens for the detector.
        name: the name that the user gave.
        device: where it runs.
        dtype: precision of the encoder.
        preprocessing: what the checkpoint says about images.
    """

    def __init__(
        self,
        model: Any,
        detector_model: Any,
        phrases: Phrases,
        *,
        name: str,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        preprocessing: Preprocessing,
    ) -> None:
        self._detector = Detector(detector_model.float(), phrases, device)
        super().__init__(model, name=name, family="sam3", device=device, dtype=dtype, preprocessing=preprocessing)
        # An embedding of the clicks alone lacks a tensor.
        self.signature += " and words"

    def encode_pixels(self, pixels: torch.Tensor, *, threads: int | None) -> dict[str, torch.Tensor]:
        """The tensors of an image that ``encode`` has resized, float32: those of SAM 2, and one for words."""
        self.encoded_by = "transformers"
        normalised = ((pixels - self._mean) / self._std)[None].to(self._dtype)
        output = self._model.vision_encoder(normalised)
        return {**self._maps(output.fpn_hidden_states), HIDDEN_STATES: output.last_hidden_state.float()}

    def to(self, device: torch.device) -> None:
        """Moves the weights, as in ``BaseSegmenter``."""
        self._detector.model.to(device)
        super().to(device)
        self._detector.to(device)

    def _half_layers(self) -> torch.nn.Module:
        layers: torch.nn.Module = self._model.vision_encoder.backbone
        return layers

    @property
    def byte_count(self) -> int:
        """Bytes held beside the weights and the embeddings."""
        return super().byte_count + self._detector.byte_count


class WordsSegmenter(_WithDetector):
    """SAM 3's detector alone, a ``Segmenter`` that is a ``Finder`` and decodes no prompts.

    Args:
        model: a ``Sam3Model`` of transformers or of a variant. Its weights become float32, but for the encoder's.
        phrases: makes tokens.
        name: the name that the user gave.
        device: where it runs.
        dtype: precision of the encoder.
        preprocessing: what the checkpoint says about images.
    """

    family = "sam3"
    cleans_masks = False
    everything_defaults = SAM_EVERYTHING

    def __init__(
        self,
        model: Any,
        phrases: Phrases,
        *,
        name: str,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        preprocessing: Preprocessing,
    ) -> None:
        self.name = name
        self._model = model.eval().float()
        self._dtype = dtype
        self._preprocessing = preprocessing
        backbone = model.config.vision_config.backbone_config
        self._input_side, patch_side = (_side(value) for value in (backbone.image_size, backbone.patch_size))
        self._logits_side = _UPSCALING * (self._input_side // patch_side)
        self.signature = signature_of(name, model, dtype, preprocessing.signature)
        self._detector = Detector(model, phrases, device)
        self._device = device
        self.to(device)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._device

    @property
    def precision(self) -> str:
        """Of the encoder: ``float32``, ``float16`` or ``bfloat16``."""
        return str(self._dtype).removeprefix("torch.")

    def to(self, device: torch.device) -> None:
        """Moves the weights. From a GPU to a CPU the encoder becomes float32."""
        if self._device.type != device.type and device.type == "cpu":
            self._dtype = torch.float32
        self._model.to(device)
        self._model.vision_encoder.backbone.to(self._dtype)
        self._detector.to(device)
        self._device = device

    @torch.no_grad()
    def encode(self, image: npt.NDArray[np.uint8], *, threads: int | None = None) -> Embedding:
        """Embedding of an (H, W, 3) uint8 RGB image, float32. transformers computes, with torch's own threads."""
        preprocessing = self._preprocessing
        frame = preprocessing.frame((image.shape[0], image.shape[1]), self._input_side, self._logits_side)
        pixels = resized_pixels(image, preprocessing, frame, self._input_side, self._device)
        mean, std = (values.to(self._device) for values in mean_and_std(preprocessing))
        normalised = ((pixels - mean) / std)[None].to(self._dtype)
        hidden_states = self._model.vision_encoder.backbone(normalised).last_hidden_state.float()
        return Embedding({HIDDEN_STATES: hidden_states}, frame, self.signature)

    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Raises PromptError: the checkpoint has no layers for clicks."""
        raise PromptError(
            f"{self.name} finds objects by words and example boxes; it has no layers for clicks and boxes",
            hint='use find("coin"); for clicks too, load "facebook/sam3", whose checkpoint has both',
        )


def _side(value: Any) -> int:
    """One side of a size that a config writes as a number or as a pair."""
    return int(value if isinstance(value, int) else value[0])
