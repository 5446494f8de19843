"""The decoder of ``nano``, run for each prompt on an encoded image.

It is convolutional and reads the prompt as maps: where the clicks and the box are, and how similar each pixel is to
what they point at (``prompt_maps``). A coarse mask at stride 16 then gives the context for finer layers, which compute
only the part of the image where the object can be (``window``).

Names of attributes are keys of the shipped weights and of training snapshots: they must not change.

Shapes in the comments: B images, O prompts for each image, P = B * O, N points in a prompt, S numbers that summarise a
prompt, and (h, w) the size of the input divided by the stride 8.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samwidget.models.nano.layers import (
    CONTEXT,
    DEEP,
    FINE,
    MIDDLE,
    ChannelNorm,
    SelfAttention,
    conv,
    factored_conv,
    upsample_2x,
)
from samwidget.models.nano.prompt_maps import (
    GROUPS,
    HEAD_DIM,
    HEADS,
    PromptTensors,
    normalise_weights,
    prompt_maps,
    prompt_similarity,
    prompt_statistics,
    region_similarity,
    surroundings,
)
from samwidget.models.nano.window import OUTSIDE_LOGIT, STRIDE, Window, full_window, is_small, window_of

CANDIDATES = 4
"""The single mask, then the three of ``multimask_output``."""


class ModulatedResidual(nn.Module):
    """A residual block whose normalised input is scaled and shifted by the summary of the prompt.

    This is FiLM (Perez et al. 2018, https://arxiv.org/abs/1709.07871).
    """

    def __init__(self, channels: int, between: int, dilation: int, summary: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.film = nn.Linear(summary, 2 * channels)
        self.first = factored_conv(channels, channels, between, dilation=dilation)
        self.second = factored_conv(channels, channels, between)

    def forward(self, x: Tensor, summary: Tensor) -> Tensor:
        """(P, C, h, w) features and (P, S) summaries of the prompts to (P, C, h, w)."""
        scale, shift = self.film(summary).chunk(2, 1)
        # The norm itself scales and shifts, prompt by prompt: a step of its own would cost as much as the norm.
        weights, biases = self.norm.weight * (1 + scale), self.norm.bias * (1 + scale) + shift
        normed = [
            F.layer_norm(pixels, self.norm.normalized_shape, weight, bias, self.norm.eps)
            for pixels, weight, bias in zip(x.permute(0, 2, 3, 1), weights, biases, strict=True)
        ]
        y = (normed[0][None] if len(normed) == 1 else torch.stack(normed)).permute(0, 3, 1, 2).relu_()
        added: Tensor = x + self.second(self.first(y).relu_())
        return added


class ObjectContext(nn.Module):
    """A coarse mask, and how similar each pixel is to what lies inside and around it.

    The prompt alone says little: the core of a box around a swan may be water. The coarse mask says more, and to
    compare the image with it costs a twentieth of a second pass through the decoder with the mask as a prompt. This is
    after the object-contextual representations of Yuan et al. 2020 (https://arxiv.org/abs/1909.11065).
    """

    MAPS = 2 + 2 * HEADS

    def __init__(self, summary: int) -> None:
        super().__init__()
        self.rough = conv(DEEP, 1)
        self.read_maps = factored_conv(self.MAPS, MIDDLE, self.MAPS)
        self.shortcut = conv(self.MAPS, CANDIDATES)
        self.summary = nn.Linear(2 * (MIDDLE + HEADS * HEAD_DIM), summary)

    def forward(self, at_16: Tensor, middle: Tensor, per_image: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The coarse mask, and the terms that its context adds.

        Args:
            at_16: (P, 96, h/2, w/2) features at stride 16.
            middle: (B, 160, h, w) features of the encoder.
            per_image: O, the number of prompts for each image.

        Returns:
            Coarse logits (P, 1, h/2, w/2), and three terms: for the features (P, 64, h, w) and the masks (P, 4, h, w)
            at stride 8, and for the summaries (P, S).
        """
        coarse = self.rough(at_16)
        mask = torch.sigmoid(upsample_2x(coarse)).reshape(-1, per_image, *middle.shape[2:])
        weights = normalise_weights(torch.stack([mask, surroundings(mask)], 2))
        pooled, similarity = region_similarity(weights, middle)
        maps = torch.cat([torch.stack([mask, 4 * mask * (1 - mask)], 2), similarity.flatten(2, 3)], 2).flatten(0, 1)
        maps = maps.contiguous(memory_format=torch.channels_last)
        return coarse, self.read_maps(maps), self.shortcut(maps), self.summary(pooled.flatten(2).flatten(0, 1))


class ScoreHead(nn.Module):
    """Estimates the IoU of each mask with the object that was meant, from features inside, on and around the mask.

    No gradient flows from here into the masks: the head ranks them as they are.
    """

    def __init__(self, summary: int) -> None:
        super().__init__()
        inputs = 2 * FINE + 2 * DEEP + summary + 3 + 2 * CANDIDATES
        self.layers = nn.Sequential(
            nn.LayerNorm(inputs), nn.Linear(inputs, 192), nn.ReLU(), nn.Linear(192, 192), nn.ReLU(), nn.Linear(192, 1)
        )

    def forward(self, logits: Tensor, at_4: Tensor, at_16: Tensor, summary: Tensor, window: Window) -> Tensor:
        """Scores (P, 4) in [0, 1].

        Args:
            logits: (P, 4, 4 h, 4 w) masks in the window, at stride 2.
            at_4: (P, 32, 2 h, 2 w) features in the window, at stride 4.
            at_16: (P, 96, h/2, w/2) features of the complete image, at stride 16.
            summary: (P, S).
            window: where the masks are.
        """
        logits, at_4, at_16, summary = logits.detach(), at_4.detach(), at_16.detach(), summary.detach()
        probability = torch.sigmoid(logits)
        # The mean of four pixels, written out: seven times as fast as avg_pool2d.
        row_pairs = probability[..., ::2, :] + probability[..., 1::2, :]
        inside = (row_pairs[..., ::2] + row_pairs[..., 1::2]) / 4
        border = 4 * inside * (1 - inside)
        inside_16 = window.pad(F.avg_pool2d(inside, 4), 16, 0.0)
        inside_flat, border_flat = inside.flatten(2), border.flatten(2)
        # Areas are shares of the complete image; outside the window there is no mask.
        pixels = at_16.shape[2] * at_16.shape[3] * (STRIDE // 4) ** 2
        area, uncertain_area = (part.sum(2, keepdim=True) / pixels for part in (inside_flat, border_flat))
        # Compared into floats: their sum is four times as fast as that of bools.
        above_levels = (torch.gt(logits, level, out=torch.empty_like(logits)) for level in (1, -1))
        area_above, area_below = (
            above.sum((2, 3), dtype=torch.float32)[..., None] / (4 * pixels) for above in above_levels
        )
        stability = area_above / (area_below + 1e-4)
        intersection = inside_flat @ inside_flat.transpose(1, 2) / pixels
        iou = intersection / (area + area.transpose(1, 2) - intersection + 1e-4)
        candidate = torch.eye(CANDIDATES, device=logits.device, dtype=torch.float32).expand(inside.shape[0], -1, -1)
        parts = [
            *_pool(at_4, inside, border),
            *_pool(at_16, inside_16, 1 - inside_16),
            summary[:, None].expand(-1, CANDIDATES, -1),
            area,
            uncertain_area / (area + 1e-4),
            stability,
            iou,
            candidate,
        ]
        return torch.sigmoid(self.layers(torch.cat(parts, 2))[..., 0])


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
        self.read_maps = factored_conv(self.MAPS, MIDDLE, MIDDLE // 2)
        self.go_deep = factored_conv(MIDDLE, DEEP, DEEP // 3, stride=2)
        self.deep_blocks = nn.ModuleList(
            ModulatedResidual(DEEP, DEEP // 3, dilation, self.SUMMARY) for dilation in (1, 2, 4)
        )
        self.attention = SelfAttention(DEEP, 3, 2, pooling=4)
        self.second_look = ObjectContext(self.SUMMARY)
        self.to_middle = conv(DEEP, MIDDLE)
        self.middle_block = ModulatedResidual(MIDDLE, MIDDLE // 2, 1, self.SUMMARY)
        self.to_fine = conv(MIDDLE, FINE)
        self.fine_block = ModulatedResidual(FINE, FINE // 2, 1, self.SUMMARY)
        self.to_masks = nn.Sequential(
            ChannelNorm(FINE), nn.ReLU(inplace=True), factored_conv(FINE, 4 * CANDIDATES, 2 * CANDIDATES)
        )
        # From the maps straight to the masks: the layers above learn only what "near and similar" gets wrong.
        self.shortcut = conv(self.MAPS, CANDIDATES)
        self.judge = ScoreHead(self.SUMMARY)

    def forward(self, features: dict[str, Tensor], prompts: PromptTensors) -> tuple[Tensor, Tensor, Tensor]:
        """Masks and scores of the prompts.

        Args:
            features: what ``Encoder`` returned for B images.
            prompts: O for each image.

        Returns:
            Logits (B, O, 4, H/2, W/2) and scores (B, O, 4), of the single mask and then of three candidates; and logits
            of the coarse mask (B, O, 1, H/16, W/16), which only training uses.
        """
        batch, per_image = prompts.labels.shape[:2]
        middle = features["middle"]
        maps, weights = prompt_maps(prompts, middle.shape[2], middle.shape[3])
        groups, similarity = prompt_similarity(weights, prompts.labels, middle)
        statistics = torch.cat([prompts.has_box, prompts.has_mask, *prompt_statistics(prompts, middle)])
        statistics = statistics.reshape(6, batch, per_image).permute(1, 2, 0)
        context = features["context"].mean((2, 3))[:, None].expand(-1, per_image, -1)
        summary = F.relu(self.summary(torch.cat([groups, context, statistics], 2).flatten(0, 1)))

        def for_each_prompt(feature: Tensor) -> Tensor:
            return feature if per_image == 1 else feature.repeat_interleave(per_image, 0)

        maps = torch.cat([maps, similarity], 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        at_8 = F.relu(for_each_prompt(middle[:, :MIDDLE]) + self.read_maps(maps))
        at_16 = for_each_prompt(features["deep"]) + self.go_deep(at_8)
        at_16 = self.attention(self.deep_blocks[0](at_16, summary))
        for block in self.deep_blocks[1:]:
            at_16 = block(at_16, summary)
        coarse, context_features, context_masks, context_summary = self.second_look(at_16, middle, per_image)
        summary = F.relu(summary + context_summary)
        at_8 = at_8 + upsample_2x(self.to_middle(at_16)) + context_features
        fine, parts = features["fine"], (at_8, at_16, self.shortcut(maps) + context_masks, summary)
        if self.training or is_small(coarse):
            logits, scores = self._decode_window(full_window(coarse), for_each_prompt(fine), *parts)
        else:  # each prompt has its own window
            decoded = [
                self._decode_window(window_of(mask[0, 0]), fine[index // per_image][None], *of_prompt)
                for index, (mask, *of_prompt) in enumerate(
                    zip(*(part.split(1) for part in (coarse, *parts)), strict=True)
                )
            ]
            logits, scores = decoded[0] if len(decoded) == 1 else map(torch.cat, zip(*decoded, strict=True))
        logits, scores, coarse = (part.reshape(batch, per_image, *part.shape[1:]) for part in (logits, scores, coarse))
        return logits, scores, coarse

    def _decode_window(
        self, window: Window, fine: Tensor, at_8: Tensor, at_16: Tensor, mask_terms: Tensor, summary: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits (P, 4, H/2, W/2) and scores (P, 4), computed in the window only.

        Args:
            window: the part of the image that the finer layers compute.
            fine: (P, 32, H/4, W/4) features of the encoder.
            at_8: (P, 64, h, w) features.
            at_16: (P, 96, h/2, w/2) features.
            mask_terms: (P, 4, h, w) what the shortcuts add to the logits.
            summary: (P, S).
        """
        at_8 = self.middle_block(window.crop(at_8, 8).contiguous(memory_format=torch.channels_last), summary)
        at_4 = self.fine_block(window.crop(fine, 4) + upsample_2x(self.to_fine(at_8)), summary)
        mask_terms = window.crop(mask_terms, 8).contiguous()  # channels last is slow for four channels
        mask_terms = F.interpolate(mask_terms, scale_factor=4.0, mode="bilinear", align_corners=False)
        # In this order the sum is channels first, as mask_terms are: four masks, each in one block of memory.
        logits = mask_terms + F.pixel_shuffle(self.to_masks(at_4), 2)
        return window.pad(logits, 2, OUTSIDE_LOGIT), self.judge(logits, at_4, at_16, summary, window)


def _pool(features: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
    """(P, C, h, w) features averaged under several (P, M, h, w) weights: (P, M, C) each."""
    rows = torch.cat(weights, 1).flatten(2)
    pooled = rows @ features.flatten(2).transpose(1, 2) / (rows.sum(2, keepdim=True) + 1e-3)
    return pooled.chunk(len(weights), 1)
