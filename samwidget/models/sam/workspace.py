"""Workspace: scratch memory of SAM's encoder and decoder, kept from one call to the next.

Owns the memory only: whoever takes a tensor fills it. The decoder (``low_rank``, ``upscaling``) takes its large
intermediate results from here.
"""

from __future__ import annotations

import math
import threading
from weakref import WeakValueDictionary

import torch
from torch import Tensor


class _Memory(dict[str, Tensor]):
    """The tensors of one thread, by name. A class of its own, since a plain ``dict`` cannot be referenced weakly."""


class Workspace:
    """Named scratch tensors that grow to the largest call and are used again; each thread has its own.

    A fresh tensor of 4 MB costs 1 ms in page faults, as much as some of the products that fill it.
    """

    def __init__(self) -> None:
        self._of_this_thread = threading.local()
        # Weak, so that memory is freed with its thread.
        self._by_thread: WeakValueDictionary[int, _Memory] = WeakValueDictionary()

    def take(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """An uninitialised, contiguous tensor of ``shape``; the thread's next call with this name gets the same memory.

        Args:
            name: what the memory is for; tensors that are in use at the same time need different names.
            shape: of the tensor.
            like: gives dtype and device.
        """
        count = math.prod(shape)
        memory = self._memory()
        tensor = memory.get(name)
        if tensor is None or tensor.numel() < count or tensor.device != like.device or tensor.dtype != like.dtype:
            tensor = memory[name] = torch.empty(count, dtype=like.dtype, device=like.device)
        return tensor[:count].view(shape)

    def _memory(self) -> _Memory:
        memory: _Memory | None = getattr(self._of_this_thread, "memory", None)
        if memory is None:
            memory = self._of_this_thread.memory = self._by_thread[threading.get_ident()] = _Memory()
        return memory

    @property
    def byte_count(self) -> int:
        """Bytes held by all threads."""
        return sum(tensor.nbytes for memory in list(self._by_thread.values()) for tensor in list(memory.values()))
