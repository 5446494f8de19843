"""What SAM-HQ's masks take from the image alone: two depths of the encoder, at four times the embedding's resolution.

These are ``hq_features`` of transformers' ``SamHQMaskDecoder``, which computes them again at each call; in the paper
the global-local fusion without the mask decoder's part. ``SamHqSegmenter`` computes them once an image, with the
model's own layers. A transposed convolution of kernel 2 x 2 and stride 2 looks at one token at a time, so rows of
tokens are pieces that threads share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from samwidget.models.threads import run_in_threads

if TYPE_CHECKING:
    from transformers.models.sam_hq.modeling_sam_hq import SamHQMaskDecoder

# Rows of tokens that a thread takes at a time: their hidden layer is 1 MB.
_ROWS_AT_ONCE = 4


def hq_features(decoder: SamHQMaskDecoder, embedding: Tensor, early: Tensor, threads: int) -> Tensor:
    """(1, C2, 4 h, 4 w) float32 features of an image.

    Args:
        decoder: whose layers compute; C2 are the output channels of ``mask_conv2``.
        embedding: (1, C, h, w) float32, what the encoder made of the image.
        early: (1, C1, h, w) float32, the image tokens behind the encoder's first layer of global attention.
        threads: that share the work; 1 on a GPU.
    """
    height, width = embedding.shape[2:]
    channels = decoder.encoder_conv2.out_channels
    out = embedding.new_empty(1, channels, 4 * height, 4 * width)

    def fill(rows: slice) -> None:
        late = decoder.activation(decoder.encoder_norm(decoder.encoder_conv1(embedding[:, :, rows])))
        first = decoder.activation(decoder.compress_vit_norm(decoder.compress_vit_conv1(early[:, :, rows])))
        total = decoder.encoder_conv2(late) + decoder.compress_vit_conv2(first)
        out[:, :, 4 * rows.start : 4 * rows.stop] = total

    step = _ROWS_AT_ONCE if embedding.device.type == "cpu" else height
    pieces = [slice(start, min(start + step, height)) for start in range(0, height, step)]
    if threads == 1:
        for rows in pieces:
            fill(rows)
    else:
        run_in_threads(fill, pieces, threads)
    return out
