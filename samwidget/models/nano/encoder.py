"""The image encoder of ``nano``, run once for each image.

It is EfficientNet-Lite0 (Tan and Le 2019, https://arxiv.org/abs/1905.11946, in its "lite" form: ReLU6, no
squeeze-and-excite) with batch norm folded into the convolutions, two blocks of self-attention at stride 32, and a
feature pyramid down to stride 4. How an image becomes its input is ``segmenter``.

Names of attributes are keys of the shipped weights and of training snapshots: they must not change.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samwidget.models.nano.layers import CONTEXT, DEEP, FINE, MIDDLE, ChannelNorm, SelfAttention, conv, upsample_2x
from samwidget.models.nano.prompt_maps import HEAD_DIM, HEADS

# EfficientNet-Lite0, one row for each stage: repeats, kernel, stride, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS = 32
FROZEN_STAGES = 2
"""The stem and this many stages get no gradient in training."""


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection (MobileNetV2, Sandler et al. 2018); batch norms folded.

    Padding is symmetric where TensorFlow's is not. That shifts the sampling grid by a pixel and has no other effect.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = conv(inputs, hidden) if expansion > 1 else nn.Identity()
        self.depthwise = conv(hidden, hidden, kernel, stride, groups=hidden)
        self.project = conv(hidden, outputs)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h / stride, w / stride)."""
        # In place: on a CPU a new tensor of this size costs as much as the convolution before it.
        y: Tensor = F.relu6(self.expand(x), inplace=True) if isinstance(self.expand, nn.Conv2d) else x
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        return x + y if self.is_residual else y


class Encoder(nn.Module):
    """Features of an image, for any number of prompts."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, STEM_CHANNELS, 3, 2)
        self.stages = nn.ModuleList()
        inputs = STEM_CHANNELS
        for repeats, kernel, stride, expansion, outputs in STAGES:
            blocks = []
            for index in range(repeats):
                blocks.append(InvertedResidual(inputs, outputs, kernel, stride if index == 0 else 1, expansion))
                inputs = outputs
            self.stages.append(nn.Sequential(*blocks))
        channels = [row[-1] for row in STAGES]
        self.to_context = conv(channels[6], CONTEXT)
        self.attention = nn.Sequential(SelfAttention(CONTEXT, 6, 2), SelfAttention(CONTEXT, 6, 2))
        self.deep_side, self.deep_down = conv(channels[4], DEEP), conv(CONTEXT, DEEP)
        self.deep_mix = nn.Sequential(ChannelNorm(DEEP), nn.ReLU(inplace=True), conv(DEEP, DEEP, 3))
        self.middle_side, self.middle_down = conv(channels[2], MIDDLE), conv(DEEP, MIDDLE)
        self.middle_mix = nn.Sequential(ChannelNorm(MIDDLE), nn.ReLU(inplace=True), conv(MIDDLE, MIDDLE, 3))
        # Features at stride 2 and the pixels themselves, unshuffled to stride 4: edges at a quarter of the cost.
        self.fine_side, self.fine_down = conv(channels[1], FINE), conv(MIDDLE, FINE)
        self.fine_edges = conv(4 * channels[0] + 48, FINE)
        self.fine_mix = nn.Sequential(ChannelNorm(FINE), nn.ReLU(inplace=True), conv(FINE, FINE, 3))
        self.similarity = conv(MIDDLE, HEADS * HEAD_DIM)
        self.deep_norm, self.middle_norm, self.fine_norm = ChannelNorm(DEEP), ChannelNorm(MIDDLE), ChannelNorm(FINE)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Features of (B, 3, H, W) normalised pixels, H and W multiples of 32.

        Returns:
            ``context`` (B, 192, H/32, W/32), ``deep`` (B, 96, H/16, W/16), ``middle`` (B, 64 + 96, H/8, W/8) and
            ``fine`` (B, 32, H/4, W/4). The last 96 channels of ``middle`` are for the comparison of pixels: four heads
            of 24 channels, each of unit length.
        """
        levels = []
        # The first stages see edges and colours, for which ImageNet's weights are good. Without their gradient a
        # training step costs half; where nothing is trained, no_grad has no effect.
        with torch.no_grad():
            x = F.relu6(self.stem(pixels), inplace=True)
            for stage in self.stages[:FROZEN_STAGES]:
                x = stage(x)
                levels.append(x)
        for stage in self.stages[FROZEN_STAGES:]:
            x = stage(x)
            levels.append(x)
        context = self.attention(self.to_context(x))
        deep = self.deep_side(levels[4]) + upsample_2x(self.deep_down(context))
        deep = self.deep_norm(deep + self.deep_mix(deep))
        middle = self.middle_side(levels[2]) + upsample_2x(self.middle_down(deep))
        middle = self.middle_norm(middle + self.middle_mix(middle))
        edges = torch.cat([F.pixel_unshuffle(levels[0], 2), F.pixel_unshuffle(pixels, 4)], 1)
        fine = self.fine_side(levels[1]) + upsample_2x(self.fine_down(middle)) + self.fine_edges(edges)
        fine = self.fine_norm(fine + self.fine_mix(fine))
        batch, _, height, width = middle.shape
        similarity = self.similarity(middle).reshape(batch, HEADS, HEAD_DIM, height, width)
        similarity = F.normalize(similarity, dim=2).reshape(batch, HEADS * HEAD_DIM, height, width)
        middle = torch.cat([middle, similarity], 1).contiguous(memory_format=torch.channels_last)
        return {"context": context, "deep": deep, "middle": middle, "fine": fine}
