"""Segmenter: the protocol of every model, and Embedding, what its encoder makes of an image.

Each family of models implements it in a folder of its own beside this file; ``loader`` makes them, ``SamPredictor``
calls them. There is no locking, no cache and no choice of a device here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from samwidget.core import Frame, Prompt
from samwidget.errors import ModelError

_SAMPLES = 64


@dataclass(frozen=True, eq=False)
class Embedding:
    """What the encoder of a model makes of one image: named tensors, all on one device.

    The tensors are checked here, since they may come from a file. ``Frame`` checks itself, and each segmenter checks
    the names and shapes that it needs.

    Attributes:
        tensors: floating point or uint8 tensors by name, with batch dimension 1 where the model has one.
        frame: ties image pixels to the model's pixels.
        signature: the ``Segmenter.signature`` of the model; other models refuse the embedding.
        half_on_disk: whether half precision on disk leaves the masks as they are (IoU 0.999 or better). That is so for
            SAM, SAM-HQ and SAM 2; ``nano`` is more sensitive.

    Raises:
        ModelError: there are no tensors, or a tensor is empty, of another dtype or on another device.
    """

    tensors: Mapping[str, torch.Tensor]
    frame: Frame
    signature: str
    half_on_disk: bool = False

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ModelError(f"the embedding is damaged: {problem}", hint="encode the image again")

    @property
    def byte_count(self) -> int:
        """Bytes that the tensors take on their device."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.tensors.values())

    def to(self, device: torch.device) -> Embedding:
        """The same embedding on another device."""
        tensors = {name: tensor.to(device) for name, tensor in self.tensors.items()}
        return replace(self, tensors=tensors)

    def _problem(self) -> str:
        """What is wrong; empty if nothing is. Some microseconds: no value of a tensor is read."""
        if not self.tensors:
            return "it has no tensors"
        device = next(iter(self.tensors.values())).device
        for name, tensor in self.tensors.items():
            if not (tensor.is_floating_point() or tensor.dtype == torch.uint8):
                return f"tensor {name!r} is {tensor.dtype}"
            if tensor.numel() == 0:
                return f"tensor {name!r} has shape {tuple(tensor.shape)}"
            if tensor.device != device:
                return f"its tensors are on {device} and on {tensor.device}"
        return ""


def signature_of(name: str, module: torch.nn.Module, dtype: torch.dtype, preprocessing: str) -> str:
    """One line that identifies a model, its weights, its precision and its preprocessing.

    Only 64 values of each tensor are read, spread over the tensor: that takes milliseconds, where reading gigabytes
    takes seconds. Training or merging changes nearly all values of a tensor that it changes at all.

    Args:
        name: of the model, as the user gave it.
        module: the layers; the same weights in the same precision give the same line on every device.
        dtype: the precision of the encoder.
        preprocessing: version and parameters of what happens to the image before the encoder.
    """
    digest = hashlib.blake2b(digest_size=12)
    for key, tensor in sorted(module.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // _SAMPLES)][:_SAMPLES].to("cpu", torch.float32).contiguous()
        digest.update(f"{key}{tuple(tensor.shape)}".encode())
        digest.update(sample.numpy().tobytes())
    return f"{name} {digest.hexdigest()} {str(dtype).removeprefix('torch.')} {preprocessing}"


class EverythingDefaults(NamedTuple):
    """The options of *everything* for one model, since equal scores of two models do not mean the same.

    Attributes:
        points_per_side: the model is asked at this many points squared.
        pred_iou_thresh: least score of a mask.
        stability_score_thresh: least stability of a mask.
        stability_score_offset: the stability compares the masks at thresholds this much above and below.
    """

    points_per_side: int
    pred_iou_thresh: float
    stability_score_thresh: float
    stability_score_offset: float = 1.0


SAM_EVERYTHING = EverythingDefaults(points_per_side=32, pred_iou_thresh=0.88, stability_score_thresh=0.95)
"""The defaults of the official ``SamAutomaticMaskGenerator``."""


class Segmenter(Protocol):
    """A model that encodes an image once and then decodes masks for prompts on it.

    One call at a time: a segmenter has no lock, and ``to``, ``encode`` and ``decode`` may share memory between calls.
    Whoever lets several threads use it holds the lock; ``SamPredictor`` does.

    A segmenter may remember results between calls to save time, such as products of recent images or masks of recent
    prompts. What it remembers is bounded and keeps no embedding alive, and masks and scores do not depend on it: they
    are a function of embedding, prompt and weights alone.
    """

    name: str
    """The name to show: ``nano``, a hub id, a folder or the address of an endpoint."""
    family: str
    """The implementation: ``nano``, ``sam`` or ``remote``."""
    signature: str
    """Name, weights, precision and preprocessing: segmenters with equal signatures may share embeddings."""
    cleans_masks: bool
    """Whether ``SamPredictor`` removes islands and holes by default."""
    everything_defaults: EverythingDefaults = SAM_EVERYTHING
    """Points and thresholds of *everything* for this model."""

    @property
    def precision(self) -> str:
        """Of the encoder: ``float32``, ``float16`` or ``bfloat16``."""
        ...

    @property
    def device(self) -> torch.device:
        """Where embeddings and logits are."""
        ...

    def to(self, device: torch.device) -> None:
        """Moves the weights. Embeddings made before must be moved with ``Embedding.to``."""
        ...

    def encode(self, image: npt.NDArray[np.uint8], *, threads: int | None = None) -> Embedding:
        """The embedding of an (H, W, 3) uint8 RGB image.

        Args:
            image: the pixels.
            threads: how many CPU threads this call may use; None is ``thread_count()``. It does not change the result.
        """
        ...

    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Low-res logits (P, C, h, w) and scores (P, C), float32 on the model's device.

        The tensors are new: no later call overwrites them.

        Args:
            embedding: what ``encode`` of a segmenter with this signature returned.
            prompts: P of them, in pixels of the embedding's image. They may differ in their number of points.
            multimask_output: C is 3 where this is set, else 1.
            threads: as for ``encode``.
        """
        ...
