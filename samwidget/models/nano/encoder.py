"""The image encoder of ``nano``, run once for each image.

It is EfficientNet-Lite0 (Tan and Le 2019, https://arxiv.org/abs/1905.11946, in its "lite" form: ReLU6, no
squeeze-and-excite) with batch norm folded into the convolutions, two blocks of self-attention at stride 32, and a
feature pyramid down to stride 4. How an image becomes its input is ``segmenter``.

Names of attributes are keys of the shipped weights and of training snapshots: they must not change.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samwidget.models.nano.layers import CONTEXT, DEEP, FINE, MIDDLE, ChannelNorm, SelfAttention, conv, upsample_2x
from samwidget.models.nano.prompt_maps import HEAD_DIM, HEADS
from samwidget.models.threads import run_in_threads

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
STRIP_BYTES, STRIP_ROWS_MIN = 3 * 2**20, 4
"""Between its layers a strip of rows has at most so many bytes, to stay in the cache, but at least so many rows."""


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection (MobileNetV2, Sandler et al. 2018); batch norms folded.

    Padding is symmetric where TensorFlow's is not. That shifts the sampling grid by a pixel and has no other effect.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.hidden, self.reach, self.stride = inputs * expansion, kernel // 2, stride
        self.expand = conv(inputs, self.hidden) if expansion > 1 else nn.Identity()
        self.depthwise = conv(self.hidden, self.hidden, kernel, stride, groups=self.hidden)
        self.project = conv(self.hidden, outputs)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h / stride, w / stride)."""
        return self.rows(x, 0, x.shape[2] // self.stride)

    def rows(self, x: Tensor, first: int, last: int) -> Tensor:
        """The rows ``first`` to ``last``, exclusive, of what ``forward`` returns."""
        # The depthwise convolution sees ``reach`` rows more. Its own padding is right at the edges of the image; inside
        # it spoils rows that are cut off.
        top = max(0, first - -(-self.reach // self.stride)) * self.stride
        bottom = min(x.shape[2], (last - 1) * self.stride + self.reach + 1)
        # A slice of all rows costs nothing, not even in training.
        part = x[:, :, top:bottom]
        # In place: on a CPU a new tensor of this size costs as much as the convolution before it.
        y: Tensor = F.relu6(self.expand(part), inplace=True) if isinstance(self.expand, nn.Conv2d) else part
        y = F.relu6(self.depthwise(y), inplace=True)[:, :, first - top // self.stride : last - top // self.stride]
        y = self.project(y)
        return x[:, :, first:last] + y if self.is_residual else y

    def in_strips(self, x: Tensor, threads: int) -> Tensor:
        """The same as ``forward``, computed in strips of rows by up to ``threads`` threads."""
        between_bytes = x[:, 0].numel() * self.hidden * x.element_size()
        # As many for each thread, or the last would wait for one of them.
        strips = threads * -(-between_bytes // (STRIP_BYTES * threads))
        shape = (x.shape[0], self.project.out_channels, x.shape[2] // self.stride, x.shape[3] // self.stride)
        return _in_strips(lambda first, last: self.rows(x, first, last), shape, strips, threads)


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

    def forward(self, pixels: Tensor, threads: int = 0) -> dict[str, Tensor]:
        """Features of (B, 3, H, W) normalised pixels, H and W multiples of 32.

        Args:
            pixels: fast if channels last.
            threads: how many CPU threads compute the large layers, in strips; 0, as on a GPU and in training, computes
                each layer in one piece.

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
                x = _run_stage(stage, x, threads)
                levels.append(x)
        for stage in self.stages[FROZEN_STAGES:]:
            x = _run_stage(stage, x, threads)
            levels.append(x)
        context = self.attention(self.to_context(x))
        deep = self.deep_side(levels[4]) + upsample_2x(self.deep_down(context))
        deep = _mix(self.deep_mix, self.deep_norm, deep, threads)
        middle = self.middle_side(levels[2]) + upsample_2x(self.middle_down(deep))
        middle = _mix(self.middle_mix, self.middle_norm, middle, threads)
        fine = self.fine_side(levels[1]) + upsample_2x(self.fine_down(middle)) + self._edges(levels[0], pixels)
        fine = _mix(self.fine_mix, self.fine_norm, fine, threads)
        batch, _, height, width = middle.shape
        similarity = self.similarity(middle).reshape(batch, HEADS, HEAD_DIM, height, width)
        similarity = F.normalize(similarity, dim=2).reshape(batch, HEADS * HEAD_DIM, height, width)
        middle = torch.cat([middle, similarity], 1).contiguous(memory_format=torch.channels_last)
        return {"context": context, "deep": deep, "middle": middle, "fine": fine}

    def _edges(self, at_2: Tensor, pixels: Tensor) -> Tensor:
        """What ``fine_edges`` makes of (B, 16, H/2, W/2) features and (B, 3, H, W) pixels, both unshuffled to stride 4.

        As two convolutions whose kernels are as large as their strides: nothing is copied.
        """
        from_at_2, from_pixels = torch.split(self.fine_edges.weight, [4 * at_2.shape[1], 16 * pixels.shape[1]], 1)
        edges = F.conv2d(at_2, from_at_2.reshape(FINE, -1, 2, 2), self.fine_edges.bias, stride=2)
        return edges + F.conv2d(pixels, from_pixels.reshape(FINE, -1, 4, 4), stride=4)


def _run_stage(stage: nn.Module, x: Tensor, threads: int) -> Tensor:
    """What the blocks of a stage make of (B, C, h, w) features; ``threads`` as ``Encoder.forward`` takes it."""
    for block in stage.children():
        assert isinstance(block, InvertedResidual)
        x = block.in_strips(x, threads) if threads else block(x)
    return x


def _mix(mix: nn.Module, norm: nn.Module, x: Tensor, threads: int) -> Tensor:
    """``norm(x + mix(x))`` of (B, C, h, w) features, where ``mix`` sees one row beyond each that it computes.

    ``threads`` as ``Encoder.forward`` takes it.
    """
    height = x.shape[2]

    def rows(first: int, last: int) -> Tensor:
        top, bottom = max(0, first - 1), min(height, last + 1)
        mixed: Tensor = norm(x[:, :, first:last] + mix(x[:, :, top:bottom])[:, :, first - top : last - top])
        return mixed

    return _in_strips(rows, tuple(x.shape), threads, threads)


def _in_strips(rows: Callable[[int, int], Tensor], shape: tuple[int, ...], strips: int, threads: int) -> Tensor:
    """The (B, C, h, w) features of which ``rows(first, last)`` computes the rows ``first`` to ``last``, exclusive.

    Args:
        rows: called for the strips.
        shape: (B, C, h, w).
        strips: about how many strips; each has at least ``STRIP_ROWS_MIN`` rows.
        threads: how many CPU threads compute them.
    """
    height = shape[2]
    step = max(STRIP_ROWS_MIN, -(-height // max(1, strips)))
    if step >= height:
        return rows(0, height)
    pieces = [(first, min(first + step, height)) for first in range(0, height, step)]
    computed = run_in_threads(lambda piece: rows(*piece), pieces, threads)
    return torch.cat(computed, 2)
