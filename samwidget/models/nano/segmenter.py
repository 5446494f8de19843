"""NanoSegmenter: the bundled network behind the ``Segmenter`` protocol.

Owns how an image and prompts become tensors, and how the weights are read; the layers are in ``nano_network``. It is
not SAM: five million parameters, four thousand photos. ``bundled/CARD.md`` says what it can and cannot do.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from threadpoolctl import ThreadpoolController
from torch import Tensor

from samwidget.core import EXCLUDE, INCLUDE, Frame, Prompt
from samwidget.errors import ModelError, ModelNotFoundError, PromptError, UnsupportedModelError
from samwidget.models.nano.network import NanoNetwork
from samwidget.models.nano.previous_masks import ShownMasks, before
from samwidget.models.nano.prompt_maps import PromptTensors, shown_mask
from samwidget.models.segmenter import Embedding, EverythingDefaults

MODEL_TYPE = "samwidget-nano"
BUNDLED_FOLDER = Path(__file__).parent / "bundled"
INPUT_PIXELS = (512 * 384, 640 * 480)
INPUT_SIDE_MAX = 880
INPUT_MULTIPLE = 32
LOGIT_STRIDE = 2
PREPROCESSING = 4
"""Raised when the same image would give another embedding; part of the signature."""
# EfficientNet-Lite0 was trained on (pixel - 127) / 128.
PIXEL_MEAN, PIXEL_SPREAD = 127.0, 128.0
PROMPTS_AT_ONCE = 8
PINNED_LOGIT = 0.5


class NanoSegmenter:
    """The bundled network: small, offline and quick on a CPU.

    Args:
        network: with its weights, in evaluation mode.
        revision: what tells these weights from others.
        name: what the user called it.
    """

    family = "nano"
    cleans_masks = True
    # Chosen by counting on held-out photos and looking: its scores are lower than SAM's and its outlines softer. These
    # keep nearly every mask of a labelled object, with half of the others that .5 and .6 would keep.
    everything_defaults = EverythingDefaults(
        points_per_side=16, pred_iou_thresh=0.6, stability_score_thresh=0.7, stability_score_offset=0.25
    )

    def __init__(self, network: NanoNetwork, revision: str, name: str = "nano") -> None:
        self._network = network.eval()
        self.name = name
        self._threads = ThreadpoolController().select(user_api="openmp")
        self._shown = ShownMasks()
        self.signature = f"nano:{revision}:float32:p{PREPROCESSING}"

    @classmethod
    def from_folder(
        cls,
        folder: Path | str = BUNDLED_FOLDER,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        name: str = "nano",
    ) -> NanoSegmenter:
        """Network of a folder with ``config.json`` and ``model.safetensors``.

        The weights are stored in half precision and computed with in float32, whatever ``dtype`` says: the network is
        too small to gain, and half precision is slower on most CPUs.

        Raises:
            ModelNotFoundError: a file is missing.
            UnsupportedModelError: the folder holds another kind of network.
            ModelError: the weights do not fit this version of the network.
        """
        folder = Path(folder)
        config_path, weights_path = folder / "config.json", folder / "model.safetensors"
        for path in (config_path, weights_path):
            if not path.is_file():
                raise ModelNotFoundError(
                    f"{folder} has no {path.name}", hint="give a folder written by samwidget.training"
                )
        model_type = json.loads(config_path.read_text(encoding="utf-8")).get("model_type")
        if model_type != MODEL_TYPE:
            raise UnsupportedModelError(f"{folder} holds model_type {model_type!r}", hint=f"expected {MODEL_TYPE!r}")
        # On the meta device nothing is initialised only to be overwritten.
        with torch.device("meta"):
            network = NanoNetwork()
        weights = {key: value.float() for key, value in load_file(weights_path).items()}
        try:
            network.load_state_dict(weights, assign=True)
        except RuntimeError as error:
            raise ModelError(f"{weights_path} does not fit this version of samwidget", hint=str(error)) from error
        network.requires_grad_(False)
        network.to(torch.device(device)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(network, hashlib.sha256(weights_path.read_bytes()).hexdigest()[:12], name)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self._network.parameters()).device

    def to(self, device: torch.device) -> None:
        """Moves the weights."""
        self._network.to(device)

    @torch.inference_mode()
    def encode(self, image: npt.NDArray[np.uint8]) -> Embedding:
        """Embedding of an (H, W, 3) uint8 RGB image."""
        frame = frame_of((image.shape[0], image.shape[1]))
        pixels = normalise(_resized(image, frame.content_hw).to(self.device))[None]
        below, right = (total - part for total, part in zip(frame.input_hw, frame.content_hw, strict=True))
        # The border repeated, as in training: a black rim would look like an edge.
        pixels = F.pad(pixels, (0, right, 0, below), mode="replicate")
        features = self._network.encoder(pixels.contiguous(memory_format=torch.channels_last))
        return Embedding(features, frame, self.signature)

    @torch.inference_mode()
    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Low-res logits (P, C, h, w) and scores (P, C), float32; C is 3 with ``multimask_output`` and 1 without.

        The one mask of clicks without a box is the candidate with the best score (``shown_mask``), as SAM 2 does for
        one click; with a ``level`` it is that candidate. Of several clicks, each corrects the mask shown before it
        (``nano_turns``).

        Raises:
            PromptError: a mask prompt that does not have the size of the logits.
        """
        frame, features = embedding.frame, dict(embedding.tensors)
        turns = self._with_masks_before(embedding, prompts, threads)
        logits, scores = [], []
        for start in range(0, len(prompts), PROMPTS_AT_ONCE):
            some = turns[start : start + PROMPTS_AT_ONCE]
            tensors = prompt_tensors(some, frame, self.device)
            # OpenMP keeps this limit for the calling thread alone; torch.set_num_threads would leave it in others.
            with self._threads.limit(limits=threads):
                all_logits, all_scores, _ = self._network.decoder(features, tensors)
            some_logits, some_scores = _pin_clicks(all_logits[0], tensors), all_scores[0]
            shown = shown_mask(tensors, all_scores)[0, :, None]
            for index, prompt in enumerate(some):
                if prompt.level is not None:
                    shown[index] = 1 + prompt.level
            if len(prompts) == 1 and prompts[0].mask is None:  # a person's, who may click again
                self._shown.put(embedding, prompts[0], some_logits[0, shown[0, 0]].cpu().numpy().copy())
            if multimask_output:
                some_logits, some_scores = some_logits[:, 1:], some_scores[:, 1:]
            else:
                some_logits = torch.take_along_dim(some_logits, shown[..., None, None], 1)
                some_scores = torch.take_along_dim(some_scores, shown, 1)
            logits.append(some_logits)
            scores.append(some_scores)
        if not logits:
            count = 3 if multimask_output else 1
            return torch.zeros(0, count, *frame.logits_hw), torch.zeros(0, count)
        return torch.cat(logits), torch.cat(scores)

    def _with_masks_before(self, embedding: Embedding, prompts: Sequence[Prompt], threads: int | None) -> list[Prompt]:
        """The prompts; those of several turns with the mask shown before the last one."""
        turns, waiting = list(prompts), {}
        for index, prompt in enumerate(prompts):
            earlier = before(prompt)
            if earlier is None:
                continue
            mask = self._shown.get(embedding, earlier)
            if mask is None:
                waiting[index] = earlier
            else:
                turns[index] = replace(prompt, mask=mask)
        if waiting:
            # This comes here again with one click less, down to the first.
            masks, _ = self.decode(embedding, list(waiting.values()), multimask_output=False, threads=threads)
            for index, mask in zip(waiting, masks[:, 0].cpu().numpy(), strict=True):
                turns[index] = replace(prompts[index], mask=mask)
        return turns


