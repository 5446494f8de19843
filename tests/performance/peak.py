"""The fastest matrix products of this machine: no network can be faster than its products are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F

from tests.performance.timing import interleaved

# Rows, inner and outer width: the two products of ViT-B's MLP, and a square one.
SHAPES = ((4096, 768, 3072), (4096, 3072, 768), (2048, 2048, 2048))
ROUNDS = 9


@torch.no_grad()
def peaks() -> dict[str, tuple[float, str]]:
    """Returns the GFLOP/s of the fastest product of each precision, and the library that computed it."""
    fastest: dict[str, tuple[float, str]] = {}
    for shape in SHAPES:
        gflop = 2 * np.prod(shape) / 1e9
        products = {(precision, library): product for precision, library, product in _products(*shape)}
        names = {f"{precision} {library}": key for key in products for precision, library in [key]}
        times = interleaved({name: products[key] for name, key in names.items()}, ROUNDS)
        for name, (precision, library) in names.items():
            speed = float(gflop / times[name].min() * 1000)
            fastest[precision] = max(fastest.get(precision, (0.0, "")), (speed, library))
    return fastest


def _products(rows: int, inner: int, outer: int) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Yields precision, library and product of each way that works on this machine."""
    left, right = torch.rand(rows, inner), torch.rand(outer, inner)
    left_array, right_array = left.numpy(), right.T.contiguous().numpy()
    yield "float32", "torch", lambda: F.linear(left, right)
    yield "float32", "numpy", lambda: left_array @ right_array
    if torch.backends.mkldnn.is_available():
        product = torch.ops.mkldnn._linear_pointwise
        packed = torch.ops.mkldnn._reorder_linear_weight(right, rows)
        yield "float32", "oneDNN", lambda: product(left, packed, None, "none", [], "")
    left_half, right_half = left.bfloat16(), right.bfloat16()
    yield "bfloat16", "torch", lambda: F.linear(left_half, right_half)
    left_bytes = torch.randint(-128, 127, (rows, inner), dtype=torch.int8)
    right_bytes = torch.randint(-128, 127, (inner, outer), dtype=torch.int8)
    yield "int8", "torch", lambda: torch._int_mm(left_bytes, right_bytes)
