"""SAM v1 as a ``Segmenter``: ViT-B, -L and -H, SlimSAM, MedSAM and fine-tuned folders, on transformers' ``SamModel``.

Owns what happens to an image before the network, the batching of prompts, and the choice of what computes:
``fast_encoder`` and ``fast_decoder``, or transformers' own forward for models that these do not cover; both give the
same masks. ``models.loader`` makes it.
Coordinates follow the official package: prompts are scaled with the image to the network's input, half a pixel is
added there, and prompts without a box get one padding point. The last two happen inside transformers' prompt encoder,
which agrees with the official package on this.
Paper: Kirillov et al., Segment Anything, https://arxiv.org/abs/2304.02643.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image

from samwidget.core import Frame, Prompt
from samwidget.models.sam import fast_decoder, fast_encoder
from samwidget.models.sam.fast_decoder import SamDecoder
from samwidget.models.sam.fast_encoder import SamEncoder
from samwidget.models.sam.official_checkpoint import EncoderSize
from samwidget.models.sam.preprocessing import Preprocessing
from samwidget.models.segmenter import SAM_EVERYTHING, Embedding, signature_of
from samwidget.models.threads import run_in_threads, thread_count

if TYPE_CHECKING:
    from transformers import SamModel

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


class SamSegmenter:
    """A SAM v1 network as a ``Segmenter``. Allows one call at a time, since encoder and decoder use memory again.

    Args:
        model: its weights become float32, but for the encoder's.
        name: the name that the user gave.
        device: where it runs.
        dtype: precision of the encoder's layers. All else, a hundredth of the work, stays in float32.
        preprocessing: what the checkpoint says about images; None is what Meta's checkpoints say.

    Attributes:
        not_covered: the parts that transformers computes, ``encoder`` or ``decoder``, each with the reason; empty where
            samwidget computes both.
        encoded_by: what computed the latest embedding, ``samwidget`` or ``transformers``; empty before the first.
        decoded_by: what computed the latest masks; ``transformers`` if it computed at least one prompt.
    """

    family = "sam"
    cleans_masks = False
    everything_defaults = SAM_EVERYTHING

    def __init__(
        self,
        model: SamModel,
        *,
        name: str,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        self.name = name
        self._model = model.eval().float()  # type: ignore[no-untyped-call]
        self._dtype = dtype
        reasons = {"encoder": fast_encoder.reason_not_covered(model), "decoder": fast_decoder.reason_not_covered(model)}
        self.not_covered = {part: reason for part, reason in reasons.items() if reason}
        self.encoded_by = self.decoded_by = ""
        self._encoder = SamEncoder(model.vision_encoder)
        self._decoder: SamDecoder | None = None
        config: Any = model.config  # transformers declares its parts as optional dictionaries, which they are not
        self._input_side = int(config.vision_config.image_size)
        self._logits_side = _UPSCALING * int(config.prompt_encoder_config.image_embedding_size)
        self._preprocessing = preprocessing = preprocessing or Preprocessing()
        # In levels, 0 to 255, so that an image need not be rescaled first.
        levels = 1 / preprocessing.rescale_factor
        self._mean = torch.tensor(preprocessing.mean, dtype=torch.float32).mul(levels).reshape(3, 1, 1)
        self._std = torch.tensor(preprocessing.std, dtype=torch.float32).mul(levels).reshape(3, 1, 1)
        self.signature = signature_of(name, model, dtype, preprocessing.signature)
        self.to(device)

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
        encoder = self._model.vision_encoder
        # Transformers computes its encoder in one precision. Ours leaves patch embedding and neck, a hundredth of the
        # work, in float32: in bfloat16 more than half of the error would be theirs.
        (encoder if "encoder" in self.not_covered else encoder.layers).to(self._dtype)
        self._mean, self._std = self._mean.to(device), self._std.to(device)
        # Both hold memory on the old device. The next image makes the decoder's constants again, in 0.1 s.
        self._encoder, self._decoder = SamEncoder(self._model.vision_encoder), None

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
        """Embedding of an (H, W, 3) uint8 RGB image: ``image_embeddings``, (1, channels, h, w), float32.

        Args:
            image: of any size.
            threads: how many CPU threads this call may use, as ``thread_count`` takes it. Where transformers computes
                the encoder, it uses as many as torch does.
        """
        frame = self._preprocessing.frame((image.shape[0], image.shape[1]), self._input_side, self._logits_side)
        height, width = frame.content_hw
        # Pillow's filters on bytes, as in training. Torch's differ by more than rounding when they shrink.
        resized = Image.fromarray(image).resize((width, height), self._preprocessing.resample)
        pixels = torch.from_numpy(np.array(resized)).to(self.device).permute(2, 0, 1).float()
        embeddings = self.encode_input(self.input_of(pixels)[None], threads=threads)
        embedding = Embedding({"image_embeddings": embeddings}, frame, self.signature)
        if "decoder" not in self.not_covered:
            # 30 ms here instead of in the first click.
            self._prepared_decoder().image_products(embedding, self._cpu_threads(threads))
        return embedding

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
            return self._decode_by_transformers(embedding, prompts, multimask_output)
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
            inputs = _inputs([prompts[index] for index in order[batch]], embedding.frame, self.device)
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
                logits[batch], scores[batch] = self._decode_by_transformers(embedding, remaining, multimask_output)
        if order == sorted(order):
            return logits, scores
        positions = torch.tensor(order, device=self.device).argsort()
        return logits[positions], scores[positions]

    def _cpu_threads(self, threads: int | None) -> int:
        """The number of threads to compute with on a CPU; 1 on a GPU, where nothing is divided."""
        return thread_count(threads) if self.device.type == "cpu" else 1

    def _prepared_decoder(self) -> SamDecoder:
        if self._decoder is None:
            self._decoder = SamDecoder(self._model, self.device)
        return self._decoder

    def _decode_by_transformers(
        self, embedding: Embedding, prompts: Sequence[Prompt], multimask_output: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The same as ``decode``, by transformers' forward."""
        self.decoded_by = "transformers"
        image_embeddings = embedding.tensors["image_embeddings"].to(self.device, torch.float32)
        order, batches = _batches_of_one_form(
            prompts, _BATCH_SIZE_TRANSFORMERS_CPU if self.device.type == "cpu" else _BATCH_SIZE_TRANSFORMERS_GPU
        )
        outputs = [
            self._model(
                # Prompts lie along the batch axis, since transformers' axis for several objects takes no masks.
                image_embeddings=image_embeddings.expand(batch.stop - batch.start, -1, -1, -1),
                multimask_output=multimask_output,
                **_inputs([prompts[index] for index in order[batch]], embedding.frame, self.device),
            )
            for batch in batches
        ]
        positions = torch.tensor(order, device=self.device).argsort()
        logits = torch.cat([output.pred_masks[:, 0] for output in outputs])[positions]
        return logits, torch.cat([output.iou_scores[:, 0] for output in outputs])[positions]


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


def _inputs(prompts: Sequence[Prompt], frame: Frame, device: torch.device) -> dict[str, torch.Tensor]:
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
