"""The layers that the encoder and the decoder of ``nano`` share, and how many channels their features have.

Names of attributes are keys of the shipped weights and of training snapshots: they must not change.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

CONTEXT, DEEP, MIDDLE, FINE = 192, 96, 64, 32
"""Channels of the features at strides 32, 16, 8 and 4."""


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution whose padding keeps the size, divided by ``stride``."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)


def factored_conv(inputs: int, outputs: int, between: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A 3 x 3 convolution as a 3 x 1 to ``between`` channels and a 1 x 3, for a third of the work."""
    return nn.Sequential(
        nn.Conv2d(inputs, between, (3, 1), (stride, 1), (dilation, 0), (dilation, 1), bias=False),
        nn.Conv2d(between, outputs, (1, 3), (1, stride), (0, dilation), (1, dilation)),
    )


def upsample_2x(x: Tensor) -> Tensor:
    """(B, C, h, w) to (B, C, 2h, 2w), bilinear."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, h, w); it copies nothing if the tensor is channels last."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, with mean 0 and variance 1 over the channels, then scaled and shifted."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SelfAttention(nn.Module):
    """A transformer block over all pixels: attention, then a multilayer perceptron.

    It joins parts of an object that do not look alike and lie far apart.

    Args:
        channels: of input and output.
        heads: of the attention.
        mlp_ratio: hidden width of the perceptron, as a multiple of ``channels``.
        pooling: keys and values are means over squares of this side; 1 takes each pixel.
    """

    def __init__(self, channels: int, heads: int, mlp_ratio: int, pooling: int = 1) -> None:
        super().__init__()
        self.heads, self.pooling = heads, pooling
        # A depthwise convolution tells the block about positions. Unlike a table of them it fits every image size.
        self.position = conv(channels, channels, 3, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.out = nn.Linear(channels, channels)
        self.mlp = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, mlp_ratio * channels),
            nn.ReLU(inplace=True),
            nn.Linear(mlp_ratio * channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        x = x + self.position(x)
        batch, channels, height, width = x.shape
        tokens: Tensor = x.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
        normed = self.norm(tokens)
        query = self._split_heads(self.query(normed))
        if self.pooling > 1:
            grid = normed.reshape(batch, height, width, channels).permute(0, 3, 1, 2)
            normed = F.avg_pool2d(grid, self.pooling, ceil_mode=True).permute(0, 2, 3, 1).reshape(batch, -1, channels)
        key, value = (self._split_heads(part) for part in self.key_value(normed).chunk(2, 2))
        attended = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.out(attended.transpose(1, 2).reshape(batch, -1, channels))
        tokens = tokens + self.mlp(tokens)
        return tokens.reshape(batch, height, width, channels).permute(0, 3, 1, 2)

    def _split_heads(self, tokens: Tensor) -> Tensor:
        """(B, N, C) to (B, heads, N, C / heads)."""
        return tokens.reshape(tokens.shape[0], tokens.shape[1], self.heads, -1).transpose(1, 2)
