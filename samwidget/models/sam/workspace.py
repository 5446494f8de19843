"""Workspace: scratch memory of SAM's encoder and decoder, kept from one call to the next.

Owns the memory only: whoever takes a tensor fills it. ``fast_encoder``, ``fast_decoder``, ``low_rank`` and
``upscaling`` take their large intermediate results from here.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Workspace:
    """Named scratch tensors that grow to the largest call and are used again.

    A fresh tensor of 4 MB costs 1 ms in page faults, as much as some of the products that fill it.
    """

    def __init__(self) -> None:
        self._memory: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """An uninitialised, contiguous tensor of ``shape``; the next call with this name gets the same memory.

        Args:
            name: what the memory is for; tensors that are in use at the same time need different names.
            shape: of the tensor.
            like: gives dtype and device.
        """
        count = math.prod(shape)
        memory = self._memory.get(name)
        if memory is None or memory.numel() < count or memory.device != like.device or memory.dtype != like.dtype:
            memory = self._memory[name] = torch.empty(count, dtype=like.dtype, device=like.device)
        return memory[:count].view(shape)

    @property
    def byte_count(self) -> int:
        """Bytes held."""
        return sum(memory.nbytes for memory in self._memory.values())
