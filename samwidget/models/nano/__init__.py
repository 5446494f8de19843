"""``nano``, the model inside the wheel. Only training imports it; all others load it by name (``models.load``)."""

from samwidget.models.nano.encoder import FROZEN_STAGES, Encoder, InvertedResidual
from samwidget.models.nano.network import NanoNetwork, init_weights
from samwidget.models.nano.prompt_maps import PromptTensors, default_mask_index, is_one_click
from samwidget.models.nano.segmenter import LOGIT_STRIDE, MODEL_TYPE, normalise_pixels, prompt_tensors

__all__ = [
    "FROZEN_STAGES",
    "LOGIT_STRIDE",
    "MODEL_TYPE",
    "Encoder",
    "InvertedResidual",
    "NanoNetwork",
    "PromptTensors",
    "default_mask_index",
    "init_weights",
    "is_one_click",
    "normalise_pixels",
    "prompt_tensors",
]
