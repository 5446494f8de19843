"""samwidget: click a photo in a notebook, get its masks.

The names below are the whole public API. They load on first use, so that ``import samwidget`` costs neither torch nor
transformers (2.4 s): those arrive with the first network.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samwidget.core.found import FoundObject, to_sam_dicts
    from samwidget.core.masks import Masks
    from samwidget.core.objects import SegmentedObject
    from samwidget.core.prompt import Prompt
    from samwidget.errors import (
        BatchError,
        ClosedError,
        EndpointError,
        FormatError,
        ImageError,
        LimitError,
        MessageError,
        ModelError,
        ModelNotFoundError,
        PromptError,
        SamWidgetError,
        SamWidgetWarning,
        UnsupportedModelError,
    )
    from samwidget.models.registry import MODELS
    from samwidget.segment.everything import generate_masks
    from samwidget.segment.image import load_rgb
    from samwidget.segment.predictor import SamPredictor
    from samwidget.serving.scoring import score
    from samwidget.widget.widget import SamWidget

__version__ = "0.1.0"

_HOME = {
    "MODELS": "samwidget.models.registry",
    "BatchError": "samwidget.errors",
    "ClosedError": "samwidget.errors",
    "EndpointError": "samwidget.errors",
    "FormatError": "samwidget.errors",
    "FoundObject": "samwidget.core.found",
    "ImageError": "samwidget.errors",
    "LimitError": "samwidget.errors",
    "Masks": "samwidget.core.masks",
    "MessageError": "samwidget.errors",
    "ModelError": "samwidget.errors",
    "ModelNotFoundError": "samwidget.errors",
    "Prompt": "samwidget.core.prompt",
    "PromptError": "samwidget.errors",
    "SamPredictor": "samwidget.segment.predictor",
    "SamWidget": "samwidget.widget.widget",
    "SamWidgetError": "samwidget.errors",
    "SamWidgetWarning": "samwidget.errors",
    "SegmentedObject": "samwidget.core.objects",
    "UnsupportedModelError": "samwidget.errors",
    "generate_masks": "samwidget.segment.everything",
    "load_rgb": "samwidget.segment.image",
    "score": "samwidget.serving.scoring",
    "to_sam_dicts": "samwidget.core.found",
}

__all__ = [
    "MODELS",
    "BatchError",
    "ClosedError",
    "EndpointError",
    "FormatError",
    "FoundObject",
    "ImageError",
    "LimitError",
    "Masks",
    "MessageError",
    "ModelError",
    "ModelNotFoundError",
    "Prompt",
    "PromptError",
    "SamPredictor",
    "SamWidget",
    "SamWidgetError",
    "SamWidgetWarning",
    "SegmentedObject",
    "UnsupportedModelError",
    "generate_masks",
    "load_rgb",
    "score",
    "to_sam_dicts",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
