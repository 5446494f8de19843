"""NanoSegmenter: the bundled network behind the ``Segmenter`` protocol.

It owns how the weights are read and how an image and prompts become tensors; the layers are in ``network``. Called by
``loader``. The model is not SAM: it has five million parameters and was trained on four thousand photos.
``bundled/CARD.md`` says what it can do and what it cannot.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from samwidget.core import EXCLUDE, INCLUDE, Frame, Prompt
from samwidget.errors import ModelError, ModelNotFoundError, PromptError, UnsupportedModelError
from samwidget.models.nano.layers import CONTEXT, DEEP, FINE, MIDDLE
from samwidget.models.nano.network import NanoNetwork
from samwidget.models.nano.previous_masks import PreviousMasks, previous_prompt
from samwidget.models.nano.prompt_maps import HEAD_DIM, HEADS, PromptTensors, default_mask_index
from samwidget.models.registry import BUNDLED_FOLDER
from samwidget.models.segmenter import Embedding, EverythingDefaults
from samwidget.models.threads import one_thread, run_in_threads, thread_count

MODEL_TYPE = "samwidget-nano"
INPUT_PIXELS = (512 * 384, 640 * 480)
INPUT_SIDE_MAX = 880
INPUT_MULTIPLE = 32
LOGIT_STRIDE = 2
PREPROCESSING = 4
"""Raised when the same image would give another embedding; part of the signature."""
# EfficientNet-Lite0 was trained on (pixel - 127) / 128.
PIXEL_MEAN, PIXEL_SPREAD = 127.0, 128.0
PROMPTS_PER_PASS = 8
CLICK_LOGIT = 0.5
"""Under an included click logits are at least this, under an excluded one at most its negative."""
# Channels and stride of the tensors of an embedding.
_FEATURES = {"context": (CONTEXT, 32), "deep": (DEEP, 16), "middle": (MIDDLE + HEADS * HEAD_DIM, 8), "fine": (FINE, 4)}


class NanoSegmenter:
    """The bundled model: small, offline and fast on a CPU.

    It remembers the masks of the last prompts (``previous_masks``), to decode a further click once and not once for
    each click before it. The results do not depend on what it remembers.

    Args:
        network: with its weights.
        revision: identifies the weights.
        name: as in ``Segmenter``.
    """

    family = "nano"
    precision = "float32"
    cleans_masks = True
    # Chosen by counting on held-out photos and by looking: its scores are lower than SAM's and its outlines softer.
    # These thresholds keep nearly every mask of a labelled object, with half of the others that .5 and .6 would keep.
    everything_defaults = EverythingDefaults(
        points_per_side=16, pred_iou_thresh=0.6, stability_score_thresh=0.7, stability_score_offset=0.25
    )

    def __init__(self, network: NanoNetwork, revision: str, name: str = "nano") -> None:
        self._network = network.eval()
        self.name = name
        self._previous_masks = PreviousMasks()
        self.signature = f"nano:{revision}:float32:p{PREPROCESSING}"

    @classmethod
    def from_folder(
        cls, folder: Path | str = BUNDLED_FOLDER, *, device: torch.device | str = "cpu", name: str = "nano"
    ) -> NanoSegmenter:
        """The model of a folder with ``config.json`` and ``model.safetensors``.

        The weights are stored in half precision and computed with in float32: the network is too small to gain by half
        precision, which is slower on most CPUs.

        Args:
            folder: what ``samwidget.training`` wrote; the bundled one by default.
            device: where the model runs.
            name: as in ``Segmenter``.

        Raises:
            ModelNotFoundError: a file is missing.
            UnsupportedModelError: the folder holds another kind of model.
            ModelError: the weights cannot be read, or are not those of this version of the network.
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
        # On the meta device no time is spent on initial weights that would be overwritten.
        with torch.device("meta"):
            network = NanoNetwork()
        try:
            network.load_state_dict(_read_weights(weights_path, torch.device(device)), assign=True)
        except SafetensorError as error:
            raise ModelError(f"{weights_path} cannot be read", hint=str(error)) from error
        except RuntimeError as error:
            raise ModelError(f"{weights_path} does not fit this version of samwidget", hint=str(error)) from error
        network.requires_grad_(False)
        return cls(network, hashlib.sha256(weights_path.read_bytes()).hexdigest()[:12], name)

    @property
    def network(self) -> NanoNetwork:
        """The layers with their weights."""
        return self._network

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self._network.parameters()).device

    def to(self, device: torch.device) -> None:
        """Moves the weights."""
        self._network.to(device)

    @property
    def _is_on_cpu(self) -> bool:
        return self.device.type == "cpu"

    @torch.inference_mode()
    def encode(self, image: npt.NDArray[np.uint8], *, threads: int | None = None) -> Embedding:
        """The embedding of an (H, W, 3) uint8 RGB image, computed by ``threads`` CPU threads."""
        if self._is_on_cpu:
            count = thread_count(threads)
            with one_thread():
                return self._encode(image, count)
        return self._encode(image, 0)

    def _encode(self, image: npt.NDArray[np.uint8], threads: int) -> Embedding:
        frame = frame_of((image.shape[0], image.shape[1]))
        pixels = normalise_pixels(_resize(image, frame.content_hw).to(self.device))[None]
        below, right = (total - part for total, part in zip(frame.input_hw, frame.content_hw, strict=True))
        # The padding repeats the border, as in training: a black margin would look like an edge.
        pixels = F.pad(pixels, (0, right, 0, below), mode="replicate")
        features = self._network.encoder(pixels.contiguous(memory_format=torch.channels_last), threads)
        return Embedding(features, frame, self.signature)

    @torch.inference_mode()
    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Low-res logits (P, C, h, w) and scores (P, C), float32, as in ``Segmenter``.

        The tensors of an embedding may be a stack of as many parts of an image as there are prompts; then each prompt,
        one click or one box, is decoded on its own part, and costs as little as the part is small.

        Where one mask is asked for, clicks without a box get the candidate with the best score (``default_mask_index``)
        or that of their ``level``, and all other prompts get the single mask. The last of several clicks corrects the
        mask before it (``previous_masks``).

        Raises:
            PromptError: a mask prompt does not have the size of the logits.
            ModelError: the embedding does not have the tensors of this model.
        """
        _check_features(embedding, len(prompts))
        frame = embedding.frame
        with_masks = self._add_previous_masks(embedding, prompts, threads)
        # On a CPU the threads share the prompts, a few in each piece: a prompt alone has several hundred small steps,
        # and before each of them its thread would wait for Python, which runs one thread at a time.
        count = thread_count(threads) if self._is_on_cpu else 1
        size = min(PROMPTS_PER_PASS, max(1, -(-len(with_masks) // count)))
        batches = [slice(start, start + size) for start in range(0, len(with_masks), size)]
        decoded = run_in_threads(lambda batch: self._decode(embedding, with_masks, batch), batches, count)
        logits, scores = [], []
        for batch_logits, batch_scores, default_index in decoded:
            if len(prompts) == 1 and prompts[0].mask is None:  # a user's click, which may be followed by another
                default_mask = batch_logits[0, default_index[0]].cpu().numpy().copy()
                self._previous_masks.put(embedding, prompts[0], default_mask)
            if multimask_output:
                logits.append(batch_logits[:, 1:])
                scores.append(batch_scores[:, 1:])
            else:
                rows = torch.arange(len(default_index), device=default_index.device)
                logits.append(batch_logits[rows, default_index][:, None])
                scores.append(batch_scores[rows, default_index][:, None])
        if not logits:
            candidates = 3 if multimask_output else 1
            shapes = (0, candidates, *frame.logits_hw), (0, candidates)
            logits, scores = ([torch.zeros(shape, dtype=torch.float32)] for shape in shapes)
        return torch.cat(logits), torch.cat(scores)

    def _decode(self, embedding: Embedding, prompts: Sequence[Prompt], batch: slice) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (P, 4, h, w), scores (P, 4), and (P,) int64 which of the masks is used where one is asked for."""
        features, tensors = dict(embedding.tensors), prompt_tensors(prompts[batch], embedding.frame, self.device)
        if _is_stack(embedding):
            features = {name: feature[batch] for name, feature in features.items()}
            tensors = PromptTensors(*(getattr(tensors, field.name).transpose(0, 1) for field in fields(tensors)))
        logits, scores, _ = self._network.decoder(features, tensors)
        default_index = default_mask_index(tensors, scores).flatten()
        for index, prompt in enumerate(prompts[batch]):
            if prompt.level is not None:
                default_index[index] = 1 + prompt.level
        logits = logits.flatten(0, 1)
        _enforce_clicks(logits, tensors)
        return logits, scores.flatten(0, 1), default_index

    def _add_previous_masks(self, embedding: Embedding, prompts: Sequence[Prompt], threads: int | None) -> list[Prompt]:
        """The prompts; those that correct an earlier mask have it as their mask prompt."""
        with_masks, unknown = list(prompts), {}
        for index, prompt in enumerate(prompts):
            earlier = previous_prompt(prompt)
            if earlier is None:
                continue
            mask = self._previous_masks.get(embedding, earlier)
            if mask is None:
                unknown[index] = earlier
            else:
                with_masks[index] = replace(prompt, mask=mask)
        if unknown:
            # A recursion: it comes here again with one click less, down to the first.
            masks, _ = self.decode(embedding, list(unknown.values()), multimask_output=False, threads=threads)
            for index, mask in zip(unknown, masks[:, 0].cpu().numpy(), strict=True):
                with_masks[index] = replace(prompts[index], mask=mask)
        return with_masks


