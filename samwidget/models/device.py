"""Chooses the device and the precision of a model, and says why.

Nothing is remembered: each call looks again. Called by ``loader`` and ``SamPredictor``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from samwidget.errors import ModelError

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class DeviceChoice:
    """Where a model runs.

    Attributes:
        device: a device that torch can use here.
        dtype: the precision of the encoder.
        reason: device, precision and why they were chosen, in one line for the user.
    """

    device: torch.device
    dtype: torch.dtype
    reason: str


def choose_device(device: str | torch.device = "auto", dtype: str | torch.dtype = "auto") -> DeviceChoice:
    """The device and precision to use.

    Args:
        device: ``auto`` takes CUDA, then Apple's MPS, then the CPU; or any torch device.
        dtype: ``auto`` takes float16 on CUDA and float32 elsewhere; or ``float32``, ``float16``, ``bfloat16``.

    Raises:
        ModelError: the device cannot be used here, or the precision is another one.
    """
    chosen, reason = _first_available() if device == "auto" else (_check_usable(device), "you asked for it")
    if dtype == "auto":
        # float16 halves time and memory on CUDA. On CPUs it gains nothing, and bfloat16 costs accuracy.
        precision = torch.float16 if chosen.type == "cuda" else torch.float32
    else:
        precision = _check_precision(dtype)
    return DeviceChoice(chosen, precision, f"{chosen}, {str(precision).removeprefix('torch.')}: {reason}")


def _first_available() -> tuple[torch.device, str]:
    """A device, and why it was chosen."""
    if torch.cuda.is_available():
        return torch.device("cuda"), f"found {torch.cuda.get_device_name()}"
    if torch.backends.mps.is_available():
        return torch.device("mps"), "found an Apple GPU"
    return torch.device("cpu"), "found no GPU that torch can use"


def _check_usable(device: str | torch.device) -> torch.device:
    try:
        # A torch without CUDA accepts the name "cuda" and fails at the first tensor, so one is made now.
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(
            f"device {str(device)!r} cannot be used here", hint='give device="auto" or device="cpu"'
        ) from error


def _check_precision(dtype: str | torch.dtype) -> torch.dtype:
    precision = _DTYPES.get(dtype) if isinstance(dtype, str) else dtype
    if precision is None or precision not in _DTYPES.values():
        raise ModelError(f"dtype is {dtype!r}", hint=f"give auto or one of {', '.join(_DTYPES)}")
    return precision
