"""Segmenter: what every network can do. Implementations live beside this file, one network family a file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from samwidget.core import Frame, Prompt


@dataclass(frozen=True, eq=False)
class Embedding:
    """Named tensors of one image, all on one device.

    Attributes:
        tensors: name to tensor, batch dimension 1 where the network has one.
        frame: ties image pixels to the network's pixels.
        signature: the ``Segmenter.signature`` that made it; another network's embedding is refused.
    """

    tensors: Mapping[str, torch.Tensor]
    frame: Frame
    signature: str

    @property
    def byte_count(self) -> int:
        """Bytes held on the device."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.tensors.values())

    def to(self, device: torch.device) -> Embedding:
        """The same embedding on another device."""
        return Embedding({name: tensor.to(device) for name, tensor in self.tensors.items()}, self.frame, self.signature)


_SAMPLES = 64


def signature_of(name: str, module: torch.nn.Module, dtype: torch.dtype, preprocessing: str) -> str:
    """One line that names a network, its weights, its precision and its preprocessing.

    The weights are sampled, so this takes milliseconds and not the seconds of reading gigabytes: 64 values spread over
    each tensor. Training or merging changes nearly all values of a tensor that it changes at all.

    Args:
        name: what the user called the network.
        module: the network; the same weights in the same precision give the same line on every device.
        dtype: the precision of its encoder.
        preprocessing: version and parameters of what happens to the image before the network.
    """
    digest = hashlib.blake2b(digest_size=12)
    for key, tensor in sorted(module.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // _SAMPLES)][:_SAMPLES].to("cpu", torch.float32).contiguous()
        digest.update(f"{key}{tuple(tensor.shape)}".encode())
        digest.update(sample.numpy().tobytes())
    return f"{name} {digest.hexdigest()} {str(dtype).removeprefix('torch.')} {preprocessing}"


class EverythingDefaults(NamedTuple):
    """What *everything* asks of this network unless told otherwise: scores of two networks do not mean the same."""

    points_per_side: int
    pred_iou_thresh: float
    stability_score_thresh: float
    stability_score_offset: float = 1.0


SAM_EVERYTHING = EverythingDefaults(points_per_side=32, pred_iou_thresh=0.88, stability_score_thresh=0.95)
"""The official generator's."""


class Segmenter(Protocol):
    """A network that encodes an image once and then answers prompts about it.

    Neither method changes the network, so calls need no order; the caller holds a lock where threads share one.
    """

    name: str
    """What the user called it: ``nano``, a hub id or a folder."""
    family: str
    """``nano`` or ``sam``: the architecture, from the config."""
    signature: str
    """Name, revision, dtype and preprocessing version: embeddings of equal signature are interchangeable."""
    cleans_masks: bool
    """Whether ``SamPredictor`` removes islands and holes by default."""
    everything_defaults: EverythingDefaults = SAM_EVERYTHING
    """How many points, and which masks are good enough."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        ...

    def to(self, device: torch.device) -> None:
        """Moves the weights."""
        ...

    def encode(self, image: npt.NDArray[np.uint8]) -> Embedding:
        """Embedding of an (H, W, 3) uint8 RGB image."""
        ...

    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Low-res logits (P, C, h, w) and scores (P, C), float32 on the network's device.

        Prompts may differ in their number of points. The tensors are new: no later call overwrites them.

        Args:
            embedding: what ``encode`` of this segmenter returned.
            prompts: P of them, on the image of the embedding.
            multimask_output: C is 3 where this is set, else 1.
            threads: how many CPU threads this call may use; None is as many as torch has. A segmenter that gains
                nothing by it may ignore it.
        """
        ...
