"""What each step of a prediction is, in one sentence for a student. ``inside`` is the only caller."""

from __future__ import annotations

_ATTENTION = (
    "In each head, how much each prompt token reads of each cell of the image; the numbers of one token add up to 1."
)
_TOKENS = "The prompt tokens after layer {}: each now knows a little of the image and of the others."
_IMAGE_TOKENS = "The features of the image after layer {}: each cell now knows a little of the prompt."
# Checkpoints of SAM have two layers; others may have more.
_LAYERS_MAX = 12

SENTENCES: dict[str, str] = {
    "pixels": "The image: red, green and blue, 0 to 255, for each pixel.",
    "fine features": "What the encoder computed at a quarter of the input's resolution: edges.",
    "features": "What the encoder computed of the image: numbers for each cell. They are the same for all prompts.",
    "finer features": "What the encoder computed at twice the resolution, for sharper outlines.",
    "finest features": "What the encoder computed at four times the resolution, for sharper outlines.",
    "HQ features": "What SAM-HQ takes from early and late layers of the encoder, for sharper outlines.",
    "deep features": "What the encoder computed at a sixteenth of the input's resolution: parts of objects.",
    "context": "What the encoder computed at a thirty-second of the input's resolution: the scene.",
    "prompt maps": "The prompt as maps: near an included point, near an excluded point, in the box, in the mask.",
    "similarity": "How much each cell looks like what the prompt points at: four measures for each part of the prompt.",
    "summary": "The prompt and what it points at as one list of numbers, which sets the scale of later features.",
    "prompted features": "Features of the image that know the prompt, after the attention.",
    "attention": "How much each cell reads of each area of the image; the numbers of one cell add up to 1.",
    "coarse mask": "A first mask as logits, at a sixteenth of the input's resolution. It says where to look closely.",
    "tokens": "The prompt as tokens: the network's own, then one for each point and each corner of the box.",
    "mask features": "The mask of the prompt as features, which are added to those of the image.",
    "final attention": _ATTENTION,
    "final tokens": "The prompt tokens after all layers. Those of the masks say what to look for in each pixel.",
    "upscaled features": "Features that know the prompt, at four times the resolution of the features.",
    "last features": "The features that the last layer reads, at a quarter of the input's resolution.",
    "last weights": "The weights of the last layer: 16 outputs, each of 8 features of a cell and its two neighbours.",
    "last biases": "A number for each of the 16 outputs, which are four masks with four pixels for each cell.",
    "mask vectors": "Numbers for each candidate. Their product with the features of a pixel is the pixel's logit.",
    "all candidates": "The logits of all masks that the network makes: the single mask first, then the candidates.",
    "all scores": "The network's own estimate of the IoU of each of these masks.",
    "candidates": "The logits of the three candidates, from a part to the whole. nano's stray islands are removed.",
    "scores": "The network's own estimate of the IoU of each candidate.",
    "logits": "The logits of the candidate that was chosen, before the threshold.",
    "full-size logits": "The same logits, scaled up to the size of the image.",
    "mask": "The result: True where the logit is above the threshold 0.",
}
for _layer in range(1, _LAYERS_MAX + 1):
    SENTENCES |= {
        f"attention {_layer}": _ATTENTION,
        f"tokens {_layer}": _TOKENS.format(_layer),
        f"image tokens {_layer}": _IMAGE_TOKENS.format(_layer),
    }
