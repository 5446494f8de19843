"""The weights of TinyViT, the image encoder of MobileSAM, TinySAM and micro-sam's ``vit_t``, as layers without forward.

Owns names, shapes and sizes. Names are those of the official checkpoints, but that a batch norm is part of the
convolution before it. ``encoder`` computes, ``official_checkpoint`` fills the weights in. Paper: Wu et al., TinyViT,
https://arxiv.org/abs/2207.10666; as an encoder for SAM: Zhang et al., MobileSAM, https://arxiv.org/abs/2306.14289.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

import torch
from torch import nn


class TinyVitSize(NamedTuple):
    """What distinguishes networks of this kind. A stage is a group of layers on one grid of tokens.

    Attributes:
        channels: of a token in each stage.
        depths: layers of each stage. The first stage has convolutions only, the others attend within windows.
        heads: of the layers of each stage but the first.
        window_sides: in tokens, of each stage but the first.
        hidden_ratio: hidden channels of a layer for each of its channels.
        out_channels: of the embedding.
    """

    channels: tuple[int, ...]
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window_sides: tuple[int, ...]
    hidden_ratio: int = 4
    out_channels: int = 256


TINY_VIT_5M = TinyVitSize((64, 128, 160, 320), (2, 2, 6, 2), (4, 5, 10), (7, 14, 7))


class TinyVit(nn.Module):
    """All layers. A patch is 4 x 4 pixels, the grid of the embedding has a quarter of as many tokens a side.

    Args:
        size: of the network.
    """

    def __init__(self, size: TinyVitSize) -> None:
        super().__init__()
        self.size = size
        first = size.channels[0]
        self.patch_embed = nn.ModuleDict(
            {
                "seq": nn.Sequential(
                    nn.Conv2d(3, first // 2, 3, stride=2, padding=1),
                    nn.GELU(),
                    nn.Conv2d(first // 2, first, 3, stride=2, padding=1),
                )
            }
        )
        last = len(size.channels) - 1
        self.layers = nn.ModuleList()
        for index, (channels, depth) in enumerate(zip(size.channels, size.depths, strict=True)):
            hidden = size.hidden_ratio * channels
            if index == 0:
                blocks: list[nn.Module] = [ConvolutionBlock(channels, hidden, channels) for _ in range(depth)]
            else:
                heads, side = size.heads[index - 1], size.window_sides[index - 1]
                blocks = [WindowBlock(channels, heads, side, hidden) for _ in range(depth)]
            # SAM wants a grid of a sixteenth of the image, so the last stage has as many tokens as the one before.
            merging = None
            if index < last:
                after = size.channels[index + 1]
                merging = ConvolutionBlock(channels, after, after, stride=1 if index == last - 1 else 2)
            self.layers.append(TinyVitStage(blocks, merging))
        out = size.out_channels
        self.neck = nn.Sequential(
            nn.Conv2d(size.channels[-1], out, 1, bias=False),
            nn.LayerNorm(out, eps=1e-6),
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            nn.LayerNorm(out, eps=1e-6),
        )

    @property
    def first_layers(self) -> tuple[nn.Conv2d, nn.Conv2d]:
        """The convolutions that turn pixels into tokens; a GELU is between them."""
        first, _, second = cast("nn.Sequential", self.patch_embed["seq"])
        return cast("nn.Conv2d", first), cast("nn.Conv2d", second)

    @property
    def stages(self) -> Sequence[TinyVitStage]:
        """In order."""
        return cast("Sequence[TinyVitStage]", self.layers)

    @property
    def last_layers(self) -> tuple[nn.Conv2d, nn.LayerNorm, nn.Conv2d, nn.LayerNorm]:
        """The convolutions that turn tokens into the embedding, each with the layer norm behind it."""
        return cast("tuple[nn.Conv2d, nn.LayerNorm, nn.Conv2d, nn.LayerNorm]", tuple(self.neck))


class TinyVitStage(nn.Module):
    """Layers on one grid, and what makes the grid of the next stage.

    Args:
        blocks: all of one class.
        downsample: None behind the last stage.
    """

    def __init__(self, blocks: Iterable[nn.Module], downsample: ConvolutionBlock | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample


class ConvolutionBlock(nn.Module):
    """Three convolutions: to more channels, within each channel, and to the channels of the result.

    Args:
        channels: of the tokens.
        hidden: channels between the convolutions.
        out_channels: of the result.
        stride: of the second convolution.
    """

    def __init__(self, channels: int, hidden: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, hidden, 1)
        self.conv2 = nn.Conv2d(hidden, hidden, 3, stride=stride, padding=1, groups=hidden)
        self.conv3 = nn.Conv2d(hidden, out_channels, 1)


class WindowBlock(nn.Module):
    """Attention within windows, a convolution within each channel, and two linear layers.

    Args:
        channels: of the tokens.
        heads: of attention.
        window_side: in tokens.
        hidden: channels between the linear layers.
    """

    def __init__(self, channels: int, heads: int, window_side: int, hidden: int) -> None:
        super().__init__()
        self.attn = WindowAttention(channels, heads, window_side)
        self.local_conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.mlp = TinyVitMlp(channels, hidden)


class WindowAttention(nn.Module):
    """Attention within windows. A score gets a bias for the distance of two tokens.

    Args:
        channels: of the tokens.
        heads: each with a part of the channels.
        window_side: in tokens.

    Attributes:
        attention_biases: (heads, window_side ** 2), for each distance down, then for each distance across.
        qkv: its rows are those of queries, keys and values of the first head, then of the next.
    """

    def __init__(self, channels: int, heads: int, window_side: int) -> None:
        super().__init__()
        self.heads, self.window_side = heads, window_side
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window_side**2))


class TinyVitMlp(nn.Module):
    """Two linear layers behind a layer norm; a GELU is between them.

    Args:
        channels: of the tokens.
        hidden: between the layers.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)
