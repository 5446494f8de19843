"""Files of MobileSAM, TinySAM and micro-sam's ``vit_t``, such as ``mobile_sam.pt``.

The result is transformers' ``SamModel``, whose image encoder is replaced by a ``TinyVit``. Owns the names and sizes of
the encoder; those of the decoder are SAM's. A batch norm of a network that is not trained any more is a factor and a
summand for each channel: both go into the convolution before it. Called by ``models.official_files``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from samwidget.models.mobile_sam.network import TinyVit, TinyVitSize
from samwidget.models.sam import official_checkpoint as of_sam
from samwidget.models.weights_file import fill

if TYPE_CHECKING:
    from transformers import SamModel

# The encoder has no positions, so the shapes of its weights do not say it; all known networks have it.
INPUT_SIDE = 1024
_PATCH_SIZE = 16
_BATCH_NORM_EPSILON = 1e-5
# The classifier of the network's first training, and tables that follow from its sizes.
_UNUSED = re.compile(
    r"image_encoder\.(norm_head|head)\.|image_encoder\..*\.(attention_bias_idxs|ab|num_batches_tracked)$"
)
_LAYERS = "image_encoder.layers"


def model_of(weights: Mapping[str, Tensor], name: str, input_side: int = INPUT_SIDE) -> SamModel:
    """The model of weights by their official names.

    Args:
        weights: all of them.
        name: of the file, to use in errors.
        input_side: in pixels.

    Raises:
        ModelError: some are missing or have another shape.
        UnsupportedModelError: there are others too.
        KeyError: one is missing that tells a size.
        ValueError: the shapes make no network.
    """
    folded = fold_batch_norms({key: value for key, value in weights.items() if not _UNUSED.match(key)})
    model = new_model(_size(of_sam.shapes_of(folded)), of_sam.shapes_of(folded), input_side)
    names = {key: official_name(key) for key in model.state_dict()}
    fill(model, folded, names, source=name, family="MobileSAM")
    return model


def official_name(key: str) -> str:
    """The official name for a weight of a ``SamModel`` with a ``TinyVit``; a batch norm is part of its convolution."""
    if key.startswith("vision_encoder."):
        return key.replace("vision_encoder.", "image_encoder.", 1)
    return of_sam.official_name(key)


def new_model(size: TinyVitSize, shapes: Mapping[str, tuple[int, ...]], input_side: int = INPUT_SIDE) -> SamModel:
    """A network without memory for its weights.

    Args:
        size: of the encoder.
        shapes: of the other weights, by official names.
        input_side: in pixels.
    """
    from transformers import SamConfig, SamModel

    decoder = of_sam.decoder_configs(shapes, input_side // _PATCH_SIZE, _PATCH_SIZE)
    positions = {"image_size": input_side, "num_pos_feats": size.out_channels // 2}
    with torch.device("meta"):
        model = SamModel(SamConfig(vision_config={"num_hidden_layers": 0, **positions}, **decoder))
        model.vision_encoder = TinyVit(size)  # type: ignore[assignment]  # transformers' annotation
    return model


def fold_batch_norms(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights, where each convolution ``X.c`` has taken in its batch norm ``X.bn`` and is called ``X``."""
    folded = {}
    for name, weight in weights.items():
        layer, is_convolution, _ = name.partition(".c.weight")
        if is_convolution:
            factor, summand, mean, variance = (
                weights[f"{layer}.bn.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
            )
            factor = factor / (variance + _BATCH_NORM_EPSILON).sqrt()
            folded[f"{layer}.weight"] = (weight.double() * factor.reshape(-1, 1, 1, 1)).float()
            folded[f"{layer}.bias"] = (summand - mean * factor).float()
        elif ".bn." not in name:
            folded[name] = weight
    return folded


def _size(shapes: Mapping[str, tuple[int, ...]]) -> TinyVitSize:
    """The sizes of the encoder, from the shapes of its weights behind ``fold_batch_norms``."""
    stages = range(of_sam.count(shapes, _LAYERS))
    merged = [shapes[f"{_LAYERS}.{stage}.downsample.conv3.weight"][0] for stage in stages[:-1]]
    biases = [shapes[f"{_LAYERS}.{stage}.blocks.0.attn.attention_biases"] for stage in stages[1:]]
    hidden, channels, _, _ = shapes[f"{_LAYERS}.0.blocks.0.conv1.weight"]
    return TinyVitSize(
        channels=(channels, *merged),
        depths=tuple(of_sam.count(shapes, f"{_LAYERS}.{stage}.blocks") for stage in stages),
        heads=tuple(heads for heads, _ in biases),
        window_sides=tuple(round(distances**0.5) for _, distances in biases),
        hidden_ratio=hidden // channels,
        out_channels=shapes["image_encoder.neck.0.weight"][0],
    )
