"""``nano``, the network inside the wheel."""

from samwidget.models.nano.network import FROZEN_STAGES, Encoder, InvertedResidual, NanoNetwork, initialise
from samwidget.models.nano.prompt_maps import PromptTensors, is_one_click, shown_mask
from samwidget.models.nano.segmenter import BUNDLED_FOLDER, LOGIT_STRIDE, MODEL_TYPE, normalise

__all__ = [
    "BUNDLED_FOLDER",
    "FROZEN_STAGES",
    "LOGIT_STRIDE",
    "MODEL_TYPE",
    "Encoder",
    "InvertedResidual",
    "NanoNetwork",
    "PromptTensors",
    "initialise",
    "is_one_click",
    "normalise",
    "shown_mask",
]
