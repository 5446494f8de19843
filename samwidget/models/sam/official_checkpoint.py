"""Checkpoints of Meta's own package, such as ``sam_vit_b_01ec64.pth``, as transformers' ``SamModel``.

Such a file holds weights by Meta's names and nothing else. This module owns the names, and the sizes of the network,
which are read from the shapes of the weights. ``models.official_files`` and ``compat`` call it, and the modules of this
name in other families, whose decoders are SAM's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from samwidget.models.weights_file import fill

if TYPE_CHECKING:
    from transformers import SamModel


class EncoderSize(NamedTuple):
    """What distinguishes Meta's three networks.

    Attributes:
        channels: of a token.
        layers: of the image encoder.
        heads: of each layer.
        global_layers: the layers that attend globally.
    """

    channels: int
    layers: int
    heads: int
    global_layers: tuple[int, ...]


ENCODER_SIZES = {
    "vit_h": EncoderSize(1280, 32, 16, (7, 15, 23, 31)),
    "vit_l": EncoderSize(1024, 24, 16, (5, 11, 17, 23)),
    "vit_b": EncoderSize(768, 12, 12, (2, 5, 8, 11)),
}

# Parts of transformers' names, and what Meta calls them.
# Later ones change parts of names that earlier ones have changed.
_OFFICIAL_NAMES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^(prompt_encoder\.shared_embedding|shared_image_embedding)\.", "prompt_encoder.pe_layer."),
        (r"positional_embedding$", "positional_encoding_gaussian_matrix"),
        (r"\bmask_embed\.conv1\b", "mask_downscaling.0"),
        (r"\bmask_embed\.layer_norm1\b", "mask_downscaling.1"),
        (r"\bmask_embed\.conv2\b", "mask_downscaling.3"),
        (r"\bmask_embed\.layer_norm2\b", "mask_downscaling.4"),
        (r"\bmask_embed\.conv3\b", "mask_downscaling.6"),
        (r"\bpoint_embed\b", "point_embeddings"),
        (r"\bneck\.conv1\b", "neck.0"),
        (r"\bneck\.layer_norm1\b", "neck.1"),
        (r"\bneck\.conv2\b", "neck.2"),
        (r"\bneck\.layer_norm2\b", "neck.3"),
        (r"\bpatch_embed\.projection\b", "patch_embed.proj"),
        (r"^vision_encoder\.layers\b", "image_encoder.blocks"),
        (r"^vision_encoder\b", "image_encoder"),
        (r"\bupscale_conv1\b", "output_upscaling.0"),
        (r"\bupscale_layer_norm\b", "output_upscaling.1"),
        (r"\bupscale_conv2\b", "output_upscaling.3"),
        (r"(iou_prediction_head|mlps\.\d+)\.layers\.0\b", r"\1.layers.1"),
        (r"(iou_prediction_head|mlps\.\d+)\.proj_in\b", r"\1.layers.0"),
        (r"(iou_prediction_head|mlps\.\d+)\.proj_out\b", r"\1.layers.2"),
        (r"layer_norm", "norm"),
    )
)


def official_name(key: str) -> str:
    """Meta's name for a weight of a ``SamModel``; the two copies of the positional embedding have one name."""
    for pattern, replacement in _OFFICIAL_NAMES:
        key = pattern.sub(replacement, key)
    return key


def model_of(weights: Mapping[str, Tensor], name: str) -> SamModel:
    """The model of weights by Meta's names, which are copied to float32 on the CPU.

    Args:
        weights: all of them.
        name: to use in errors.

    Raises:
        ModelError: some are missing or have another shape.
        UnsupportedModelError: there are others besides those of SAM.
        KeyError: one is missing that tells a size.
        ValueError: the shapes make no network.
    """
    from transformers import SamConfig, SamModel

    with torch.device("meta"):  # without memory for weights
        model = SamModel(SamConfig(**configs(weights)))
    names = {key: official_name(key) for key in model.state_dict()}
    fill(model, weights, names, source=name, family="SAM")
    return model


def new_model(size: EncoderSize) -> SamModel:
    """A network with random weights, which has to be trained."""
    from transformers import SamConfig, SamModel

    vision = {
        "hidden_size": size.channels,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "global_attn_indexes": list(size.global_layers),
        "mlp_dim": 4 * size.channels,
    }
    return SamModel(SamConfig(vision_config=vision))


def configs(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments of ``SamConfig``, from the shapes of the weights by Meta's names."""
    shapes = shapes_of(weights)
    channels, _, _, patch_size = shapes["image_encoder.patch_embed.proj.weight"]
    grid_side = shapes["image_encoder.pos_embed"][1]
    tables = [shapes[f"image_encoder.blocks.{i}.attn.rel_pos_h"] for i in range(count(shapes, "image_encoder.blocks"))]
    # A layer has a relative position for each distance that two of its tokens can have.
    sides = [(length + 1) // 2 for length, _ in tables]
    out_channels = shapes["image_encoder.neck.0.weight"][0]
    vision = {
        "hidden_size": channels,
        "output_channels": out_channels,
        "num_hidden_layers": len(tables),
        "num_attention_heads": channels // tables[0][1],
        "image_size": grid_side * patch_size,
        "patch_size": patch_size,
        "window_size": min((side for side in sides if side != grid_side), default=14),
        "global_attn_indexes": [index for index, side in enumerate(sides) if side == grid_side],
        "num_pos_feats": out_channels // 2,
        "mlp_dim": shapes["image_encoder.blocks.0.mlp.lin1.weight"][0],
    }
    return {"vision_config": vision, **decoder_configs(shapes, grid_side, patch_size)}


def decoder_configs(shapes: Mapping[str, tuple[int, ...]], grid_side: int, patch_size: int) -> dict[str, Any]:
    """The arguments of ``SamConfig`` for what follows the encoder.

    The number of heads of the decoder leaves no trace in the shapes; it is eight in every known SAM.

    Args:
        shapes: of the weights, by Meta's names.
        grid_side: of the embedding.
        patch_size: pixels of the input for each token of the embedding, across.
    """
    transformer = "mask_decoder.transformer"
    channels = shapes["mask_decoder.iou_token.weight"][1]
    attention_channels = shapes[f"{transformer}.layers.0.cross_attn_token_to_image.q_proj.weight"][0]
    prompts = {
        "hidden_size": channels,
        "image_size": grid_side * patch_size,
        "patch_size": patch_size,
        "image_embedding_size": grid_side,
        "mask_input_channels": shapes["prompt_encoder.mask_downscaling.3.weight"][0],
    }
    masks = {
        "hidden_size": channels,
        "mlp_dim": shapes[f"{transformer}.layers.0.mlp.lin1.weight"][0],
        "num_hidden_layers": count(shapes, f"{transformer}.layers"),
        "attention_downsample_rate": channels // attention_channels,
        "num_multimask_outputs": shapes["mask_decoder.mask_tokens.weight"][0] - 1,
        "iou_head_hidden_dim": shapes["mask_decoder.iou_prediction_head.layers.0.weight"][0],
    }
    return {"prompt_encoder_config": prompts, "mask_decoder_config": masks}


def shapes_of(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape of each weight."""
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def count(names: Mapping[str, object], prefix: str) -> int:
    """How many layers have names that begin with the prefix and a number."""
    numbers = [re.match(rf"{re.escape(prefix)}\.(\d+)\.", name) for name in names]
    return 1 + max((int(number[1]) for number in numbers if number), default=-1)
