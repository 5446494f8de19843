"""Chooses where a network runs and in which precision, and says why. No state: every call looks again."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from samwidget.errors import ModelError

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class DeviceChoice:
    """Where the encoder runs.

    Attributes:
        device: a torch device that is there.
        dtype: the precision of the encoder.
        reason: one sentence for the user.
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
        ModelError: the device is not here, or torch does not know it.
    """
    chosen, reason = _automatic() if device == "auto" else (_checked(device), "you asked for it")
    if dtype == "auto":
        # float16 halves time and memory on CUDA; on CPUs it brings nothing and bfloat16 costs accuracy.
        precision = torch.float16 if chosen.type == "cuda" else torch.float32
    else:
        precision = dtype if isinstance(dtype, torch.dtype) else _DTYPES.get(dtype)  # type: ignore[assignment]
        if precision not in _DTYPES.values():
            raise ModelError(f"dtype is {dtype!r}", hint=f"give auto or one of {', '.join(_DTYPES)}")
    return DeviceChoice(chosen, precision, f"{chosen}, {str(precision).removeprefix('torch.')}: {reason}")


def _automatic() -> tuple[torch.device, str]:
    if torch.cuda.is_available():
        return torch.device("cuda"), f"found {torch.cuda.get_device_name()}"
    if torch.backends.mps.is_available():
        return torch.device("mps"), "found an Apple GPU"
    return torch.device("cpu"), "found no GPU that torch can use"


def _checked(device: str | torch.device) -> torch.device:
    try:
        # A build without CUDA accepts the name and fails on first use, so use it now.
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(
            f"device {str(device)!r} cannot be used here", hint='give device="auto" or device="cpu"'
        ) from error
