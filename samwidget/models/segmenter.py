"""Segmenter: what every network can do. Implementations live beside this file, one network family a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from samwidget.core.prompt import Prompt
from samwidget.models.embedding import Embedding


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
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Low-res logits (P, C, h, w) and scores (P, C), float32 on the network's device.

        C is 3 with ``multimask_output`` and 1 without; prompts may differ in their number of points. The tensors are
        fresh: no later call overwrites them.
        """
        ...
