"""Files of weights as official packages write them: ``.pt``, ``.pth`` and ``.safetensors``.

Owns the reading, which never runs code that is in a file, the weights in what a file holds, and how they get into a
network: each must be there, and no other. ``official_files`` knows which network they belong to.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from samwidget.errors import ModelError, UnsupportedModelError

_NAMES_MAX = 3


def read_file(path: Path) -> object:
    """What a file holds, made of tensors and plain values only.

    Raises:
        ModelError: the file cannot be read, is damaged, or holds code.
    """
    try:
        path.open("rb").close()
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror or error}", hint="mend its permissions, or copy it again"
        ) from error
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        # Pages of a mapped file are read when they are copied, so the file is never in memory as a whole. Files of old
        # versions of torch cannot be mapped.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} holds more than weights, or is no checkpoint",
            hint="samwidget runs no code that is in a file; write the weights alone, with "
            "torch.save(model.state_dict(), path), or download the file again",
        ) from error
    except Exception as error:  # damaged files make torch and safetensors raise nearly anything
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise ModelError(f"{path} is damaged or no checkpoint", hint=f"download it again; {reason}") from error


def weights_with(content: object, name: str) -> dict[str, Tensor] | None:
    """The weights in what a file holds, without a common prefix of their names; None where none is called ``name``.

    Args:
        content: weights by name, or a dict of such dicts, as in checkpoints of a training.
        name: of a weight that only the wanted network has. It may stand behind a prefix, such as ``module.``.
    """
    for weights in _dicts_in(content):
        for key in weights:
            if isinstance(key, str) and key.endswith(name):
                prefix = key.removesuffix(name)
                return {
                    key.removeprefix(prefix): value
                    for key, value in weights.items()
                    if isinstance(key, str) and key.startswith(prefix) and isinstance(value, Tensor)
                }
    return None


def fill(
    model: nn.Module, weights: Mapping[str, Tensor], names: Mapping[str, str], *, source: str, family: str
) -> None:
    """Gives a network its weights, copied to float32 on the CPU.

    Args:
        model: may be without memory for its weights (device ``meta``).
        weights: by official names.
        names: the official name of each weight of the network; two may have the same.
        source: the file, to use in errors.
        family: of the network, to use in errors.

    Raises:
        ModelError: weights are missing or have another shape.
        UnsupportedModelError: there are others too.
    """
    others = sorted(set(weights) - set(names.values()))
    if others:
        raise UnsupportedModelError(
            f"{source} holds weights that {family} does not have: {_list_of(others)}",
            hint=f"it is a network that extends {family}, or one of another version: take the official file",
        )
    shapes = {names[key]: tensor.shape for key, tensor in model.state_dict().items()}
    wrong = sorted(name for name, shape in shapes.items() if name not in weights or weights[name].shape != shape)
    if wrong:
        raise missing_weights(source, family, _list_of(wrong))
    # Copied: a file that is mapped into memory may be overwritten, and the process would die.
    copies = {name: weights[name].detach().to("cpu", torch.float32, copy=True) for name in shapes}
    model.load_state_dict({key: copies[name] for key, name in names.items()}, assign=True)


def missing_weights(source: str, family: str, names: str) -> ModelError:
    """The error for a file that lacks weights, or has them in another shape."""
    return ModelError(
        f"{source} does not hold all weights of {family}: missing or of another shape: {names}",
        hint="download the official file again, or save all weights of the network",
    )


def _list_of(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
    return ", ".join(names[:_NAMES_MAX]) + more


def _dicts_in(content: object) -> Iterator[Mapping[Any, Any]]:  # Any: a file may hold anything
    if isinstance(content, Mapping):
        yield content
        for value in content.values():
            if isinstance(value, Mapping):
                yield value