def frame_of(image_hw: tuple[int, int]) -> Frame:
    """Frame of an image for this network, padded below and right to multiples of 32.

    It has as many pixels as the image, but 512 x 384 at least and 640 x 480 at most, whatever its shape: 739 x 416 for
    16 to 9. More than the image has would show nothing new, and make things larger than those in training.
    """
    height, width = image_hw
    pixels = min(max(height * width, INPUT_PIXELS[0]), INPUT_PIXELS[1])
    scale = min(math.sqrt(pixels / (height * width)), INPUT_SIDE_MAX / max(image_hw))
    content_hw = (max(1, round(height * scale)), max(1, round(width * scale)))
    input_hw = (_up(content_hw[0]), _up(content_hw[1]))
    return Frame(image_hw, input_hw, content_hw, (input_hw[0] // LOGIT_STRIDE, input_hw[1] // LOGIT_STRIDE))


def normalise(rgb: Tensor) -> Tensor:
    """(H, W, 3) uint8 to (3, H, W) float32 about 0, as the backbone was trained."""
    return ((rgb.float() - PIXEL_MEAN) / PIXEL_SPREAD).permute(2, 0, 1)


def prompt_tensors(prompts: Sequence[Prompt], frame: Frame, device: torch.device) -> PromptTensors:
    """Prompts on one image as tensors (1, P, ...), padded to the largest number of points.

    Raises:
        PromptError: a mask prompt that does not have the size of the logits.
    """
    count, most = len(prompts), max(1, *(len(prompt.points_xy) for prompt in prompts))
    points, labels = np.zeros((count, most, 2), np.float32), np.full((count, most), -1, np.float32)
    boxes, has_box = np.zeros((count, 4), np.float32), np.zeros(count, np.float32)
    masks, has_mask = np.zeros((count, *frame.logits_hw), np.float32), np.zeros(count, np.float32)
    for index, prompt in enumerate(prompts):
        clicks = len(prompt.points_xy)
        points[index, :clicks] = frame.image_to_input(prompt.points_xy)
        labels[index, :clicks] = prompt.labels
        if prompt.box_xyxy is not None:
            boxes[index], has_box[index] = frame.image_to_input(prompt.box_xyxy.reshape(2, 2)).reshape(4), 1
        if prompt.mask is not None:
            if prompt.mask.shape != frame.logits_hw:
                raise PromptError(
                    f"mask has shape {prompt.mask.shape}, the logits of this image have {frame.logits_hw}",
                    hint="give low-res logits that this network returned for this image",
                )
            masks[index], has_mask[index] = prompt.mask, 1
    parts = (points, labels, boxes, has_box, masks, has_mask)
    return PromptTensors(*(torch.from_numpy(part).to(device)[None] for part in parts))


def _up(side: int) -> int:
    return -(-side // INPUT_MULTIPLE) * INPUT_MULTIPLE


def _resized(image: npt.NDArray[np.uint8], content_hw: tuple[int, int]) -> Tensor:
    """(H, W, 3) uint8 to (h, w, 3) uint8: as by Pillow's bilinear filter, within one level, in a ninth of the time.

    12 megapixels take 6 ms, and 5 for the copy that torch needs of an image that may not be written to.
    """
    pixels = torch.from_numpy(np.require(image, np.uint8, ["C", "W"])).permute(2, 0, 1)[None]
    return F.interpolate(pixels, content_hw, mode="bilinear", antialias=True)[0].permute(1, 2, 0)


def _pin_clicks(logits: Tensor, prompts: PromptTensors) -> Tensor:
    """(P, C, h, w) logits, those under a click forced to its side: a click lies in its mask whatever goes wrong."""
    height, width = logits.shape[2:]
    logits = logits.clone(memory_format=torch.contiguous_format)
    # Included points last: where both lie on one pixel, the click that asks for the object wins.
    for label, side in ((EXCLUDE, -1), (INCLUDE, 1)):
        for index, point in (prompts.labels[0] == label).nonzero().tolist():
            x, y = (prompts.points_xy[0, index, point] / LOGIT_STRIDE - 0.5).tolist()
            rows, columns = _near(y, height), _near(x, width)
            pixels = logits[index, :, rows, columns]
            pixels.copy_(side * (side * pixels).clamp(min=PINNED_LOGIT))
    return logits


def _near(position: float, size: int) -> slice:
    """The logits less than one step from a position: those that interpolation there can see."""
    return slice(max(0, math.floor(position - 1) + 1), min(size, math.ceil(position + 1)))
