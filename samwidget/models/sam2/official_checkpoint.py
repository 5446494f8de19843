"""Files of Meta's SAM 2 and 2.1, such as ``sam2.1_hiera_tiny.pt``, and of MedSAM2, as transformers' ``Sam2Model``.

Owns the names and the sizes. Weights for videos are left out. Called by ``models.official_files``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from samwidget.errors import UnsupportedModelError, warn_user
from samwidget.models.sam import official_checkpoint as of_sam
from samwidget.models.weights_file import fill

if TYPE_CHECKING:
    from transformers import Sam2Model


class EncoderSize(NamedTuple):
    """What distinguishes Meta's four networks and leaves no trace in the shapes of the weights.

    Attributes:
        heads: of the first layers.
        window_sides: in tokens, for each group of layers.
        global_layers: the layers that attend globally.
    """

    heads: int
    window_sides: tuple[int, ...]
    global_layers: tuple[int, ...]


# By the channels of the first layer and the number of layers.
ENCODER_SIZES = {
    (96, 12): EncoderSize(1, (8, 4, 14, 7), (5, 7, 9)),  # tiny
    (96, 16): EncoderSize(1, (8, 4, 14, 7), (7, 10, 13)),  # small
    (112, 24): EncoderSize(2, (8, 4, 14, 7), (12, 16, 20)),  # base plus
    (144, 48): EncoderSize(2, (8, 4, 16, 8), (23, 33, 43)),  # large
}

_INPUT_SIDE, _INPUT_SIDE_OF_MEDSAM2 = 1024, 512
_PATCH_SIZE = 16
# Weights that only videos need.
_FOR_VIDEOS = re.compile(
    r"(memory_attention|memory_encoder|mask_downsample|obj_ptr_proj|obj_ptr_tpos_proj)\."
    r"|maskmem_tpos_enc|no_mem_pos_enc|no_obj_ptr|no_obj_embed_spatial"
)
_POINTS = "sam_prompt_encoder.point_embeddings"
# Parts of transformers' names, and what Meta calls them; before and behind those of SAM.
_OFFICIAL_NAMES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^no_memory_embedding$", "no_mem_embed"),
        (r"\bmlp\.proj_in\b", "mlp.layers.0"),
        (r"\bmlp\.proj_out\b", "mlp.layers.1"),
        (r"\bpred_obj_score_head\.layers\.0\b", "pred_obj_score_head.layers.1"),
        (r"\bpred_obj_score_head\.proj_in\b", "pred_obj_score_head.layers.0"),
        (r"\bpred_obj_score_head\.proj_out\b", "pred_obj_score_head.layers.2"),
        (r"\bo_proj\b", "out_proj"),
        (r"\bneck\.convs\.(\d+)\b", r"neck.convs.\1.conv"),
        (r"^vision_encoder\.backbone\b", "vision_encoder.trunk"),
    )
)


def official_name(key: str) -> str:
    """Meta's name for a weight of a ``Sam2Model``. The embeddings of all kinds of points have one name."""
    for pattern, replacement in _OFFICIAL_NAMES:
        key = pattern.sub(replacement, key)
    return re.sub(r"^(prompt_encoder|mask_decoder)\b", r"sam_\1", of_sam.official_name(key))


def model_of(weights: Mapping[str, Tensor], name: str) -> Sam2Model:
    """The model of weights by Meta's names; other arguments and errors as ``sam.official_checkpoint.model_of``.

    Args:
        weights: all of them. Those for videos may be there too.
        name: of the file, to use in errors. It tells MedSAM2 from SAM 2, which nothing else in the file does.
    """
    from transformers import Sam2Config, Sam2Model

    side = _INPUT_SIDE
    if "medsam2" in Path(name).name.lower():
        side = _INPUT_SIDE_OF_MEDSAM2
        warn_user(f"{name} is taken for MedSAM2, which reads {side} x {side} pixels, because of its name")
    used = {key: tensor for key, tensor in weights.items() if not _FOR_VIDEOS.match(key)}
    by_kind = [used.pop(f"{_POINTS}.{kind}.weight") for kind in range(of_sam.count(used, _POINTS))]
    used[f"{_POINTS}.weight"] = torch.cat(by_kind)
    with torch.device("meta"):  # without memory for weights
        model = Sam2Model(Sam2Config(**_configs(of_sam.shapes_of(used), side, name)))
    names = {key: official_name(key) for key in model.state_dict()}
    fill(model, used, names, source=name, family="SAM 2")
    return model


def _configs(shapes: Mapping[str, tuple[int, ...]], side: int, name: str) -> dict[str, Any]:
    """The arguments of ``Sam2Config``, from the shapes of the weights by Meta's names."""
    blocks = "image_encoder.trunk.blocks"
    layers = range(of_sam.count(shapes, blocks))
    channels = [shapes[f"{blocks}.{index}.norm2.weight"][0] for index in layers]
    by_stage = sorted(set(channels))
    size = ENCODER_SIZES.get((channels[0], len(layers)))
    if size is None:
        raise UnsupportedModelError(
            f"{name} is a SAM 2 of unknown size: {len(layers)} layers, the first with {channels[0]} channels",
            hint="the sizes tiny, small, base plus and large work, and folders of any size that save_pretrained wrote",
        )
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": channels[0],
        "num_attention_heads": size.heads,
        "image_size": [side, side],
        "window_positional_embedding_background_size": list(shapes["image_encoder.trunk.pos_embed"][2:]),
        "blocks_per_stage": [channels.count(width) for width in by_stage],
        "embed_dim_per_stage": by_stage,
        "num_attention_heads_per_stage": [size.heads * width // channels[0] for width in by_stage],
        "window_size_per_stage": list(size.window_sides),
        "global_attention_blocks": list(size.global_layers),
    }
    decoder = "sam_mask_decoder"
    width = shapes[f"{decoder}.iou_token.weight"][1]
    attention_width = shapes[f"{decoder}.transformer.layers.0.cross_attn_token_to_image.q_proj.weight"][0]
    return {
        "vision_config": {
            "model_type": "sam2_vision_model",
            "backbone_config": backbone,
            "backbone_channel_list": by_stage[::-1],
            "backbone_feature_sizes": [[side // shrunk, side // shrunk] for shrunk in (4, 8, 16)],
            "fpn_hidden_size": shapes["image_encoder.neck.convs.0.conv.weight"][0],
        },
        "prompt_encoder_config": {
            "hidden_size": width,
            "image_size": side,
            "patch_size": _PATCH_SIZE,
            "mask_input_channels": shapes["sam_prompt_encoder.mask_downscaling.3.weight"][0],
        },
        "mask_decoder_config": {
            "hidden_size": width,
            "mlp_dim": shapes[f"{decoder}.transformer.layers.0.mlp.layers.0.weight"][0],
            "num_hidden_layers": of_sam.count(shapes, f"{decoder}.transformer.layers"),
            "attention_downsample_rate": width // attention_width,
            "num_multimask_outputs": shapes[f"{decoder}.mask_tokens.weight"][0] - 1,
            "iou_head_hidden_dim": shapes[f"{decoder}.iou_prediction_head.layers.0.weight"][0],
        },
    }