def frame_of(image_hw: tuple[int, int]) -> Frame:
    """The frame of an image, whose input is padded below and at the right to multiples of 32.

    The input has as many pixels as the image, but at least 512 x 384 and at most 640 x 480, in the image's aspect
    ratio: 739 x 416 for 16 to 9. To enlarge the image further would show nothing new and make objects larger than those
    in training.

    Args:
        image_hw: height and width of the image.
    """
    height, width = image_hw
    pixels = min(max(height * width, INPUT_PIXELS[0]), INPUT_PIXELS[1])
    scale = min(math.sqrt(pixels / (height * width)), INPUT_SIDE_MAX / max(image_hw))
    content_hw = (max(1, round(height * scale)), max(1, round(width * scale)))
    input_hw = (_round_up(content_hw[0]), _round_up(content_hw[1]))
    return Frame(image_hw, input_hw, content_hw, (input_hw[0] // LOGIT_STRIDE, input_hw[1] // LOGIT_STRIDE))


def normalise_pixels(rgb: Tensor) -> Tensor:
    """(H, W, 3) uint8 to (3, H, W) float32 in about [-1, 1], as the backbone was trained."""
    return ((rgb.float() - PIXEL_MEAN) / PIXEL_SPREAD).permute(2, 0, 1)


def prompt_tensors(prompts: Sequence[Prompt], frame: Frame, device: torch.device) -> PromptTensors:
    """Prompts on one image as tensors with B = 1, padded to the largest number of points.

    Args:
        prompts: at least one, in image pixels.
        frame: of the image.
        device: of the tensors.

    Raises:
        PromptError: a mask prompt does not have the size of the logits.
    """
    count, points_max = len(prompts), max(1, *(len(prompt.points_xy) for prompt in prompts))
    points, labels = np.zeros((count, points_max, 2), np.float32), np.full((count, points_max), -1, np.float32)
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
                    hint="give low-res logits that this model returned for this image",
                )
            masks[index], has_mask[index] = prompt.mask, 1
    arrays = (points, labels, boxes, has_box, masks, has_mask)
    return PromptTensors(*(torch.from_numpy(array).to(device)[None] for array in arrays))


def _read_weights(path: Path, device: torch.device) -> dict[str, Tensor]:
    """The state dict in a file, in float32 on the device; those of convolutions are channels last."""
    weights = {}
    for key, value in load_file(path).items():
        layout = torch.channels_last if value.ndim == 4 else torch.preserve_format
        weights[key] = value.float().to(device, memory_format=layout)
    return weights


def _is_stack(embedding: Embedding) -> bool:
    """Whether the tensors are those of several parts of an image, one for each prompt."""
    return embedding.tensors["fine"].shape[0] > 1


def _check_features(embedding: Embedding, prompts: int) -> None:
    """Raises ModelError where the tensors are not those of this model, such as those of a damaged file."""
    height, width = embedding.frame.input_hw
    parts = prompts if "fine" in embedding.tensors and _is_stack(embedding) else 1
    for name, (channels, stride) in _FEATURES.items():
        tensor = embedding.tensors.get(name)
        if tensor is None or tensor.shape != (parts, channels, height // stride, width // stride):
            raise ModelError(
                f"the embedding has no tensor {name!r} that fits its image",
                hint="if it is from a cache folder, delete its file there; then encode the image again",
            )


def _round_up(side: int) -> int:
    """The next multiple of 32."""
    return -(-side // INPUT_MULTIPLE) * INPUT_MULTIPLE


def _resize(image: npt.NDArray[np.uint8], content_hw: tuple[int, int]) -> Tensor:
    """(H, W, 3) uint8 to (h, w, 3) uint8, within one level of Pillow's bilinear filter, in a ninth of its time.

    12 megapixels take 6 ms, and 5 ms more for the copy that torch needs of a read-only image.
    """
    pixels = torch.from_numpy(np.require(image, np.uint8, ["C", "W"])).permute(2, 0, 1)[None]
    return F.interpolate(pixels, content_hw, mode="bilinear", antialias=True)[0].permute(1, 2, 0)


def _enforce_clicks(logits: Tensor, prompts: PromptTensors) -> None:
    """Changes (P, C, h, w) logits under each click so that masks contain included clicks and no excluded ones."""
    height, width = logits.shape[2:]
    positions = (prompts.points_xy.flatten(0, 1) / LOGIT_STRIDE - 0.5).tolist()
    labels = prompts.labels.flatten(0, 1).tolist()
    for index, (points, labels_of_prompt) in enumerate(zip(positions, labels, strict=True)):
        # Included points come last: where both lie on one pixel, the included one wins. Rows beyond the points have -1.
        for label, (x, y) in sorted(zip(labels_of_prompt, points, strict=True)):
            pixels = logits[index, :, _neighbours(y, height), _neighbours(x, width)]
            if label == INCLUDE:
                pixels.clamp_(min=CLICK_LOGIT)
            elif label == EXCLUDE:
                pixels.clamp_(max=-CLICK_LOGIT)


def _neighbours(position: float, size: int) -> slice:
    """The indices less than one step from a position, which are those that interpolation there reads."""
    return slice(max(0, math.floor(position - 1) + 1), min(size, math.ceil(position + 1)))
