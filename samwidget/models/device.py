"""Chooses the device and the precision of a model, and says why.

Of devices nothing is remembered: each call looks again. Called by ``loader`` and ``SamPredictor``.
"""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from functools import cache

import torch

from samwidget.errors import ModelError
from samwidget.models.threads import one_thread

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
        dtype: ``auto`` takes float16 on CUDA and float32 elsewhere; ``fast`` also takes bfloat16 on a CPU that
            computes with it, which is faster and a little less accurate; or ``float32``, ``float16``, ``bfloat16``.

    Raises:
        ModelError: the device cannot be used here, or the precision is another one.
    """
    chosen, reason = _first_available() if device == "auto" else (_check_usable(device), "you asked for it")
    if dtype == "fast" and chosen.type == "cpu":
        has_bfloat16 = _has_bfloat16()
        precision = torch.bfloat16 if has_bfloat16 else torch.float32
        reason += "; bfloat16 is fastest here" if has_bfloat16 else "; nothing is faster than float32 here"
    elif dtype in ("auto", "fast"):
        # float16 halves time and memory on CUDA. On CPUs it gains nothing. Apple's GPUs multiply float16 no faster
        # than float32, and nobody has compared the masks there.
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
        raise ModelError(f"dtype is {dtype!r}", hint=f"give auto, fast or one of {', '.join(_DTYPES)}")
    return precision


@cache
def _has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 much faster than float32."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        # Private functions of torch; oneDNN's own test also says yes where it converts to float32.
        checks = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
        if all(check is not None for check in checks):
            return any(check() for check in checks if check is not None)
    return _is_bfloat16_faster()


def _is_bfloat16_faster() -> bool:
    """The same, measured with a product of 256 x 1024 by 1024 x 1024, in at most 0.1 s."""
    times_s: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    with torch.inference_mode(), one_thread():
        for _ in range(4):  # the first round is slower
            for dtype, measured_s in times_s.items():
                x, weight = torch.ones(256, 1024, dtype=dtype), torch.ones(1024, 1024, dtype=dtype)
                start = time.perf_counter()
                torch.nn.functional.linear(x, weight)
                measured_s.append(time.perf_counter() - start)
    # A smaller gain is not worth the accuracy, and may be chance.
    return min(times_s[torch.bfloat16]) * 1.4 < min(times_s[torch.float32])
