"""Model sources: which model a widget takes: of its arguments, or the one that its session file was left with.

A session file may be a stranger's. It chooses among the bundled model and those of the hub that are on this computer,
by name: never a folder, a file or an address, and nothing is downloaded. ``widget`` and ``model_choice`` call it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samwidget.models import hub
from samwidget.predict import open_predictor
from samwidget.widget.network import BUNDLED, ModelSource

if TYPE_CHECKING:
    from samwidget.predict import SamPredictor

MODEL_SETTING = "model"
"""Of a session file: the name of the model that was used last."""

_NAME_MAX = 80  # in a sentence


@dataclass(frozen=True)
class ModelOptions:
    """How the models of one widget are opened.

    Attributes:
        device: as for ``SamWidget``.
        dtype: as for ``SamWidget``.
        local_files_only: as for ``SamWidget``.
    """

    device: Any = "auto"  # str or torch.device, and torch is not imported here
    dtype: Any = "auto"  # str or torch.dtype
    local_files_only: bool | None = None


def source_of(model: str | Path | SamPredictor | None, options: ModelOptions) -> ModelSource:
    """Returns where the predictor of a name, a folder or a file comes from; or a predictor that is there already.

    Raises:
        TypeError: it is something else.
    """
    if model is not None and not isinstance(model, str | PathLike):
        if not hasattr(model, "predict_many"):
            raise TypeError(f"the model is {model!r:.60}: give a name, a folder or a SamPredictor")
        predictor = model
        return ModelSource(predictor.name, lambda: predictor)
    name = BUNDLED.name if model is None else str(model)
    device, dtype = options.device, options.dtype
    if (name, device, dtype) == (BUNDLED.name, "auto", "auto"):
        return BUNDLED
    return ModelSource(name, lambda: open_predictor(model, device, dtype, options.local_files_only))


def saved_source(settings: Mapping[str, Any], options: ModelOptions, file_name: str) -> tuple[ModelSource | None, str]:
    """Returns the model that a session file was left with, and what the user should know.

    Args:
        settings: of the session file, whoever wrote it.
        options: of the widget.
        file_name: of the session file.

    Returns:
        None where it does not say, or where it names a model that it may not choose; then the sentence says so.
    """
    name = settings.get(MODEL_SETTING)
    if not isinstance(name, str) or not name:
        return None, ""
    if name == BUNDLED.name:
        return source_of(None, options), ""
    if hub.is_hub_id(name) and hub.is_repo_here(name):
        here = ModelOptions(options.device, options.dtype, local_files_only=True)
        return source_of(name, here), ""
    return None, (
        f"{file_name} was used last with the model {name[:_NAME_MAX]!r}, which is not among those of the hub on this"
        f" computer; {BUNDLED.name} is used now, and model= chooses another one"
    )
