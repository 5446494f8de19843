"""Records what SAM, SAM-HQ and SAM 2 compute for a prompt, with hooks on the layers of their decoder.

The decoder that makes the masks never computes the image tokens, which is why it is fast (``low_rank``). So the
recording runs transformers' layers, to which ``BaseSegmenter`` falls back for prompts of many points: they give the
same logits, up to rounding. Called by ``models.recording``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from samwidget.core import INCLUDE, Prompt
from samwidget.models.layer_calls import Array, LayerCall, Recording, attention_weights, recorded_calls, to_array
from samwidget.models.sam.base import BaseSegmenter
from samwidget.models.sam.folded_weights import layers_of
from samwidget.models.segmenter import Embedding
from samwidget.models.threads import one_thread

_FEATURES = {
    "features": "image_embeddings",
    "finer features": "features_s1",
    "finest features": "features_s0",
    "HQ features": "hq_features",
}
# The calls of the decoder's activation: behind the first up-scaling, then behind the second.
_SECOND_UPSCALING = 1


@torch.no_grad()
def record(segmenter: BaseSegmenter, embedding: Embedding, prompt: Prompt, *, multimask_output: bool) -> Recording:
    """What the network computes for a prompt.

    Args:
        segmenter: the model.
        embedding: of the image.
        prompt: in image pixels.
        multimask_output: as for ``Segmenter.decode``.
    """
    model = segmenter.network
    decoder, transformer = model.mask_decoder, model.mask_decoder.transformer
    attentions = {
        f"attention {index + 1}": layer.cross_attn_token_to_image for index, layer in enumerate(layers_of(transformer))
    }
    attentions["final attention"] = transformer.final_attn_token_to_image
    layers: dict[str, torch.nn.Module] = {
        "prompt": model.prompt_encoder,
        "transformer": transformer,
        "activation": decoder.activation,
        "scores": decoder.iou_prediction_head,
    }
    for name, attention in attentions.items():
        layers |= {f"{name} queries": attention.q_proj, f"{name} keys": attention.k_proj}
    for index, layer in enumerate(layers_of(transformer)):
        layers[f"layer {index + 1}"] = layer
    for index, hypernetwork in enumerate(decoder.output_hypernetworks_mlps):
        layers[f"vector {index}"] = hypernetwork
    with one_thread(), recorded_calls(layers) as calls:
        logits, scores = segmenter.decode_by_transformers(embedding, [prompt], multimask_output=multimask_output)
    height, width = embedding.tensors["image_embeddings"].shape[2:]
    arrays: dict[str, Array] = {
        name: to_array(embedding.tensors[key][0]) for name, key in _FEATURES.items() if key in embedding.tensors
    }
    arrays["tokens"] = calls["transformer"][0].named_inputs["point_embeddings"][0, 0]
    if prompt.mask is not None:
        arrays["mask features"] = calls["prompt"][0].output[1][0]
    for index, (name, attention) in enumerate(attentions.items()):
        queries, keys = (calls[f"{name} {part}"][0].output[0, 0] for part in ("queries", "keys"))
        weights = attention_weights(queries, keys, int(attention.num_attention_heads))
        arrays[name] = weights.reshape(*weights.shape[:2], height, width)
        if index < len(attentions) - 1:
            tokens, image_tokens = calls[f"layer {index + 1}"][0].output[:2]
            arrays[f"tokens {index + 1}"] = tokens[0, 0]
            arrays[f"image tokens {index + 1}"] = image_tokens[0, 0].T.reshape(-1, height, width)
    arrays["final tokens"] = calls["transformer"][0].output[0][0, 0]
    upscaled = calls["activation"][_SECOND_UPSCALING].output
    arrays["upscaled features"] = upscaled[0]
    arrays["mask vectors"] = np.concatenate(
        [calls[f"vector {index}"][0].output.reshape(1, -1) for index in range(len(decoder.output_hypernetworks_mlps))]
    )
    if "hq_features" not in embedding.tensors:  # SAM-HQ adds the logits of its own token to these
        arrays["all candidates"] = np.einsum("nc,cyx->nyx", arrays["mask vectors"], arrays["upscaled features"])
    arrays["all scores"] = calls["scores"][0].output.reshape(-1)
    names = _token_names(calls["transformer"][0], decoder, prompt)
    return Recording(arrays, names, to_array(logits[0]), to_array(scores[0]))


def _token_names(call: LayerCall, decoder: Any, prompt: Prompt) -> tuple[str, ...]:
    """What each of the T prompt tokens is, in the order in which transformers gives them."""
    own = ["score", "single mask"]
    own += [f"candidate {index}" for index in range(1, len(decoder.output_hypernetworks_mlps))]
    if hasattr(decoder, "obj_score_token"):
        own.insert(0, "is there an object")
    if hasattr(decoder, "hq_token"):
        own.append("HQ mask")
    count = call.named_inputs["point_embeddings"].shape[2] - len(own)
    names = [f"{'include' if label == INCLUDE else 'exclude'} {index + 1}" for index, label in enumerate(prompt.labels)]
    if prompt.box_xyxy is not None:
        names += ["top left corner", "bottom right corner"]
    return (*own, *names, *["padding"] * (count - len(names)))
