"""Whether a network fits the memory, asked before its weights are read.

Owns what weights need, and what is free on each device. Called by ``families`` and ``official_files``.
"""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Iterable
from pathlib import Path

import torch

from samwidget.core import free_memory_bytes
from samwidget.errors import ModelError
from samwidget.models.registry import MODELS

_BYTES_A_WEIGHT = 4  # networks are read in float32
_BYTES_OF_DTYPE = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_HEADER_MAX = 2**27


def check_fits(name: str, files: Iterable[Path], device: torch.device) -> None:
    """Does nothing where the weights fit into the memory that is free.

    Args:
        name: of the model, to use in errors.
        files: with the weights.
        device: where they will be; first they are read on the CPU.

    Raises:
        ModelError: they do not fit.
    """
    needed = sum(map(_bytes_of_weights, files))
    for memory in {"cpu": torch.device("cpu"), device.type: device}.values():
        free = free_bytes(memory)
        if free is not None and needed > free:
            cards = [card for card in MODELS if card.size_mb * 1e6 < min(free, needed) and "points" in card.prompts]
            smaller = max(cards, key=lambda card: card.size_mb).name if cards else MODELS[0].name
            raise ModelError(
                f"{name} does not fit the memory: its weights take {needed / 1e9:.2g} GB, and {free / 1e9:.2g} GB are "
                f"free on {memory}",
                hint=f"end other kernels and programs, or take a smaller network, such as model={smaller!r}",
            )


def free_bytes(device: torch.device) -> int | None:
    """The memory that is free on a CPU or a GPU; None where nobody knows."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return free_memory_bytes() if device.type == "cpu" else None


def _bytes_of_weights(path: Path) -> int:
    """Bytes that the weights of a file take when they are read."""
    size = path.stat().st_size
    if path.suffix != ".safetensors":
        return size
    # The header says the numbers of each tensor; a damaged one is for the reader to refuse.
    with (
        contextlib.suppress(OSError, ValueError, struct.error, KeyError, TypeError, AttributeError),
        path.open("rb") as file,
    ):
        (length,) = struct.unpack("<Q", file.read(8))
        if length < min(size, _HEADER_MAX):
            tensors = [item for key, item in json.loads(file.read(length)).items() if key != "__metadata__"]
            return sum(
                (item["data_offsets"][1] - item["data_offsets"][0])
                * _BYTES_A_WEIGHT
                // _BYTES_OF_DTYPE.get(item["dtype"], _BYTES_A_WEIGHT)
                for item in tensors
            )
    return size
