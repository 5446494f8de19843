"""Signatures: what must be equal for one network's embedding to be another's."""

from __future__ import annotations

import hashlib

import torch

_SAMPLES = 64


def signature_of(name: str, module: torch.nn.Module, dtype: torch.dtype, preprocessing: str) -> str:
    """One line that names a network, its weights, its precision and its preprocessing.

    The weights are sampled, so this takes milliseconds and not the seconds of reading gigabytes: 64 values spread over
    each tensor. Training or merging changes nearly all values of a tensor that it changes at all.

    Args:
        name: what the user called the network.
        module: the network; the same weights in the same precision give the same line on every device.
        dtype: the precision of its encoder.
        preprocessing: version and parameters of what happens to the image before the network.
    """
    digest = hashlib.blake2b(digest_size=12)
    for key, tensor in sorted(module.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // _SAMPLES)][:_SAMPLES].to("cpu", torch.float32).contiguous()
        digest.update(f"{key}{tuple(tensor.shape)}".encode())
        digest.update(sample.numpy().tobytes())
    return f"{name} {digest.hexdigest()} {str(dtype).removeprefix('torch.')} {preprocessing}"
