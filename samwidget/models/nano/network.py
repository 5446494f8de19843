"""The layers of the bundled network ``nano``: an image encoder run once, and a decoder run for each prompt.

The encoder is EfficientNet-Lite0 (Tan and Le 2019, in its "lite" form: ReLU6, no squeeze-and-excite) with batch norm
folded into the convolutions, two blocks of self-attention at stride 32 and a feature pyramid. The decoder is
convolutional and reads the prompt as maps: where the clicks are, where the box is, and how similar each pixel is to
them. How images and prompts become these tensors is ``nano.py``; how the weights were found is ``samwidget.training``.

Shapes in the comments: B images, O prompts for each image, N points in a prompt, (h, w) the input divided by a stride.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samwidget.models.nano.prompt_maps import (
    GROUPS,
    HEAD_DIM,
    HEADS,
    PromptTensors,
    box_sizes,
    compare,
    likeness,
    prompt_maps,
    sum_to_one,
    surroundings,
)
from samwidget.models.nano.window import OUTSIDE, STRIDE, Window, whole, window_of

# EfficientNet-Lite0, one row a stage: repeats, kernel, stride, expansion, channels.
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
CONTEXT, DEEP, MIDDLE, FINE = 192, 96, 64, 32
CANDIDATES = 4
"""The single mask, then the three of ``multimask_output``."""


def _conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2 * dilation, dilation, groups)


def _thin(inputs: int, outputs: int, narrow: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """In place of a 3 x 3 convolution, for a third of its work: 3 x 1 to ``narrow`` channels, then 1 x 3."""
    return nn.Sequential(
        nn.Conv2d(inputs, narrow, (3, 1), (stride, 1), (dilation, 0), (dilation, 1), bias=False),
        nn.Conv2d(narrow, outputs, (1, 3), (1, stride), (0, dilation), (1, dilation)),
    )


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection; batch norms folded.

    Padding is symmetric where TensorFlow's is not, which shifts the sampling grid by a pixel and nothing else.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = _conv(inputs, hidden) if expansion > 1 else nn.Identity()
        self.depthwise = _conv(hidden, hidden, kernel, stride, groups=hidden)
        self.project = _conv(hidden, outputs)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h / stride, w / stride)."""
        # In place: on a CPU a fresh tensor of this size costs as much as the convolution before it.
        y: Tensor = F.relu6(self.expand(x), inplace=True) if isinstance(self.expand, nn.Conv2d) else x
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        return x + y if self.is_residual else y


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, h, w); free of copies for channels-last tensors."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, of mean 0 and variance 1 over the channels, scaled and shifted."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SelfAttention(nn.Module):
    """Every pixel looks at every other: what makes an object of patches that look unlike each other."""

    def __init__(self, channels: int, heads: int, mlp_ratio: int, pooling: int = 1) -> None:
        super().__init__()
        self.heads, self.pooling = heads, pooling
        # A depthwise convolution gives the sense of position, and unlike a table it fits every image size.
        self.position = _conv(channels, channels, 3, groups=channels)
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
        query = self._heads(self.query(normed))
        if self.pooling > 1:
            grid = normed.reshape(batch, height, width, channels).permute(0, 3, 1, 2)
            normed = F.avg_pool2d(grid, self.pooling, ceil_mode=True).permute(0, 2, 3, 1).reshape(batch, -1, channels)
        key, value = (self._heads(part) for part in self.key_value(normed).chunk(2, 2))
        mixed = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.out(mixed.transpose(1, 2).reshape(batch, -1, channels))
        tokens = tokens + self.mlp(tokens)
        return tokens.reshape(batch, height, width, channels).permute(0, 3, 1, 2)

    def _heads(self, tokens: Tensor) -> Tensor:
        return tokens.reshape(tokens.shape[0], tokens.shape[1], self.heads, -1).transpose(1, 2)


