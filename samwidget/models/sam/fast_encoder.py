"""SAM's image encoder for one image at a time: the same sums as transformers' ``SamVisionEncoder``, in another order.

Replaces ``SamVisionEncoder.forward`` with the model's own weights; nothing is converted, dropped or approximated. A
SAM encoder is a vision transformer. Most of its layers attend within windows of 14 x 14 tokens, a few globally. Owns
the order of the computation and its pieces; ``encoder_attention`` computes attention, ``linear`` the matrix products,
and preprocessing is ``segmenter``'s, the only caller. What is different from transformers:

- The work is cut into pieces, tiles of tokens or heads or windows, which threads of our own share; a piece's numbers
  stay in the cache of its core. There is no other use of threads.
- Windows of 14 x 14 do not divide 64 x 64 tokens, so transformers pads them to 70 x 70 and projects 4900 instead of
  4096. Here only real tokens are projected: a padded token is zero, so its query, key and value are the bias.
- The weights of a layer are packed just before it computes, where that makes products faster. It costs a hundredth of
  the time, and no memory when the layer is done; and weights that somebody changes are always the ones in use.
- The tokens, to which every layer adds, are float32 whatever the precision of the layers' weights, and so are patch
  embedding and neck.

Symbols: M tokens on a grid of height x width, C channels, H heads of d channels each.

The same code runs on CUDA and MPS, each step as one piece. It has been run on CUDA, not on MPS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samwidget.models.sam.encoder_attention import attend_globally, attend_in_windows
from samwidget.models.sam.linear import Linear, prepare
from samwidget.models.threads import run_in_threads, thread_count

if TYPE_CHECKING:
    from transformers import SamHQModel, SamModel
    from transformers.models.sam.modeling_sam import SamVisionEncoder, SamVisionLayer
    from transformers.models.sam_hq.modeling_sam_hq import SamHQVisionEncoder

Item = TypeVar("Item")
Result = TypeVar("Result")

# Tokens in a tile, at most; its hidden layer is 3 MB for ViT-B. 128 to 512 were equally fast.
_TOKENS_AT_ONCE = 256
# Pieces of global attention for each head. Each prepares keys, values and positions of its head again, in a hundredth
# of its time; with 12 heads, 48 pieces keep 16 cores busy.
_PIECES_OF_A_HEAD = 4


def reason_not_covered(model: SamModel | SamHQModel) -> str:
    """Why this module cannot compute the encoder of ``model``, as half a sentence; empty where it can."""
    encoder = model.vision_encoder
    if type(encoder).__name__ not in ("SamVisionEncoder", "SamHQVisionEncoder"):
        return f"its encoder is a {type(encoder).__name__}"
    for name, module in encoder.named_modules():
        # Adapters and quantisation replace layers by their own classes.
        if type(module) in (nn.Conv2d, nn.LayerNorm, nn.Linear, nn.ModuleList, nn.Dropout, nn.ReLU, nn.GELU):
            pass
        elif not type(module).__module__.startswith("transformers."):
            return f"vision_encoder.{name} is a {type(module).__module__}.{type(module).__name__}"
        if module._forward_hooks or module._forward_pre_hooks:
            return f"vision_encoder.{name} has hooks"
    projection = encoder.patch_embed.projection
    if projection.kernel_size != projection.stride or projection.kernel_size[0] != projection.kernel_size[1]:
        return "its patches overlap or are not square"
    grid_side = next(iter(encoder.patch_embed.image_size)) // projection.kernel_size[0]
    for index, layer in enumerate(_layers(encoder)):
        side = layer.window_size or grid_side
        table = getattr(layer.attn, "rel_pos_h", None)
        if table is not None and (len(table) != 2 * side - 1 or len(layer.attn.rel_pos_w) != 2 * side - 1):
            return f"layer {index} has relative positions of another size"
    return ""


class SamEncoder:
    """Encodes images; holds no memory beside the weights.

    Args:
        encoder: of a ``SamModel`` for which ``reason_not_covered`` is empty. Its weights are read at each call, on
            their device; those of its ``layers`` may be float16 or bfloat16.
    """

    def __init__(self, encoder: SamVisionEncoder | SamHQVisionEncoder) -> None:
        self._encoder = encoder

    def __call__(
        self, pixels: Tensor, *, threads: int | None = None, after_layer: Callable[[int, Tensor], None] | None = None
    ) -> Tensor:
        """(1, output channels, height, width) embedding of a (1, 3, input height, input width) normalised image.

        Args:
            pixels: as ``SamModel`` takes them, float32, on the device of the weights.
            threads: as ``thread_count`` takes it; of no effect on a GPU.
            after_layer: called with the index of each layer and the (M, C) tokens behind it, which the next changes.
        """
        patch_side = int(self._encoder.patch_embed.projection.kernel_size[0])
        grid_hw = pixels.shape[2] // patch_side, pixels.shape[3] // patch_side
        pieces = _Pieces(grid_hw, pixels.device, threads)
        tokens = self._embed_patches(pixels, patch_side, pieces)
        for index, layer in enumerate(_layers(self._encoder)):
            _add_layer(layer, tokens, pieces)
            if after_layer is not None:
                after_layer(index, tokens)
        return self._neck(tokens, pieces)

    def _embed_patches(self, pixels: Tensor, side: int, pieces: _Pieces) -> Tensor:
        """(M, C) float32 tokens: each patch of the image, projected, with the embedding of its position."""
        height, width = pieces.grid_hw
        projection, positions = self._encoder.patch_embed.projection, self._encoder.pos_embed
        (embed,) = pieces.prepare((projection.weight.flatten(1), projection.bias))
        patches = pixels[0].view(-1, height, side, width, side).permute(1, 3, 0, 2, 4)
        tokens = pixels.new_empty(height * width, projection.out_channels)

        def fill(rows: slice) -> None:
            tile = embed(patches[rows].reshape(-1, projection.weight[0].numel()))
            if positions is not None:
                tile = tile + positions[0, rows].flatten(0, 1)
            tokens[pieces.tokens(rows)] = tile

        pieces.compute(fill, pieces.row_tiles)
        return tokens

    def _neck(self, tokens: Tensor, pieces: _Pieces) -> Tensor:
        """(1, output channels, height, width) embedding: a 1 x 1 and a 3 x 3 convolution of the tokens."""
        height, width = pieces.grid_hw
        neck = self._encoder.neck
        narrow, mix = pieces.prepare(
            (neck.conv1.weight.flatten(1), neck.conv1.bias),
            # One product for a token and its eight neighbours, which lie side by side.
            (neck.conv2.weight.permute(0, 2, 3, 1).flatten(1), neck.conv2.bias),
        )
        channels = neck.conv1.out_channels
        padded = tokens.new_zeros(height + 2, width + 2, channels)
        out = tokens.new_empty(1, channels, height, width)

        def fill_narrow(rows: slice) -> None:
            tile = _normalised(narrow(tokens[pieces.tokens(rows)]), neck.layer_norm1)
            padded[rows.start + 1 : rows.stop + 1, 1:-1] = tile.view(-1, width, channels)

        def fill_out(rows: slice) -> None:
            neighbours = [padded[rows.start + y : rows.stop + y, x : x + width] for y in range(3) for x in range(3)]
            tile = _normalised(mix(torch.cat(neighbours, dim=-1).flatten(0, 1)), neck.layer_norm2)
            out[0, :, rows] = tile.view(-1, width, channels).permute(2, 0, 1)

        pieces.compute(fill_narrow, pieces.row_tiles)
        pieces.compute(fill_out, pieces.row_tiles)
        return out


class _Pieces:
    """How the work on a grid of tokens is cut, and who computes the pieces: threads on a CPU; on a GPU there is one.

    Args:
        grid_hw: height and width of the grid.
        device: that computes.
        threads: as ``thread_count`` takes it.

    Attributes:
        grid_hw: as given.
        on_cpu: whether the work is cut.
        row_tiles: rows of the grid that a thread takes at a time.
        tokens_in_tile: how many tokens these are, at most.
    """

    def __init__(self, grid_hw: tuple[int, int], device: torch.device, threads: int | None) -> None:
        height, width = self.grid_hw = grid_hw
        self.on_cpu = device.type == "cpu"
        self._threads = thread_count(threads) if self.on_cpu else 1
        # As many tiles for each thread, or the last would wait for one of them.
        rounds = -(-height * width // (_TOKENS_AT_ONCE * self._threads))
        self.row_tiles = _cut(height, rounds * self._threads if self.on_cpu else 1)
        self.tokens_in_tile = self.row_tiles[0].stop * width

    def prepare(self, *layers: tuple[Tensor, Tensor | None] | tuple[Tensor, Tensor | None, bool]) -> list[Linear]:
        """The linear layers to apply to a tile, given as ``linear.prepare`` takes them: weight, bias, with GELU."""
        return self.compute(lambda layer: prepare(self.tokens_in_tile, *layer), layers)

    def tokens(self, rows: slice) -> slice:
        """The tokens in these rows of the grid."""
        return slice(rows.start * self.grid_hw[1], rows.stop * self.grid_hw[1])

    def compute(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """What ``function`` returns for each item, in order."""
        if self.on_cpu:
            return run_in_threads(function, items, self._threads)
        return [function(item) for item in items]


def _add_layer(layer: SamVisionLayer, tokens: Tensor, pieces: _Pieces) -> None:
    """Adds to the (M, C) float32 tokens what a layer makes of them."""
    attention, mlp = layer.attn, layer.mlp
    dtype = attention.qkv.weight.dtype
    with_gelu = _is_exact_gelu(mlp.act)
    project_in, project_out, widen, narrow = pieces.prepare(
        (attention.qkv.weight, attention.qkv.bias),
        (attention.proj.weight, attention.proj.bias),
        (mlp.lin1.weight, mlp.lin1.bias, with_gelu),
        (mlp.lin2.weight, mlp.lin2.bias),
    )
    heads = int(attention.num_attention_heads)
    qkv = tokens.new_empty((3, heads, len(tokens), attention.qkv.out_features // 3 // heads), dtype=dtype)

    def fill_qkv(rows: slice) -> None:
        part = pieces.tokens(rows)
        by_token = project_in(_normalised(tokens[part], layer.layer_norm1).to(dtype)).view(-1, 3, heads, qkv.shape[-1])
        qkv[:, :, part] = by_token.permute(1, 2, 0, 3)

    pieces.compute(fill_qkv, pieces.row_tiles)
    attended = _attend(layer, qkv, pieces)

    def add_rest(rows: slice) -> None:
        part = pieces.tokens(rows)
        tile = tokens[part]
        tile += project_out(attended[part])
        hidden = widen(_normalised(tile, layer.layer_norm2).to(dtype))
        tile += narrow(hidden if with_gelu else mlp.act(hidden))

    pieces.compute(add_rest, pieces.row_tiles)


def _attend(layer: SamVisionLayer, qkv: Tensor, pieces: _Pieces) -> Tensor:
    """(M, C) attention of a layer, before the output projection.

    Args:
        layer: of the encoder.
        qkv: (3, H, M, d) queries, keys and values.
        pieces: of the grid.
    """
    height, width = pieces.grid_hw
    heads, count, depth = qkv.shape[1:]
    attention = layer.attn
    out = qkv.new_empty((count, heads, depth))
    if layer.window_size:
        side = int(layer.window_size)
        bias = _qkv_bias(layer)
        padding = qkv.new_zeros((3, heads, 1, 1, depth)) if bias is None else bias.view(3, heads, 1, 1, depth)
        windows_hw = -(-height // side), -(-width // side)
        down, across = (_cut(windows, windows if pieces.on_cpu else 1) for windows in windows_hw)
        grid, grid_out = qkv.view(3, heads, height, width, depth), out.view(height, width, heads, depth)
        pieces.compute(
            lambda it: attend_in_windows(attention, grid, padding, side, *it, grid_out),
            [(rows, columns) for rows in down for columns in across],
        )
    else:
        pieces.compute(
            lambda it: attend_globally(attention, qkv, (height, width), *it, out),
            [
                (rows, head)
                for head in _cut(heads, heads if pieces.on_cpu else 1)
                for rows in _cut(height, _PIECES_OF_A_HEAD if pieces.on_cpu else 1)
            ],
        )
    return out.view(count, -1)


def _cut(length: int, count: int) -> list[slice]:
    """At most ``count`` slices of equal length, but for the last, which together are ``length`` long."""
    step = max(1, -(-length // count))
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def _normalised(tokens: Tensor, norm: nn.LayerNorm) -> Tensor:
    """The (n, C) float32 tokens after a layer norm over their channels, whose weights may be of another precision."""
    return F.layer_norm(tokens, tokens.shape[-1:], norm.weight.float(), norm.bias.float(), norm.eps)


def _layers(encoder: SamVisionEncoder | SamHQVisionEncoder) -> Iterable[SamVisionLayer]:
    return cast("Iterable[SamVisionLayer]", encoder.layers)  # a ModuleList does not know the type of its modules


def _qkv_bias(layer: SamVisionLayer) -> Tensor | None:
    return cast("Tensor | None", layer.attn.qkv.bias)  # torch's annotation forgets bias=False


def _is_exact_gelu(activation: nn.Module) -> bool:
    # The "gelu" of transformers is a class of its own around torch's function.
    return type(activation).__name__ in ("GELU", "GELUActivation") and getattr(activation, "act", F.gelu) is F.gelu
