"""Writes trained weights in the form that ships, and checkpoints of a training run. Both are written atomically.

The shipped form is a folder with ``config.json`` and ``model.safetensors`` in half precision, which
``samwidget.models.load`` reads. Called by ``trainer`` and ``average``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from samwidget.files import atomic_text_writer, atomic_writer
from samwidget.models.nano import LOGIT_STRIDE, MODEL_TYPE


def export_bundle(weights: Mapping[str, Tensor], folder: Path, facts: Mapping[str, object]) -> None:
    """Writes weights in half precision and a config to ``folder``, which is made if needed.

    Args:
        weights: the network's state dict.
        folder: the folder to write.
        facts: about the training, such as the number of steps; JSON values, stored in the config under ``training``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": MODEL_TYPE, "logit_stride": LOGIT_STRIDE, "training": dict(facts)}
    halves = {name: value.detach().to("cpu", torch.float16).contiguous() for name, value in weights.items()}
    with atomic_writer(folder / "model.safetensors") as file:
        file.write(save(halves, metadata={"format": "pt"}))
    with atomic_text_writer(folder / "config.json") as config_file:
        config_file.write(json.dumps(config, indent=2) + "\n")


def save_state(state: Mapping[str, object], path: Path) -> None:
    """Writes a checkpoint for ``torch.load``. A crash or a power failure leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_writer(path) as file:
        torch.save(dict(state), file)
