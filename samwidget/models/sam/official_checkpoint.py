"""Checkpoints of Meta's own package, such as ``sam_vit_b_01ec64.pth``, as transformers' ``SamModel``.

Such a file holds weights by Meta's names and nothing else. This module owns the reading of the file, which never runs
code in it, the names, and the sizes of the network, which are read from the shapes of the weights. ``models.loader``
and ``compat`` call it.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor

from samwidget.errors import ModelError, UnsupportedModelError

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

# The first weight of the image encoder: no other network has one of this name.
_FIRST = "image_encoder.patch_embed.proj.weight"
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


def read_model(path: Path) -> SamModel:
    """The model in a file, in float32 on the CPU. It does not depend on the file any more.

    Args:
        path: of weights that ``torch.save`` or safetensors wrote, by Meta's names. They may lie in a dict under another
            key, as in checkpoints of a training, and have a common prefix, such as ``module.``.

    Raises:
        ModelError: the file cannot be read, holds something else than weights, or some of them are missing.
        UnsupportedModelError: the weights are of another network.
    """
    weights = _weights_in(_read(path))
    if weights is None:
        raise UnsupportedModelError(
            f"{path} holds no weights of SAM by Meta's names",
            hint=f"none is called {_FIRST}; give a file such as sam_vit_b_01ec64.pth, or a folder that save_pretrained "
            'wrote. SAM 2 loads by name, such as "facebook/sam2.1-hiera-tiny"; MobileSAM and others do not work',
        )
    return model_of(weights, str(path))


def model_of(weights: Mapping[str, Tensor], name: str) -> SamModel:
    """The model of weights by Meta's names, which are copied to float32 on the CPU.

    Args:
        weights: all of them.
        name: to use in errors.

    Raises:
        ModelError: some are missing or have another shape.
        UnsupportedModelError: there are others besides those of SAM.
    """
    try:
        model = _empty_model(_config(weights))
    except (KeyError, ValueError, IndexError, ZeroDivisionError) as error:
        raise ModelError(
            f"{name} does not hold all weights of SAM", hint=f"missing or of another shape: {error}"
        ) from error
    names = {key: official_name(key) for key in model.state_dict()}
    others = sorted(set(weights) - set(names.values()))
    if others:
        raise UnsupportedModelError(
            f"{name} holds weights that SAM does not have",
            hint=f"{', '.join(others[:3])}. Files of networks that extend SAM, such as SAM-HQ, do not work",
        )
    shapes = {names[key]: tensor.shape for key, tensor in model.state_dict().items()}
    wrong = sorted(name for name, shape in shapes.items() if name not in weights or weights[name].shape != shape)
    if wrong:
        raise ModelError(
            f"{name} does not hold all weights of SAM", hint=f"missing or of another shape: {', '.join(wrong[:3])}"
        )
    # Copied: a file that is mapped into memory may be overwritten, and the process would die.
    copies = {name: weights[name].detach().to("cpu", torch.float32, copy=True) for name in shapes}
    model.load_state_dict({key: copies[name] for key, name in names.items()}, assign=True)
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


def _read(path: Path) -> object:
    """What a file holds, made of tensors and plain values only."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise ModelError(f"{path} cannot be read", hint=error.strerror or str(error)) from error
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


def _weights_in(content: object) -> dict[str, Tensor] | None:
    """The weights of SAM in what a file holds, without a common prefix of their names; None where there are none."""
    for weights in _dicts_in(content):
        for key in weights:
            if isinstance(key, str) and key.endswith(_FIRST):
                prefix = key.removesuffix(_FIRST)
                return {
                    name.removeprefix(prefix): value
                    for name, value in weights.items()
                    if isinstance(name, str) and name.startswith(prefix) and isinstance(value, Tensor)
                }
    return None


def _dicts_in(content: object) -> Iterator[Mapping[Any, Any]]:  # Any: a file may hold anything
    if isinstance(content, Mapping):
        yield content
        for value in content.values():
            if isinstance(value, Mapping):
                yield value


def _empty_model(config: Any) -> SamModel:  # Any: transformers' configs are not typed
    """A model without memory for its weights."""
    from transformers import SamModel

    with torch.device("meta"):
        return SamModel(config)


def _config(weights: Mapping[str, Tensor]) -> Any:
    """The ``SamConfig`` of a network, from the shapes of its weights by Meta's names.

    The number of heads of the decoder leaves no trace in the shapes; it is eight in every known SAM.
    """
    from transformers import SamConfig

    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    channels, _, _, patch_size = shapes[_FIRST]
    grid_side = shapes["image_encoder.pos_embed"][1]
    tables = [shapes[f"image_encoder.blocks.{i}.attn.rel_pos_h"] for i in range(_count(shapes, "image_encoder.blocks"))]
    # A layer has a relative position for each distance that two of its tokens can have.
    sides = [(length + 1) // 2 for length, _ in tables]
    out_channels = shapes["image_encoder.neck.0.weight"][0]
    transformer = "mask_decoder.transformer"
    attention_channels = shapes[f"{transformer}.layers.0.cross_attn_token_to_image.q_proj.weight"][0]
    return SamConfig(
        vision_config={
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
        },
        prompt_encoder_config={
            "hidden_size": out_channels,
            "image_size": grid_side * patch_size,
            "patch_size": patch_size,
            "image_embedding_size": grid_side,
            "mask_input_channels": shapes["prompt_encoder.mask_downscaling.3.weight"][0],
        },
        mask_decoder_config={
            "hidden_size": out_channels,
            "mlp_dim": shapes[f"{transformer}.layers.0.mlp.lin1.weight"][0],
            "num_hidden_layers": _count(shapes, f"{transformer}.layers"),
            "attention_downsample_rate": out_channels // attention_channels,
            "num_multimask_outputs": shapes["mask_decoder.mask_tokens.weight"][0] - 1,
            "iou_head_hidden_dim": shapes["mask_decoder.iou_prediction_head.layers.0.weight"][0],
        },
    )


def _count(names: Mapping[str, object], prefix: str) -> int:
    """How many layers have names that begin with the prefix and a number."""
    numbers = [re.match(rf"{re.escape(prefix)}\.(\d+)\.", name) for name in names]
    return 1 + max((int(number[1]) for number in numbers if number), default=-1)
