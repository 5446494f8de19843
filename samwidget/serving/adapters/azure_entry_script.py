"""The entry script of an Azure ML deployment: ``init`` once, then ``run`` for each request.

In ``score.py``, the file that ``code_configuration`` names, write
``from samwidget.serving.adapters.azure_entry_script import init, run``. The Azure ML
inference server then answers the documented request; it owns key, queue and time limit.

The network is the one that SAMWIDGET_MODEL names, or the one in the mounted model folder (AZUREML_MODEL_DIR), or else
the bundled one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from samwidget.errors import ModelError, SamWidgetError
from samwidget.formats.azure_ml import parse_request
from samwidget.predict import SamPredictor
from samwidget.serving.http.errors import problem_json, status_of
from samwidget.serving.limits import Limits
from samwidget.serving.scoring import refuse_addresses, score_rows

_predictor: SamPredictor | None = None


def init() -> None:
    """Loads the network.

    Raises:
        ModelError: there is none where the environment says, or it cannot be loaded.
    """
    global _predictor
    _predictor = SamPredictor.from_pretrained(os.environ.get("SAMWIDGET_MODEL") or _mounted())


def run(raw_data: str) -> Any:
    """The response to a documented request, as deployed endpoints answer.

    What is wrong with a request is answered 400 or 413 with JSON. Images are not fetched from addresses here: the
    container can reach what strangers must not.

    Args:
        raw_data: the request as JSON.
    """
    try:
        rows = parse_request(raw_data)
        Limits().check_rows(rows)
        refuse_addresses(rows)
        return score_rows(rows, _predictor, "service")
    except ModelError:
        raise
    except SamWidgetError as error:
        return _refusal(error)


def _mounted() -> Path | None:
    """The folder with a network in the model folder: itself, or the first below it that has a config."""
    root = os.environ.get("AZUREML_MODEL_DIR")
    found = sorted(Path(root).rglob("config.json")) if root else []
    return min(found, key=lambda path: len(path.parts)).parent if found else None


def _refusal(error: SamWidgetError) -> Any:
    from azureml_inference_server_http.api.aml_response import AMLResponse  # there, where this script runs

    return AMLResponse(json.dumps(problem_json(error)), status_of(error), {"Content-Type": "application/json"})
