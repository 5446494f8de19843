"""Records what ``nano`` computes for a prompt. Its own ``decode`` runs, with hooks on the layers of its decoder.

Called by ``models.recording``. ``samwidget.explain`` says in words what each array is.
"""

from __future__ import annotations

import torch

from samwidget.core import Prompt
from samwidget.models.layer_calls import Array, Recording, attention_weights, recorded_calls, to_array
from samwidget.models.nano.network import NanoNetwork
from samwidget.models.nano.segmenter import NanoSegmenter
from samwidget.models.nano.window import window_of
from samwidget.models.segmenter import Embedding

_POSITION_MAPS = 9
"""Maps of where the prompt is; the others that the decoder reads are similarities."""
_FEATURES = {"fine features": "fine", "features": "middle", "deep features": "deep", "context": "context"}


def record(segmenter: NanoSegmenter, embedding: Embedding, prompt: Prompt, *, multimask_output: bool) -> Recording:
    """What the network computes for a prompt; for several clicks, the pass with the last one.

    Args:
        segmenter: the model.
        embedding: of the image.
        prompt: in image pixels.
        multimask_output: as for ``Segmenter.decode``.
    """
    network: NanoNetwork = segmenter.network
    decoder = network.decoder
    last_convolution = decoder.to_masks.get_submodule("2.1")
    assert isinstance(last_convolution, torch.nn.Conv2d), "as NanoNetwork builds it"
    assert last_convolution.bias is not None, "it has one"
    layers: dict[str, torch.nn.Module] = {
        "decoder": decoder,
        "read_maps": decoder.read_maps,
        "summary": decoder.summary,
        "queries": decoder.attention.query,
        "keys": decoder.attention.key_value,
        "deep": decoder.deep_blocks[-1],
        "coarse": decoder.second_look,
        "fine": decoder.fine_block,
        "last": last_convolution,
        "scores": decoder.judge,
    }
    with recorded_calls(layers) as calls:
        logits, scores = segmenter.decode(embedding, [prompt], multimask_output=multimask_output)
    # Clicks before the last one may have been decoded first, to make the mask that the last one corrects.
    last = {name: of_layer[-1] for name, of_layer in calls.items()}
    maps = last["read_maps"].inputs[0][0]
    deep = last["deep"].output[0]
    queries, keys = last["queries"].output[0], last["keys"].output[0]
    heads, pooling = decoder.attention.heads, decoder.attention.pooling
    attention = attention_weights(queries, keys[:, : keys.shape[1] // 2], heads)
    rows, columns = (-(-side // pooling) for side in deep.shape[1:])
    coarse = last["coarse"].output[0][0]
    window = window_of(torch.from_numpy(coarse[0]))
    upscaled, last_features = (
        window.pad(torch.from_numpy(features), 4, 0.0) for features in (last["fine"].output, last["last"].inputs[0])
    )
    arrays: dict[str, Array] = {name: to_array(embedding.tensors[key][0]) for name, key in _FEATURES.items()}
    arrays |= {
        "prompt maps": maps[:_POSITION_MAPS],
        "similarity": maps[_POSITION_MAPS:],
        "summary": last["summary"].output[0],
        "attention": attention.reshape(heads, *deep.shape[1:], rows, columns),
        "prompted features": deep,
        "coarse mask": coarse,
        "upscaled features": to_array(upscaled[0]),
        "last features": to_array(last_features[0]),
        "last weights": to_array(last_convolution.weight[:, :, 0]),
        "last biases": to_array(last_convolution.bias),
        "all candidates": last["decoder"].output[0][0, 0],
        "all scores": last["scores"].output[0],
    }
    return Recording(arrays, (), to_array(logits[0]), to_array(scores[0]))
