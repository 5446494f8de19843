"""SAM v1: ViT-B, -L and -H, SlimSAM, MedSAM and fine-tuned folders, through transformers' ``SamModel``.

Owns the preprocessing and the batching of prompts; the network is transformers'. Coordinates follow the official
package: prompts scale with the image to the network's input, half a pixel is added there, and prompts without a box
get one padding point (both inside ``SamModel``, which agrees with the official package on this).
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

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt
from samwidget.models.embedding import Embedding
from samwidget.models.signature import signature_of

# Raise it when ``encode`` prepares images differently: embeddings kept on disk are then made anew.
_PREPROCESSING_VERSION = 1
# What every SAM was trained with; a folder's preprocessor_config.json may say otherwise.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
# The decoder's two transposed convolutions double the embedding's side each.
_UPSCALING = 4
# Prompts in one forward pass. On two CPU cores a batch of 64 took 97 ms a prompt, one at a time 60 ms: copies of the
# image tokens no longer fit the processor's cache. GPUs gain from batches.
_PROMPTS_AT_ONCE_CPU = 1
_PROMPTS_AT_ONCE_GPU = 32


class SamSegmenter:
    """A SAM v1 network as a ``Segmenter``.

    Args:
        model: a transformers ``SamModel``.
        name: what the user called it.
        device: where it runs.
        dtype: precision of the encoder; the decoder, a hundredth of the work, stays in float32.
        preprocessing: ``preprocessor_config.json`` of the checkpoint; ``image_mean`` and ``image_std`` are used.
    """

    family = "sam"
    cleans_masks = False

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
        embeddings = self._model.get_image_embeddings(padded[None].to(self._dtype))
        return Embedding({"image_embeddings": embeddings}, frame, self.signature)

    @torch.no_grad()
    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Low-res logits (P, C, h, w) and scores (P, C), float32; C is 3 with ``multimask_output``, else 1.

        Prompts of one form (number of points, box or not, mask or not) share a forward pass, so that none is padded
        and every answer is what the prompt alone would get.
        """
        image_embeddings = embedding.tensors["image_embeddings"].to(self.device, torch.float32)
        at_once = _PROMPTS_AT_ONCE_CPU if self.device.type == "cpu" else _PROMPTS_AT_ONCE_GPU
        answers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        for indices in _batches_of_one_form(prompts, at_once):
            batch = [prompts[index] for index in indices]
            output = self._model(
                # Prompts lie along the batch axis, since transformers' point axis cannot carry masks.
                image_embeddings=image_embeddings.expand(len(batch), -1, -1, -1),
                multimask_output=multimask_output,
                **_inputs(batch, embedding.frame, self.device),
            )
            for index, logits, scores in zip(indices, output.pred_masks[:, 0], output.iou_scores[:, 0], strict=True):
                answers[index] = (logits, scores)
        ordered = [answers[index] for index in range(len(prompts))]
        return torch.stack([logits for logits, _ in ordered]), torch.stack([scores for _, scores in ordered])


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
