"""What the segmenters of SAM and its successors share: batches of prompts, precision, and the choice of what computes.

A family derives its segmenter from ``BaseSegmenter`` and adds its encoder, its decoder and the arguments of
transformers' forward; ``SamSegmenter`` is the first. Its decoder is ``fast_decoder.SamDecoder`` or one derived from it,
or transformers' own forward for models that it does not cover; both give the same masks.
Coordinates follow the official packages: prompts are scaled with the image to the network's input, half a pixel is
added there, and prompts get padding points as the family wants them. The last two happen inside transformers' prompt
encoders, which agree with the official packages on this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from samwidget.core import Frame, Prompt
from samwidget.models.sam import fast_decoder
from samwidget.models.sam.fast_decoder import SamDecoder
from samwidget.models.sam.preprocessing import Preprocessing
from samwidget.models.segmenter import SAM_EVERYTHING, Embedding, signature_of
from samwidget.models.threads import run_in_threads, thread_count

# Each of the decoder's two transposed convolutions doubles the side of the embedding.
_UPSCALING = 4
# Prompts that pass the decoder together. On a CPU only the prompt tokens do, and weights are read once.
_BATCH_SIZE_CPU = 8
# From so many prompts for each thread they take different prompts; else they share the image tokens of a prompt.
_PROMPTS_A_THREAD = 2
# Prompts that pass transformers' forward together. On two CPU cores a batch of 64 took 97 ms a prompt, one at a time
# 60 ms, since copies of the image tokens no longer fit the processor's cache.
_BATCH_SIZE_TRANSFORMERS_CPU = 1
_BATCH_SIZE_TRANSFORMERS_GPU = 32


class BaseSegmenter(ABC):
    """A network of transformers as a ``Segmenter``. Allows one call at a time, since memory is used again.

    Args:
        model: its weights become float32, but for the encoder's.
        name: the name that the user gave.
        device: where it runs.
        dtype: precision of the encoder's layers. All else, a hundredth of the work, stays in float32.
        preprocessing: what the checkpoint says about images.
        reasons: why samwidget cannot compute ``encoder`` or ``decoder``; empty where it can.

    Attributes:
        not_covered: the parts that transformers computes, ``encoder`` or ``decoder``, each with the reason; empty where
            samwidget computes both.
        encoded_by: what computed the latest embedding, ``samwidget`` or ``transformers``; empty before the first.
        decoded_by: what computed the latest masks; ``transformers`` if it computed at least one prompt.
        half_on_disk: of its embeddings, as ``Embedding`` has it.
    """

    family: str
    cleans_masks = False
    everything_defaults = SAM_EVERYTHING
    half_on_disk = True

    def __init__(
        self,
        # Any: the classes of the families have the same parts by the same names, and no class in common.
        model: Any,
        *,
        name: str,
        device: torch.device,
        dtype: torch.dtype,
        preprocessing: Preprocessing,
        reasons: Mapping[str, str],
    ) -> None:
        self.name = name
        self._model = model.eval().float()
        self._dtype = dtype
        self.not_covered = {part: reason for part, reason in reasons.items() if reason}
        self.encoded_by = self.decoded_by = ""
        self._decoder: SamDecoder | None = None
        self._input_side = int(model.prompt_encoder.input_image_size)
        self._logits_side = _UPSCALING * int(model.prompt_encoder.image_embedding_size[0])
        self._preprocessing = preprocessing
        self._mean, self._std = mean_and_std(preprocessing)
        self.signature = signature_of(name, model, dtype, preprocessing.signature)
        self.to(device)

    @abstractmethod
    def encode_pixels(self, pixels: torch.Tensor, *, threads: int | None) -> dict[str, torch.Tensor]:
        """The tensors of an embedding, ``image_embeddings`` (1, C, h, w) among them.

        Args:
            pixels: (3, height, width) levels, 0 to 255, of the image in the size for the network, on its device.
            threads: as for ``encode``.
        """

    @abstractmethod
    def _half_layers(self) -> torch.nn.Module:
        """The layers that compute in the precision of the encoder."""

    @abstractmethod
    def _new_decoder(self) -> SamDecoder:
        """A decoder with the weights as they are now."""

    def _features(self, embedding: Embedding, count: int) -> dict[str, Any]:
        """What transformers' forward gets of an embedding, expanded to ``count`` prompts along the batch axis."""
        image = embedding.tensors["image_embeddings"].to(self.device, torch.float32)
        return {"image_embeddings": image.expand(count, -1, -1, -1)}

    def _inputs(self, prompts: Sequence[Prompt], frame: Frame) -> dict[str, torch.Tensor]:
        """What transformers' forward and ``SamDecoder`` get of P prompts of one form, as ``prompt_inputs``."""
        return prompt_inputs(prompts, frame, self.device)

    @property
    def preprocessing(self) -> Preprocessing:
        """What happens to an image before the network."""
        return self._preprocessing

    @property
    def network(self) -> Any:  # as ``model`` of the class
        """The layers with their weights, as transformers has them."""
        return self._model

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._mean.device

    @property
    def precision(self) -> str:
        """Of the encoder: ``float32``, ``float16`` or ``bfloat16``."""
        return str(self._dtype).removeprefix("torch.")

    def to(self, device: torch.device) -> None:
        """Moves the weights. From a GPU to a CPU the encoder becomes float32, since float16 is slow there."""
        self._model.to(device)
        if self.device.type != device.type and device.type == "cpu":
            self._dtype = torch.float32
        self._half_layers().to(self._dtype)
        self._mean, self._std = self._mean.to(device), self._std.to(device)
        # It holds memory on the old device. The next image makes its constants again, in 0.1 s.
        self._decoder = None

    def weights_changed(self) -> None:
        """Reads weights that were changed in place. The signature is another one then."""
        self.signature = signature_of(self.name, self._model, self._dtype, self._preprocessing.signature)
        self._decoder = None

    @property
    def byte_count(self) -> int:
        """Bytes held beside the weights and the embeddings: scratch memory, and products of recent images."""
        return 0 if self._decoder is None else self._decoder.byte_count

    @torch.no_grad()
    def encode(self, image: npt.NDArray[np.uint8], *, threads: int | None = None) -> Embedding:
        """Embedding of an (H, W, 3) uint8 RGB image, float32.

        Args:
            image: of any size.
            threads: how many CPU threads this call may use, as ``thread_count`` takes it. Where transformers computes
                the encoder, it uses as many as torch does.
        """
        frame = self._preprocessing.frame((image.shape[0], image.shape[1]), self._input_side, self._logits_side)
        pixels = resized_pixels(image, self._preprocessing, frame, self._input_side, self.device)
        tensors = self.encode_pixels(pixels, threads=threads)
        embedding = Embedding(tensors, frame, self.signature, half_on_disk=self.half_on_disk)
        if "decoder" not in self.not_covered:
            # 30 ms here instead of in the first click.
            self._prepared_decoder().image_products(embedding, self._cpu_threads(threads))
        return embedding

    @torch.no_grad()
    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Low-res logits (P, C, h, w) and scores (P, C), float32; C is 3 with ``multimask_output``, else 1.

        Prompts of one form (number of points, box or not, mask or not) share a forward pass. So none is padded, and
        each gets the masks that it would get alone, up to rounding.

        Args:
            embedding: of the image.
            prompts: in pixels of the image.
            multimask_output: True for three candidates, False for the single mask.
            threads: None is ``thread_count()``. On a CPU they share prompts, or the image if there are few prompts.
                Transformers computes with torch's own threads.
        """
        self.decoded_by = "samwidget"
        if "decoder" in self.not_covered:
            return self.decode_by_transformers(embedding, prompts, multimask_output)
        decoder = self._prepared_decoder()
        on_cpu = self.device.type == "cpu"
        threads = self._cpu_threads(threads)
        products = decoder.image_products(embedding, threads)
        share_prompts = threads == 1 or len(prompts) >= _PROMPTS_A_THREAD * threads
        batch_size = _BATCH_SIZE_CPU if on_cpu else fast_decoder.PROMPTS_MAX_GPU
        if share_prompts:
            batch_size = min(batch_size, -(-len(prompts) // threads))
        order, batches = _batches_of_one_form(prompts, batch_size)
        mask_count, side = decoder.mask_count(multimask_output), self._logits_side
        logits = torch.empty(len(prompts), mask_count, side, side, dtype=torch.float32, device=self.device)
        scores = logits.new_empty(logits.shape[:2])

        def fill(batch: slice) -> bool:
            inputs = self._inputs([prompts[index] for index in order[batch]], embedding.frame)
            return decoder.fill(
                products,
                inputs,
                logits[batch],
                scores[batch],
                multimask_output=multimask_output,
                threads=1 if share_prompts else threads,
            )

        if on_cpu and share_prompts:
            filled = run_in_threads(fill, batches, threads)
        else:
            filled = [fill(batch) for batch in batches]
        for batch, is_filled in zip(batches, filled, strict=True):
            if not is_filled:
                remaining = [prompts[index] for index in order[batch]]
                logits[batch], scores[batch] = self.decode_by_transformers(embedding, remaining, multimask_output)
        if order == sorted(order):
            return logits, scores
        positions = torch.tensor(order, device=self.device).argsort()
        return logits[positions], scores[positions]

    def _cpu_threads(self, threads: int | None) -> int:
        """The number of threads to compute with on a CPU; 1 on a GPU, where nothing is divided."""
        return thread_count(threads) if self.device.type == "cpu" else 1

    def _prepared_decoder(self) -> SamDecoder:
        if self._decoder is None:
            self._decoder = self._new_decoder()
        return self._decoder

    def decode_by_transformers(
        self, embedding: Embedding, prompts: Sequence[Prompt], multimask_output: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The same as ``decode``, by transformers' forward."""
        self.decoded_by = "transformers"
        order, batches = _batches_of_one_form(
            prompts, _BATCH_SIZE_TRANSFORMERS_CPU if self.device.type == "cpu" else _BATCH_SIZE_TRANSFORMERS_GPU
        )
        outputs = [
            self._forward(embedding, [prompts[index] for index in order[batch]], multimask_output) for batch in batches
        ]
        positions = torch.tensor(order, device=self.device).argsort()
        logits, scores = (torch.cat(parts)[positions] for parts in zip(*outputs, strict=True))
        return logits, scores

    def _forward(
        self, embedding: Embedding, prompts: Sequence[Prompt], multimask_output: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(P, C, h, w) logits and (P, C) scores of P prompts of one form, by transformers."""
        output = self._model(
            # Prompts lie along the batch axis, since transformers' axis for several objects takes no masks.
            multimask_output=multimask_output,
            **self._features(embedding, len(prompts)),
            **self._inputs(prompts, embedding.frame),
        )
        return output.pred_masks[:, 0], output.iou_scores[:, 0]


def _batches_of_one_form(prompts: Sequence[Prompt], batch_size: int) -> tuple[list[int], list[slice]]:
    """Indices of the prompts, form by form, and the batches: parts of that list, one form each, of about equal size.

    Args:
        prompts: of all forms.
        batch_size: the most prompts in a batch.
    """
    groups: dict[tuple[int, bool, bool], list[int]] = defaultdict(list)
    for index, prompt in enumerate(prompts):
        groups[(len(prompt.points_xy), prompt.box_xyxy is not None, prompt.mask is not None)].append(index)
    order: list[int] = []
    batches: list[slice] = []
    for group in groups.values():
        count = -(-len(group) // batch_size)
        ends = [len(order) + len(group) * i // count for i in range(count + 1)]
        batches += [slice(start, stop) for start, stop in pairwise(ends)]
        order += group
    return order, batches


def mean_and_std(preprocessing: Preprocessing) -> tuple[torch.Tensor, torch.Tensor]:
    """Both (3, 1, 1) float32, in levels 0 to 255, so that an image need not be rescaled first."""
    levels = 1 / preprocessing.rescale_factor
    mean, std = (
        torch.tensor(values, dtype=torch.float32).mul(levels).reshape(3, 1, 1)
        for values in (preprocessing.mean, preprocessing.std)
    )
    return mean, std


def resized_pixels(
    image: npt.NDArray[np.uint8], preprocessing: Preprocessing, frame: Frame, input_side: int, device: torch.device
) -> torch.Tensor:
    """(3, height, width) float32 levels, 0 to 255, of an (H, W, 3) image in the size that the network reads."""
    height, width = preprocessing.resized_hw(frame, input_side)
    # Pillow's filters on bytes, as in training. Torch's differ by more than rounding when they shrink.
    resized = Image.fromarray(image).resize((width, height), preprocessing.resample)
    return torch.from_numpy(np.array(resized)).to(device).permute(2, 0, 1).float()


def prompt_inputs(prompts: Sequence[Prompt], frame: Frame, device: torch.device) -> dict[str, torch.Tensor]:
    """Arguments of ``SamModel.forward`` for P prompts of one form, in pixels of the network's input.

    ``input_points`` (P, 1, N, 2), ``input_labels`` (P, 1, N), ``input_boxes`` (P, 1, 4), ``input_masks`` (P, 1, h, w).
    """
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
