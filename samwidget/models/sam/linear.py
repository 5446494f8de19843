"""Linear layers with the matrix product that is fastest on this processor.

``prepare`` is all that others call; ``fast_encoder`` and ``encoder_attention`` do, with the weights of a layer just
before they use them. Two products compete, once in a process for each precision, within 30 ms: torch's own, and that of
oneDNN with weights in the order in which its loops read them. The second is a private operator of torch, so it is taken
only where it exists, gives the same result and is faster.

Nothing is kept: a packed copy lives as long as the function that ``prepare`` returned.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from samwidget.models.threads import one_thread

Linear: TypeAlias = Callable[[Tensor], Tensor]
"""From (n, in) to a fresh (n, out)."""

# The trial: rows, and numbers in and out. 2 ms on a core of 2023.
_TRIAL = (128, 768, 1024)
_TRIAL_ROUNDS = 3


def prepare(rows: int, weight: Tensor, bias: Tensor | None, gelu: bool = False) -> Linear:
    """The linear layer, followed by exact GELU where asked.

    Args:
        rows: how large n usually is; others are computed too, some slower.
        weight: (out, in), in any order in memory.
        bias: (out,) or None.
        gelu: whether GELU follows.
    """
    if weight.device.type == "cpu" and _packing_pays(weight.dtype):
        return _packed(rows, weight, bias, gelu)
    return _plain(weight, bias, gelu)


def _plain(weight: Tensor, bias: Tensor | None, gelu: bool = False) -> Linear:
    """The same by torch's public functions."""

    def multiply(x: Tensor) -> Tensor:
        product = F.linear(x, weight, bias)
        return torch.ops.aten.gelu_(product) if gelu else product  # in place, so it stays in the cache

    return multiply


def _packed(rows: int, weight: Tensor, bias: Tensor | None, gelu: bool = False) -> Linear:
    """The same by oneDNN, which holds a packed copy of the weight."""
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), rows)
    # The last two arguments are the activation's numbers, of which GELU has none, and its algorithm: not tanh.
    activation: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")

    def multiply(x: Tensor) -> Tensor:
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, bias, *activation)
        return product

    return multiply


@cache
def _packing_pays(dtype: torch.dtype) -> bool:
    """Whether the packed product exists here, gives the same result, and is faster; measured once, on one thread."""
    generator = torch.Generator().manual_seed(0)
    rows, inputs, outputs = _TRIAL
    x = torch.randn(rows, inputs, generator=generator).to(dtype)
    weight = (torch.randn(outputs, inputs, generator=generator) * inputs**-0.5).to(dtype)
    bias = torch.randn(outputs, generator=generator).to(dtype)
    with torch.inference_mode(), one_thread():
        try:
            packed, plain = _packed(rows, weight, bias, gelu=True), _plain(weight, bias, gelu=True)
            tolerance = max(1e-5, 8 * torch.finfo(dtype).eps)  # sums in another order
            if not torch.allclose(packed(x), plain(x), rtol=tolerance, atol=tolerance):
                return False
        except (AttributeError, NotImplementedError, RuntimeError, TypeError):
            return False  # this torch, or this processor, has no such operator, or one with other arguments
        times_s: dict[Linear, list[float]] = {packed: [], plain: []}
        for _ in range(_TRIAL_ROUNDS):
            for multiply, measured_s in times_s.items():
                start = time.perf_counter()
                multiply(x)
                measured_s.append(time.perf_counter() - start)
    return min(times_s[packed]) < min(times_s[plain])
