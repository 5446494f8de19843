"""Embedding: what a network remembers of one image. A value; who caches it is ``segment.cache``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from samwidget.core.frame import Frame


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
