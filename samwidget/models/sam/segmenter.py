"""SAM v1: ViT-B, -L and -H, SlimSAM, MedSAM and fine-tuned folders, with the weights of transformers' ``SamModel``.

Owns the preprocessing, the batching of prompts and the choice of who computes: ``sam_encoder`` and ``sam_decoder``, and
for whatever they do not cover transformers' own forward, with the same answers. Coordinates follow the official
package: prompts scale with the image to the network's input, half a pixel is added there, and prompts without a box
get one padding point (both inside transformers' prompt encoder, which agrees with the official package on this).
Paper: Kirillov et al., Segment Anything, https://arxiv.org/abs/2304.02643.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image

from samwidget.core import Frame, Prompt
from samwidget.models.sam import fast_decoder, fast_encoder
from samwidget.models.sam.fast_decoder import SamDecoder
from samwidget.models.sam.fast_encoder import SamEncoder
from samwidget.models.segmenter import SAM_EVERYTHING, Embedding, signature_of

# Raise it when ``encode`` prepares images differently: embeddings kept on disk are then made anew.
_PREPROCESSING_VERSION = 1
# What every SAM was trained with; a folder's preprocessor_config.json may say otherwise.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
# The decoder's two transposed convolutions double the embedding's side each.
_UPSCALING = 4
# Prompts that go through the decoder together. On a CPU only their tokens do; 4 to 16 were equally fast.
_PROMPTS_AT_ONCE_CPU = 4
_PROMPTS_AT_ONCE_GPU = 32
# The same for transformers' forward: on two CPU cores a batch of 64 took 97 ms a prompt, one at a time 60 ms, since
# copies of the image tokens no longer fit the processor's cache.
_PROMPTS_AT_ONCE_TRANSFORMERS_CPU = 1


class SamSegmenter:
    """A SAM v1 network as a ``Segmenter``.

    Args:
        model: a transformers ``SamModel``.
        name: what the user called it.
        device: where it runs.
        dtype: precision of the encoder; the decoder, a hundredth of the work, stays in float32.
        preprocessing: ``preprocessor_config.json`` of the checkpoint; ``image_mean`` and ``image_std`` are used.

    Attributes:
        not_covered: why transformers computes a part of this network: ``encoder`` or ``decoder`` to a sentence; empty
            where samwidget computes both.
        encoded_by: who computed the latest embedding, ``samwidget`` or ``transformers``; empty before the first.
        decoded_by: who computed the latest answers; ``transformers`` where a prompt among them was not covered.
    """

    family = "sam"
    cleans_masks = False
    everything_defaults = SAM_EVERYTHING

    def __init__(
        self,
        model: Any,
        *,
        name: str,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        preprocessing: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self._model = model.eval().float()
        self._dtype = dtype
        reasons = {"encoder": fast_encoder.reason_not_covered(model), "decoder": fast_decoder.reason_not_covered(model)}
        self.not_covered = {part: reason for part, reason in reasons.items() if reason}
        self.encoded_by = self.decoded_by = ""
        self._encoder = SamEncoder(model.vision_encoder)
        self._decoder: SamDecoder | None = None
        self._input_side = int(model.config.vision_config.image_size)
        self._logits_side = _UPSCALING * int(model.config.prompt_encoder_config.image_embedding_size)
        preprocessing = preprocessing or {}
        mean = preprocessing.get("image_mean", _MEAN)
        std = preprocessing.get("image_std", _STD)
        self._mean = torch.tensor(mean, dtype=torch.float32).mul(255).reshape(3, 1, 1)
        self._std = torch.tensor(std, dtype=torch.float32).mul(255).reshape(3, 1, 1)
        version = f"sam-preprocessing-{_PREPROCESSING_VERSION} mean {list(mean)} std {list(std)}"
        self.signature = signature_of(name, model, dtype, version)
        self.to(device)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._mean.device

    def to(self, device: torch.device) -> None:
        """Moves the weights; the encoder becomes float32 on a CPU, where half precision is slow and gains nothing."""
        self._model.to(device)
        if self.device.type != device.type and device.type == "cpu":
            self._dtype = torch.float32
        self._model.vision_encoder.to(self._dtype)
        self._mean, self._std = self._mean.to(device), self._std.to(device)
        # Their memory is on the old device; the decoder's constants take 0.1 s at the next image.
        self._encoder, self._decoder = SamEncoder(self._model.vision_encoder), None

    @property
    def byte_count(self) -> int:
        """Bytes held beside the weights and the embeddings: buffers, constants of recent images."""
        return self._encoder.byte_count + (0 if self._decoder is None else self._decoder.byte_count)

    @torch.no_grad()
    def encode(self, image: npt.NDArray[np.uint8]) -> Embedding:
        """Embedding of an (H, W, 3) uint8 RGB image: ``image_embeddings``, (1, channels, h, w)."""
        frame = Frame.padded((image.shape[0], image.shape[1]), self._input_side, self._logits_side)
        height, width = frame.content_hw
        # Pillow's bilinear filter on bytes, as in training: torch's differs by more than rounding where it shrinks.
        resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(resized)).to(self.device).permute(2, 0, 1).float()
        # Padding comes after normalising: it is zero to the network, which is the mean colour and not black.
        normalised = (pixels - self._mean) / self._std
        padded = F.pad(normalised, (0, self._input_side - width, 0, self._input_side - height))
        encode = self._model.get_image_embeddings if "encoder" in self.not_covered else self._encoder
        embeddings = encode(padded[None].to(self._dtype))
        self.encoded_by = "transformers" if "encoder" in self.not_covered else "samwidget"
        embedding = Embedding({"image_embeddings": embeddings}, frame, self.signature)
        if "decoder" not in self.not_covered:
            self._prepared_decoder().terms(embedding)  # 30 ms now instead of at the first click
        return embedding

    @torch.no_grad()
    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Low-res logits (P, C, h, w) and scores (P, C), float32; C is 3 with ``multimask_output``, else 1.

        Prompts of one form (number of points, box or not, mask or not) share a forward pass, so that none is padded
        and every answer is what the prompt alone would get. ``threads`` is ignored.
        """
        at_once = _PROMPTS_AT_ONCE_CPU if self.device.type == "cpu" else _PROMPTS_AT_ONCE_GPU
        self.decoded_by = "samwidget"
        batches = _batches_of_one_form(prompts, at_once)
        answers = [self._decode_one_form(embedding, [prompts[i] for i in batch], multimask_output) for batch in batches]
        if len(batches) == 1:
            return answers[0]
        logits, scores = (torch.cat(part) for part in zip(*answers, strict=True))
        order = torch.tensor([index for batch in batches for index in batch]).argsort().to(logits.device)
        return logits[order], scores[order]

    def _prepared_decoder(self) -> SamDecoder:
        if self._decoder is None:
            self._decoder = SamDecoder(self._model, self.device)
        return self._decoder

    def _decode_one_form(
        self, embedding: Embedding, prompts: Sequence[Prompt], multimask_output: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (P, C, h, w) and scores (P, C) of prompts of one form."""
        if "decoder" not in self.not_covered:
            inputs = _inputs(prompts, embedding.frame, self.device)
            answer = self._prepared_decoder().decode(embedding, inputs, multimask_output=multimask_output)
            if answer is not None:
                return answer
        self.decoded_by = "transformers"
        image_embeddings = embedding.tensors["image_embeddings"].to(self.device, torch.float32)
        at_once = _PROMPTS_AT_ONCE_TRANSFORMERS_CPU if self.device.type == "cpu" else _PROMPTS_AT_ONCE_GPU
        outputs = []
        for start in range(0, len(prompts), at_once):
            some = prompts[start : start + at_once]
            outputs.append(
                self._model(
                    # Prompts lie along the batch axis, since transformers' point axis cannot carry masks.
                    image_embeddings=image_embeddings.expand(len(some), -1, -1, -1),
                    multimask_output=multimask_output,
                    **_inputs(some, embedding.frame, self.device),
                )
            )
        return torch.cat([each.pred_masks[:, 0] for each in outputs]), torch.cat(
            [each.iou_scores[:, 0] for each in outputs]
        )


def _batches_of_one_form(prompts: Sequence[Prompt], at_once: int) -> list[list[int]]:
    """Indices of the prompts, grouped by form, at most ``at_once`` together."""
    groups: dict[tuple[int, bool, bool], list[int]] = defaultdict(list)
    for index, prompt in enumerate(prompts):
        groups[(len(prompt.points_xy), prompt.box_xyxy is not None, prompt.mask is not None)].append(index)
    return [group[i : i + at_once] for group in groups.values() for i in range(0, len(group), at_once)]


def _inputs(prompts: Sequence[Prompt], frame: Frame, device: torch.device) -> dict[str, torch.Tensor]:
    """Arguments of ``SamModel.forward`` for prompts of one form."""
    first = prompts[0]
    inputs: dict[str, torch.Tensor] = {}
    if len(first.points_xy):
        points = np.stack([frame.image_to_input(prompt.points_xy) for prompt in prompts])
        labels = np.stack([prompt.labels for prompt in prompts])
        inputs["input_points"] = torch.from_numpy(points[:, None]).to(device)
        inputs["input_labels"] = torch.from_numpy(labels[:, None]).to(device)
    if first.box_xyxy is not None:
        corners = np.stack([np.asarray(prompt.box_xyxy).reshape(2, 2) for prompt in prompts])
        inputs["input_boxes"] = torch.from_numpy(frame.image_to_input(corners).reshape(-1, 1, 4)).to(device)
    if first.mask is not None:
        masks = np.stack([np.asarray(prompt.mask) for prompt in prompts])
        inputs["input_masks"] = torch.from_numpy(masks[:, None]).to(device)
    return inputs
