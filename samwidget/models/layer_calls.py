"""What the layers of a network were called with and returned, read by hooks while the network's own code runs.

Owns the hooks and the copies. Which layers are worth reading belongs to each family (``nano.recording`` and
``sam.recording``). Nothing here computes a layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """What a network computed on its way from one prompt to its candidates.

    Attributes:
        arrays: float32 arrays by name, in the order in which they are computed. Maps are (..., h, w) and cover the
            network's input, padding included.
        tokens: what each prompt token is, for networks that have tokens; else empty.
        logits: (C, h, w) float32, the candidates before any cleaning.
        scores: (C,) float32.
    """

    arrays: Mapping[str, Array]
    tokens: tuple[str, ...]
    logits: Array
    scores: Array


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer. Tensors are copied into float32 arrays; tuples and dicts keep their form.

    Attributes:
        inputs: the arguments, by position.
        named_inputs: the arguments, by name.
        output: what the layer returned.
    """

    # Any: arrays, and tuples and dicts of them, whatever the layer takes.
    inputs: tuple[Any, ...]
    named_inputs: dict[str, Any]
    output: Any


@contextmanager
def recorded_calls(layers: Mapping[str, torch.nn.Module]) -> Iterator[dict[str, list[LayerCall]]]:
    """The calls of layers within the block, by the same names, first call first.

    Args:
        layers: a name for each layer. A layer that is not called has an empty list.
    """
    calls: dict[str, list[LayerCall]] = {name: [] for name in layers}

    def hook_for(name: str) -> Any:
        def hook(_: torch.nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
            calls[name].append(LayerCall(_copied(inputs), _copied(named), _copied(output)))

        return hook

    handles = [layer.register_forward_hook(hook_for(name), with_kwargs=True) for name, layer in layers.items()]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def to_array(tensor: torch.Tensor) -> Array:
    """A float32 copy: the network may write into its tensors later."""
    return np.array(tensor.detach().to("cpu", torch.float32).numpy())


def attention_weights(queries: Array, keys: Array, heads: int) -> Array:
    """(heads, T, M) share of its attention that each of T queries gives to each of M keys; rows sum to 1.

    Torch's fused attention never returns them, so they are made of its own queries and keys again.

    Args:
        queries: (T, C), the output of the layer's projection, all heads side by side.
        keys: (M, C).
        heads: their number.
    """
    by_head = [array.reshape(len(array), heads, -1).transpose(1, 0, 2) for array in (queries, keys)]
    logits = by_head[0] @ by_head[1].transpose(0, 2, 1) / np.sqrt(by_head[0].shape[2])
    weights = np.exp(logits - logits.max(2, keepdims=True))
    return np.asarray(weights / weights.sum(2, keepdims=True), np.float32)


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return to_array(value)
    if isinstance(value, tuple | list):
        return tuple(_copied(item) for item in value)
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return value
