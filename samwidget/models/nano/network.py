"""The complete network ``nano``, encoder and decoder, and its initial weights for training from the start.

How images and prompts become tensors is ``segmenter``; how the shipped weights were made is ``samwidget.training``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from samwidget.models.nano.decoder import Decoder, ModulatedResidual, ObjectContext, ScoreHead
from samwidget.models.nano.encoder import Encoder
from samwidget.models.nano.layers import SelfAttention
from samwidget.models.nano.prompt_maps import HEADS, PromptTensors


class NanoNetwork(nn.Module):
    """Encoder and decoder together: what is trained, and what ``model.safetensors`` holds."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, pixels: Tensor, prompts: PromptTensors) -> tuple[Tensor, Tensor]:
        """Logits (B, O, 4, H/2, W/2) and scores (B, O, 4) of (B, 3, H, W) normalised pixels and their prompts."""
        logits, scores, _ = self.decoder(self.encoder(pixels), prompts)
        return logits, scores


def init_weights(network: NanoNetwork) -> NanoNetwork:
    """Fills the network with initial weights and returns it.

    Convolutions get those of He et al. 2015, and the last layer of each residual branch gets small ones or zeros, so
    that each block begins as the identity.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, ModulatedResidual):
            _zero_weights(module.second[-1])
            nn.init.trunc_normal_(module.film.weight, std=0.02 * module.film.in_features**-0.5)
        elif isinstance(module, SelfAttention):
            _zero_weights(module.position, module.out, module.mlp[-1])
        elif isinstance(module, ObjectContext):
            # The coarse mask has no effect until it is learned.
            _zero_weights(module.rough, module.read_maps[-1], module.shortcut, module.summary)
        elif isinstance(module, Decoder):
            last = [part for part in module.to_masks.modules() if isinstance(part, nn.Conv2d)][-1]
            nn.init.trunc_normal_(last.weight, std=0.01)
            _init_shortcut(module.shortcut)
        elif isinstance(module, ScoreHead):
            _zero_weights(module.layers[-1])
    return network


def _zero_weights(*layers: nn.Module) -> None:
    for layer in layers:
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        nn.init.zeros_(layer.weight)


def _init_shortcut(shortcut: nn.Conv2d) -> None:
    """Makes the masks useful from the first step: pixels near or similar to included ones, less the excluded ones."""
    # In the order of ``prompt_maps``, then of the groups of ``prompt_similarity``.
    position_weights = torch.tensor([1.0, 3.0, -1.0, -3.0, 2.5, 1.5, 0.0, 4.0, 0.0])
    similarity_weights = torch.tensor([0.5, -0.5, 0.3, -0.3, 0.3, -0.3]).repeat_interleave(HEADS)
    # The single mask, then the candidates, which begin with different sizes.
    gains = torch.tensor([1.0, 0.8, 1.0, 1.2])
    with torch.no_grad():
        shortcut.weight.copy_((gains[:, None] * torch.cat([position_weights, similarity_weights]))[..., None, None])
        assert shortcut.bias is not None
        shortcut.bias.fill_(-3.0)