class Encoder(nn.Module):
    """Everything about an image that no prompt changes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, STEM_CHANNELS, 3, 2)
        self.stages = nn.ModuleList()
        inputs = STEM_CHANNELS
        for repeats, kernel, stride, expansion, outputs in STAGES:
            blocks = []
            for index in range(repeats):
                blocks.append(InvertedResidual(inputs, outputs, kernel, stride if index == 0 else 1, expansion))
                inputs = outputs
            self.stages.append(nn.Sequential(*blocks))
        channels = [row[-1] for row in STAGES]
        self.to_context = _conv(channels[6], CONTEXT)
        self.attention = nn.Sequential(SelfAttention(CONTEXT, 6, 2), SelfAttention(CONTEXT, 6, 2))
        self.deep_side, self.deep_down = _conv(channels[4], DEEP), _conv(CONTEXT, DEEP)
        self.deep_mix = nn.Sequential(ChannelNorm(DEEP), nn.ReLU(inplace=True), _conv(DEEP, DEEP, 3))
        self.middle_side, self.middle_down = _conv(channels[2], MIDDLE), _conv(DEEP, MIDDLE)
        self.middle_mix = nn.Sequential(ChannelNorm(MIDDLE), nn.ReLU(inplace=True), _conv(MIDDLE, MIDDLE, 3))
        # Stride-2 features and the pixels themselves, unshuffled to stride 4: edges at a quarter of the cost.
        self.fine_side, self.fine_down = _conv(channels[1], FINE), _conv(MIDDLE, FINE)
        self.fine_edges = _conv(4 * channels[0] + 48, FINE)
        self.fine_mix = nn.Sequential(ChannelNorm(FINE), nn.ReLU(inplace=True), _conv(FINE, FINE, 3))
        self.similarity = _conv(MIDDLE, HEADS * HEAD_DIM)
        self.deep_norm, self.middle_norm, self.fine_norm = ChannelNorm(DEEP), ChannelNorm(MIDDLE), ChannelNorm(FINE)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Features by name of (B, 3, H, W) normalised pixels, H and W multiples of 32.

        Returns:
            ``context`` (B, 192, H/32, W/32), ``deep`` (B, 96, H/16, W/16), ``middle`` (B, 64 + 96, H/8, W/8) and
            ``fine`` (B, 32, H/4, W/4). The last 96 of ``middle`` say how alike two pixels are: they are of unit length
            for each of four heads.
        """
        levels = []
        # The first stages see edges and colours, which ImageNet taught well; without their gradient a training step
        # costs half. Where nothing trains them, no_grad changes nothing.
        with torch.no_grad():
            x = F.relu6(self.stem(pixels), inplace=True)
            for stage in self.stages[:FROZEN_STAGES]:
                x = stage(x)
                levels.append(x)
        for stage in self.stages[FROZEN_STAGES:]:
            x = stage(x)
            levels.append(x)
        context = self.attention(self.to_context(x))
        deep = self.deep_side(levels[4]) + _twice(self.deep_down(context))
        deep = self.deep_norm(deep + self.deep_mix(deep))
        middle = self.middle_side(levels[2]) + _twice(self.middle_down(deep))
        middle = self.middle_norm(middle + self.middle_mix(middle))
        edges = torch.cat([F.pixel_unshuffle(levels[0], 2), F.pixel_unshuffle(pixels, 4)], 1)
        fine = self.fine_side(levels[1]) + _twice(self.fine_down(middle)) + self.fine_edges(edges)
        fine = self.fine_norm(fine + self.fine_mix(fine))
        batch, _, height, width = middle.shape
        similarity = self.similarity(middle).reshape(batch, HEADS, HEAD_DIM, height, width)
        similarity = F.normalize(similarity, dim=2).reshape(batch, HEADS * HEAD_DIM, height, width)
        middle = torch.cat([middle, similarity], 1).contiguous(memory_format=torch.channels_last)
        return {"context": context, "deep": deep, "middle": middle, "fine": fine}


