"""Files of the official SAM-HQ, such as ``sam_hq_vit_b.pth``, as transformers' ``SamHQModel``.

Owns the names that SAM-HQ has more than SAM. Called by ``models.official_files``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from samwidget.models.sam import official_checkpoint as of_sam
from samwidget.models.weights_file import fill

if TYPE_CHECKING:
    from transformers import SamHQModel

# Parts of transformers' names, and the official ones.
_OFFICIAL_NAMES = tuple(
    (re.compile(rf"^mask_decoder\.{pattern}\b"), f"mask_decoder.{official}")
    for pattern, official in (
        (r"hq_token", "hf_token"),
        (r"hq_mask_mlp\.layers\.0", "hf_mlp.layers.1"),
        (r"hq_mask_mlp\.proj_in", "hf_mlp.layers.0"),
        (r"hq_mask_mlp\.proj_out", "hf_mlp.layers.2"),
        *(
            (f"{name}_{layer}", f"{official}.{number}")
            for name, official in (
                ("compress_vit", "compress_vit_feat"),
                ("encoder", "embedding_encoder"),
                ("mask", "embedding_maskfeature"),
            )
            for layer, number in (("conv1", 0), ("norm", 1), ("conv2", 3))
        ),
    )
)


def official_name(key: str) -> str:
    """The official name for a weight of a ``SamHQModel``."""
    for pattern, replacement in _OFFICIAL_NAMES:
        key = pattern.sub(replacement, key)
    return of_sam.official_name(key)


def model_of(weights: Mapping[str, Tensor], name: str) -> SamHQModel:
    """The model of weights by their official names; arguments and errors as ``sam.official_checkpoint.model_of``."""
    from transformers import SamHQConfig, SamHQModel

    configs = of_sam.configs(weights)
    configs["mask_decoder_config"]["vit_dim"] = configs["vision_config"]["hidden_size"]
    with torch.device("meta"):  # without memory for weights
        model = SamHQModel(SamHQConfig(**configs))
    names = {key: official_name(key) for key in model.state_dict()}
    fill(model, weights, names, source=name, family="SAM-HQ")
    return model
