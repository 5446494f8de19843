"""The entry script of an Azure ML deployment: ``init`` once, then ``run`` for each request.

In ``score.py``, the file that ``code_configuration`` names, write ``from samwidget.serving.adapters import init, run``.
The Azure ML inference server calls the two. It owns the key, the queue and the time limit.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samwidget.errors import ModelError, SamWidgetError
from samwidget.predict import SamPredictor
from samwidget.serving.decoding import decoders
from samwidget.serving.http.errors import error_json, status_of
from samwidget.serving.limits import Limits
from samwidget.serving.reading import read_rows
from samwidget.serving.scoring import refuse_urls, score_rows

if TYPE_CHECKING:
    from azureml_inference_server_http.api.aml_response import AMLResponse

# Azure ML calls plain functions, so the predictor has to live in the module.
_predictor: SamPredictor | None = None


def init() -> None:
    """Loads the model: the one that the environment variable SAMWIDGET_MODEL names.

    Without that variable it is the one in the mounted model folder (AZUREML_MODEL_DIR), and without a model there the
    bundled one.

    Raises:
        ModelError: the model is not there, or cannot be loaded.
    """
    global _predictor
    _predictor = SamPredictor.from_pretrained(os.environ.get("SAMWIDGET_MODEL") or _mounted_model())


def run(raw_data: str) -> list[dict[str, Any]] | AMLResponse:
    """The response to a documented request in the style ``service``, or the JSON of an error with status 400 or 413.

    Images given as URLs are refused: the container can reach what clients must not.

    Args:
        raw_data: the request as JSON.

    Raises:
        ModelError: the model failed; the inference server answers 500.
    """
    try:
        rows = read_rows(raw_data, Limits(), "service")
        refuse_urls(rows)
        return score_rows(rows, _predictor, "service", read_image=partial(decoders().decode, exif="ignore"))
    except ModelError:
        raise
    except SamWidgetError as error:
        return _error_response(error)


def _mounted_model() -> Path | None:
    """The folder with a config.json nearest to the top of the mounted model folder; None where there is none."""
    root = os.environ.get("AZUREML_MODEL_DIR")
    configs = sorted(Path(root).rglob("config.json")) if root else []
    return min(configs, key=lambda path: len(path.parts)).parent if configs else None


def _error_response(error: SamWidgetError) -> AMLResponse:
    from azureml_inference_server_http.api.aml_response import AMLResponse  # installed only where this script runs

    return AMLResponse(json.dumps(error_json(error)), status_of(error), {"Content-Type": "application/json"})
