"""The part for clicks out of SAM 3's checkpoint for videos, which has words and clicks behind one encoder.

transformers' ``Sam3TrackerModel`` decodes clicks on an image. It is built here with the tensors of the
``Sam3VideoModel``, so nothing is in memory twice. Called by ``loader``.
"""

from __future__ import annotations

from typing import Any

from samwidget.errors import ModelError

# Prefixes of the checkpoint, and what they are called in a ``Sam3TrackerModel``.
_PREFIXES = {
    "detector_model.vision_encoder.backbone.": "vision_encoder.backbone.",
    "tracker_neck.": "vision_encoder.neck.",
    "tracker_model.": "",
}
_PARTS = ("vision_config", "prompt_encoder_config", "mask_decoder_config")


def tracker_of(video_model: Any) -> Any:
    """A ``Sam3TrackerModel`` that shares the tensors, and the encoder's layers, of a ``Sam3VideoModel``.

    transformers 5.24 cannot read it from such a checkpoint itself: it does not find the weights of the decoder.

    Raises:
        ModelError: the checkpoint has not all of its weights.
    """
    from transformers import Sam3TrackerConfig, Sam3TrackerModel

    weights = {}
    for name, tensor in video_model.state_dict().items():
        for prefix, own_prefix in _PREFIXES.items():
            if name.startswith(prefix):
                weights[own_prefix + name.removeprefix(prefix)] = tensor
    entries = video_model.config.tracker_config.to_dict()
    # Any: transformers' types do not know that output_loading_info gives a pair.
    loaded: Any = Sam3TrackerModel.from_pretrained(
        None,
        config=Sam3TrackerConfig(**{part: entries[part] for part in _PARTS}),
        state_dict=weights,
        output_loading_info=True,
    )
    tracker, info = loaded
    if info["missing_keys"]:
        raise ModelError(
            "the part for clicks cannot be taken out of the checkpoint for videos: it lacks "
            f"{sorted(info['missing_keys'])[:3]}",
            hint="download the checkpoint again; one of another version may need another transformers",
        )
    tracker.vision_encoder.backbone = video_model.detector_model.vision_encoder.backbone
    return tracker
