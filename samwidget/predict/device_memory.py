"""What counts as a full device, and how its memory is given back. Called by ``locked_segmenter``."""

from __future__ import annotations

import torch


def is_out_of_memory(error: Exception) -> bool:
    """Whether a device, or the computer itself, has no memory left for what was asked."""
    # Apple's MPS and torch's allocator for the CPU raise plain RuntimeErrors.
    text = str(error).lower()
    return (
        isinstance(error, MemoryError | torch.cuda.OutOfMemoryError)
        or "out of memory" in text
        or "not enough memory" in text
        or "can't allocate memory" in text
    )


def free_memory(device: torch.device) -> None:
    """Gives the memory that torch holds in reserve on a GPU back to the GPU; does nothing for a CPU."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