class ModulatedResidual(nn.Module):
    """Residual block whose normalised input is scaled and shifted by what the prompt points at (FiLM, Perez 2018)."""

    def __init__(self, channels: int, narrow: int, dilation: int, summary: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.film = nn.Linear(summary, 2 * channels)
        self.first = _thin(channels, channels, narrow, dilation=dilation)
        self.second = _thin(channels, channels, narrow)

    def forward(self, x: Tensor, summary: Tensor) -> Tensor:
        """(P, C, h, w) features and (P, S) summaries of the prompts to (P, C, h, w)."""
        scale, shift = self.film(summary).chunk(2, 1)
        # Scaled and shifted by the norm itself, prompt by prompt: as a step of its own that costs as much as the norm.
        weights, biases = self.norm.weight * (1 + scale), self.norm.bias * (1 + scale) + shift
        normed = [
            F.layer_norm(pixels, self.norm.normalized_shape, weight, bias, self.norm.eps)
            for pixels, weight, bias in zip(x.permute(0, 2, 3, 1), weights, biases, strict=True)
        ]
        y = (normed[0][None] if len(normed) == 1 else torch.stack(normed)).permute(0, 3, 1, 2).relu_()
        added: Tensor = x + self.second(self.first(y).relu_())
        return added


class SecondLook(nn.Module):
    """A rough mask, and how much each pixel looks like what lies in it and around it.

    A prompt says little: the core of a box round a swan is water. What the deep layers make of it says more, and
    comparing the image with that costs a twentieth of asking the whole decoder again with the mask as a prompt. After
    the object-contextual representations of Yuan et al. 2020.
    """

    MAPS = 2 + 2 * HEADS

    def __init__(self, summary: int) -> None:
        super().__init__()
        self.rough = _conv(DEEP, 1)
        self.read_maps = _thin(self.MAPS, MIDDLE, self.MAPS)
        self.shortcut = _conv(self.MAPS, CANDIDATES)
        self.summary = nn.Linear(2 * (MIDDLE + HEADS * HEAD_DIM), summary)

    def forward(self, at_16: Tensor, middle: Tensor, per_image: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the second look adds, from (P, 96, h/2, w/2) features at stride 16.

        Returns:
            Rough logits (P, 1, h/2, w/2), and three terms: for the features (P, 64, h, w) and the masks (P, 4, h, w)
            at stride 8, and for the summaries (P, S).
        """
        rough = self.rough(at_16)
        mask = torch.sigmoid(_twice(rough)).reshape(-1, per_image, *middle.shape[2:])
        weights = sum_to_one(torch.stack([mask, surroundings(mask)], 2))
        pooled, alike = likeness(weights, middle)
        maps = torch.cat([torch.stack([mask, 4 * mask * (1 - mask)], 2), alike.flatten(2, 3)], 2).flatten(0, 1)
        maps = maps.contiguous(memory_format=torch.channels_last)
        return rough, self.read_maps(maps), self.shortcut(maps), self.summary(pooled.flatten(2).flatten(0, 1))


class Decoder(nn.Module):
    """Masks and scores for prompts on an encoded image."""

    SUMMARY = 256
    MAPS = 4 + 3 + 2 + GROUPS * HEADS

    def __init__(self) -> None:
        super().__init__()
        pooled = GROUPS * (MIDDLE + HEADS * HEAD_DIM) + CONTEXT + 6
        self.summary = nn.Sequential(
            nn.LayerNorm(pooled), nn.Linear(pooled, self.SUMMARY), nn.ReLU(), nn.Linear(self.SUMMARY, self.SUMMARY)
        )
        self.read_maps = _thin(self.MAPS, MIDDLE, MIDDLE // 2)
        self.go_deep = _thin(MIDDLE, DEEP, DEEP // 3, stride=2)
        self.deep_blocks = nn.ModuleList(
            ModulatedResidual(DEEP, DEEP // 3, dilation, self.SUMMARY) for dilation in (1, 2, 4)
        )
        self.attention = SelfAttention(DEEP, 3, 2, pooling=4)
        self.second_look = SecondLook(self.SUMMARY)
        self.to_middle = _conv(DEEP, MIDDLE)
        self.middle_block = ModulatedResidual(MIDDLE, MIDDLE // 2, 1, self.SUMMARY)
        self.to_fine = _conv(MIDDLE, FINE)
        self.fine_block = ModulatedResidual(FINE, FINE // 2, 1, self.SUMMARY)
        self.to_masks = nn.Sequential(
            ChannelNorm(FINE), nn.ReLU(inplace=True), _thin(FINE, 4 * CANDIDATES, 2 * CANDIDATES)
        )
        # Straight from the maps to the masks: the layers above only have to learn what a blob of like colour misses.
        self.shortcut = _conv(self.MAPS, CANDIDATES)
        self.judge = Judge(self.SUMMARY)

    def forward(self, features: dict[str, Tensor], prompts: PromptTensors) -> tuple[Tensor, Tensor, Tensor]:
        """Masks and scores of the prompts.

        Returns:
            Logits (B, O, 4, H/2, W/2) and scores (B, O, 4), of the single mask and then three candidates; and logits
            of the rough mask (B, O, 1, H/16, W/16), which only training looks at.
        """
        batch, per_image = prompts.labels.shape[:2]
        middle = features["middle"]
        maps, weights = prompt_maps(prompts, middle.shape[2], middle.shape[3])
        groups, alike = compare(weights, prompts.labels, middle)
        about = torch.cat([prompts.has_box, prompts.has_mask, *box_sizes(prompts, middle)]).reshape(6, batch, per_image)
        context = features["context"].mean((2, 3))[:, None].expand(-1, per_image, -1)
        summary = F.relu(self.summary(torch.cat([groups, context, about.permute(1, 2, 0)], 2).flatten(0, 1)))

        def spread(feature: Tensor) -> Tensor:
            return feature if per_image == 1 else feature.repeat_interleave(per_image, 0)

        maps = torch.cat([maps, alike], 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        at_8 = F.relu(spread(middle[:, :MIDDLE]) + self.read_maps(maps))
        at_16 = spread(features["deep"]) + self.go_deep(at_8)
        at_16 = self.attention(self.deep_blocks[0](at_16, summary))
        for block in self.deep_blocks[1:]:
            at_16 = block(at_16, summary)
        rough, seen, seen_masks, seen_summary = self.second_look(at_16, middle, per_image)
        summary = F.relu(summary + seen_summary)
        at_8 = at_8 + _twice(self.to_middle(at_16)) + seen
        fine, parts = features["fine"], (at_8, at_16, self.shortcut(maps) + seen_masks, summary)
        if self.training:
            logits, scores = self._look_closely(whole(rough), spread(fine), *parts)
        else:  # each prompt has a window of its own
            answers = [
                self._look_closely(window_of(mask[0, 0]), fine[index // per_image][None], *one)
                for index, (mask, *one) in enumerate(zip(*(part.split(1) for part in (rough, *parts)), strict=True))
            ]
            logits, scores = (torch.cat(part) for part in zip(*answers, strict=True))
        logits, scores, rough = (part.reshape(batch, per_image, *part.shape[1:]) for part in (logits, scores, rough))
        return logits, scores, rough

    def _look_closely(
        self, window: Window, fine: Tensor, at_8: Tensor, at_16: Tensor, blob: Tensor, summary: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits (P, 4, H/2, W/2) and scores (P, 4) from features at strides 4, 8 and 16 and masks at 8."""
        at_8 = self.middle_block(window.cut(at_8, 8), summary)
        at_4 = self.fine_block(window.cut(fine, 4) + _twice(self.to_fine(at_8)), summary)
        blob = window.cut(blob, 8).contiguous()  # Four channels are too few for channels last.
        blob = F.interpolate(blob, scale_factor=4.0, mode="bilinear", align_corners=False)
        logits = F.pixel_shuffle(self.to_masks(at_4), 2) + blob
        return window.put_back(logits, 2, OUTSIDE), self.judge(logits, at_4, at_16, summary, window)


class Judge(nn.Module):
    """Estimates the IoU of each mask with the object that was meant, from features inside, on and around the mask.

    No gradient flows from here into the masks: it ranks them as they are.
    """

    def __init__(self, summary: int) -> None:
        super().__init__()
        inputs = 2 * FINE + 2 * DEEP + summary + 3 + 2 * CANDIDATES
        self.layers = nn.Sequential(
            nn.LayerNorm(inputs), nn.Linear(inputs, 192), nn.ReLU(), nn.Linear(192, 192), nn.ReLU(), nn.Linear(192, 1)
        )

    def forward(self, logits: Tensor, at_4: Tensor, at_16: Tensor, summary: Tensor, window: Window) -> Tensor:
        """Scores (P, 4) in 0..1 of the window's logits (P, 4, 8 h, 8 w) and features (P, 32, 4 h, 4 w)."""
        logits, at_4, at_16, summary = logits.detach(), at_4.detach(), at_16.detach(), summary.detach()
        sure = torch.sigmoid(logits)
        # The mean of four pixels, six times as fast as by avg_pool2d.
        inside = (sure[..., ::2, ::2] + sure[..., ::2, 1::2] + sure[..., 1::2, ::2] + sure[..., 1::2, 1::2]) / 4
        border = 4 * inside * (1 - inside)
        inside_16 = window.put_back(F.avg_pool2d(inside, 4), 16, 0.0)
        inside_flat, border_flat = inside.flatten(2), border.flatten(2)
        # As shares of the image, of which the window holds all that counts.
        pixels = at_16.shape[2] * at_16.shape[3] * (STRIDE // 4) ** 2
        area, doubt = (part.sum(2, keepdim=True) / pixels for part in (inside_flat, border_flat))
        above, most = ((logits > level).sum((2, 3))[..., None] / (4 * pixels) for level in (1, -1))
        steady = above / (most + 1e-4)
        shared = inside_flat @ inside_flat.transpose(1, 2) / pixels
        overlap = shared / (area + area.transpose(1, 2) - shared + 1e-4)
        count = inside.shape[0]
        which = torch.eye(CANDIDATES, device=logits.device).expand(count, -1, -1)
        parts = [
            *_pool(at_4, inside, border),
            *_pool(at_16, inside_16, 1 - inside_16),
            summary[:, None].expand(-1, CANDIDATES, -1),
            area,
            doubt / (area + 1e-4),
            steady,
            overlap,
            which,
        ]
        return torch.sigmoid(self.layers(torch.cat(parts, 2))[..., 0])


class NanoNetwork(nn.Module):
    """Encoder and decoder together: what is trained, and what ``model.safetensors`` holds."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, pixels: Tensor, prompts: PromptTensors) -> tuple[Tensor, Tensor]:
        """Logits (B, O, 4, H/2, W/2) and scores (B, O, 4) in one go."""
        logits, scores, _ = self.decoder(self.encoder(pixels), prompts)
        return logits, scores


def _pool(features: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
    """(P, C, h, w) features averaged under several (P, M, h, w) weights: (P, M, C) each."""
    rows = torch.cat(weights, 1).flatten(2)
    pooled = rows @ features.flatten(2).transpose(1, 2) / (rows.sum(2, keepdim=True) + 1e-3)
    return pooled.chunk(len(weights), 1)


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def initialise(network: NanoNetwork) -> NanoNetwork:
    """The network, given fresh weights: He's for convolutions, small ones at the end of each residual branch."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, ModulatedResidual):
            nn.init.zeros_(module.second[-1].weight)  # type: ignore[arg-type]
            nn.init.trunc_normal_(module.film.weight, std=0.02 * module.film.in_features**-0.5)
        elif isinstance(module, SelfAttention):
            nn.init.zeros_(module.position.weight)
            nn.init.zeros_(module.out.weight)
            nn.init.zeros_(module.mlp[-1].weight)  # type: ignore[arg-type]
        elif isinstance(module, SecondLook):
            # Nothing at first: a rough mask has to be learned before it can help.
            for part in (module.rough, module.read_maps[-1], module.shortcut, module.summary):
                nn.init.zeros_(part.weight)  # type: ignore[arg-type]
        elif isinstance(module, Decoder):
            last = [part for part in module.to_masks.modules() if isinstance(part, nn.Conv2d)][-1]
            nn.init.trunc_normal_(last.weight, std=0.01)
            _begin_as_blobs(module.shortcut)
        elif isinstance(module, Judge):
            nn.init.zeros_(module.layers[-1].weight)  # type: ignore[arg-type]
    return network


def _begin_as_blobs(shortcut: nn.Conv2d) -> None:
    """Weights that give a mask from the start: what is near or like what was included, and not what was excluded."""
    places = torch.tensor([1.0, 3.0, -1.0, -3.0, 2.5, 1.5, 0.0, 4.0, 0.0])
    likeness = torch.tensor([0.5, -0.5, 0.3, -0.3, 0.3, -0.3]).repeat_interleave(HEADS)
    widths = torch.tensor([1.0, 0.8, 1.0, 1.2])
    with torch.no_grad():
        shortcut.weight.copy_((widths[:, None] * torch.cat([places, likeness]))[..., None, None])
        assert shortcut.bias is not None
        shortcut.bias.fill_(-3.0)
