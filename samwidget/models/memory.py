"""Whether a network fits the memory, asked before its weights are read.

Owns how much memory is free: on a GPU, and on this computer, where a container may have less. Called by ``loader`` and
``official_files``.
"""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Iterable
from pathlib import Path

import psutil
import torch

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


def free_bytes(device: torch.device, cgroup_folder: Path = Path("/sys/fs/cgroup")) -> int | None:
    """The memory that is free on a device; None where nobody knows.

    Args:
        device: a CPU or a GPU.
        cgroup_folder: where Linux says what a container may use.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    free = int(psutil.virtual_memory().available)
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit: its limit is "max"
        limit = int((cgroup_folder / "memory.max").read_text())
        used = int((cgroup_folder / "memory.current").read_text())
        stat = dict(line.split() for line in (cgroup_folder / "memory.stat").read_text().splitlines())
        # Pages of files are counted as used, and are given back when memory is needed.
        free = min(free, limit - used + int(stat.get("inactive_file", 0)))
    return max(0, free)


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
