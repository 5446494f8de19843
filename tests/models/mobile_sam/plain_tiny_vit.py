"""TinyViT as its paper describes it, on the official weights: slow, a window after the other, batch norms apart."""

from functools import cache

import torch
import torch.nn.functional as F


@cache
def distances_in(side):
    """(side ** 2, side ** 2): side x distance down + distance across, of each two tokens of a window."""
    tokens = [(y, x) for y in range(side) for x in range(side)]
    return torch.tensor([[abs(y - v) * side + abs(x - u) for v, u in tokens] for y, x in tokens])


def plain_tiny_vit(weights, pixels, windows=(7, 14, 7)):
    """(1, out channels, h, w) of a (1, 3, 16 h, 16 w) image."""
    weights = {name.removeprefix("image_encoder."): tensor for name, tensor in weights.items()}

    def convolution(name, x, stride=1):
        kernel = weights[f"{name}.c.weight"]
        groups = 1 if kernel.shape[1] == x.shape[1] else x.shape[1]
        x = F.conv2d(x, kernel, stride=stride, padding=kernel.shape[2] // 2, groups=groups)
        mean, variance, weight, bias = (
            weights[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, variance, weight, bias, eps=1e-5)

    def three(name, x, stride):
        x = F.gelu(convolution(f"{name}.conv1", x))
        return convolution(f"{name}.conv3", F.gelu(convolution(f"{name}.conv2", x, stride)))

    def norm(name, x, eps=1e-5):  # over the last axis
        return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps)

    def linear(name, x):
        return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def attention(name, tokens, side):
        """(side ** 2, C) tokens of one window."""
        table = weights[f"{name}.attention_biases"]
        distances = distances_in(side)
        by_head = linear(f"{name}.qkv", norm(f"{name}.norm", tokens)).view(len(tokens), len(table), 3, -1)
        outs = []
        for head, biases in enumerate(table):
            query, key, value = by_head[:, head].unbind(1)
            scores = query @ key.T * query.shape[1] ** -0.5 + biases[distances]
            outs.append(scores.softmax(1) @ value)
        return linear(f"{name}.proj", torch.cat(outs, 1))

    def windowed(name, x, side):
        height, width, channels = x.shape
        padded = F.pad(x, (0, 0, 0, -width % side, 0, -height % side))
        out = torch.zeros_like(padded)
        for top in range(0, len(padded), side):
            for left in range(0, padded.shape[1], side):
                window = padded[top : top + side, left : left + side].reshape(-1, channels)
                out[top : top + side, left : left + side] = attention(name, window, side).view(side, side, -1)
        return out[:height, :width]

    x = convolution("patch_embed.seq.2", F.gelu(convolution("patch_embed.seq.0", pixels, 2)), 2)
    for stage in range(4):
        for block in range(sum(f"layers.{stage}.blocks.{index}.mlp.fc1.bias" in weights for index in range(9)) or 1):
            name = f"layers.{stage}.blocks.{block}"
            if stage == 0:
                x = F.gelu(x + three(name, x, 1))
                continue
            tokens = x[0].permute(1, 2, 0)
            tokens = tokens + windowed(f"{name}.attn", tokens, windows[stage - 1])
            tokens = convolution(f"{name}.local_conv", tokens.permute(2, 0, 1)[None])[0].permute(1, 2, 0)
            hidden = F.gelu(linear(f"{name}.mlp.fc1", norm(f"{name}.mlp.norm", tokens)))
            x = (tokens + linear(f"{name}.mlp.fc2", hidden)).permute(2, 0, 1)[None]
        if stage < 3:
            x = three(f"layers.{stage}.downsample", x, 1 if stage == 2 else 2)
    x = F.conv2d(x, weights["neck.0.weight"])
    x = norm("neck.1", x.permute(0, 2, 3, 1), 1e-6).permute(0, 3, 1, 2)
    x = F.conv2d(x, weights["neck.2.weight"], padding=1)
    return norm("neck.3", x.permute(0, 2, 3, 1), 1e-6).permute(0, 3, 1, 2)
