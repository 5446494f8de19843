"""Writes weights in the form that ships: ``config.json`` and ``model.safetensors`` in half precision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from samwidget.files import atomic_text_writer, atomic_writer
from samwidget.models.nano import LOGIT_STRIDE, MODEL_TYPE


def export_bundle(weights: Mapping[str, Tensor], folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes ``weights`` and a config with ``facts`` about the training into ``folder``; never half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": MODEL_TYPE, "logit_stride": LOGIT_STRIDE, "training": dict(facts)}
    halves = {name: value.detach().to("cpu", torch.float16).contiguous() for name, value in weights.items()}
    with atomic_writer(folder / "model.safetensors") as file:
        file.write(save(halves, metadata={"format": "pt"}))
    with atomic_text_writer(folder / "config.json") as config_file:
        config_file.write(json.dumps(config, indent=2) + "\n")


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Writes a checkpoint that is either the old one or the new one, even when the power fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_writer(path) as file:
        torch.save(dict(state), file)
