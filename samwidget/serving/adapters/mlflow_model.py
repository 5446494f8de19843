"""The network as an MLflow model (pyfunc), with the signature that the model card documents.

It is saved as code and plain files: nothing is pickled. ``mlflow models serve`` answers requests with it, and so does
an Azure ML deployment of an MLflow model, without an entry script.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.protos.databricks_pb2 import BAD_REQUEST
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from mlflow.types import ColSpec, DataType, Schema

from samwidget import __version__
from samwidget.errors import ModelError, SamWidgetError
from samwidget.formats.azure_ml import COLUMNS, parse_request
from samwidget.predict import SamPredictor
from samwidget.serving.limits import Limits
from samwidget.serving.scoring import refuse_addresses, score_rows

_CODE = Path(__file__).parent / "mlflow_code.py"
_NETWORK = "network"


class MaskGeneration(PythonModel):
    """Answers requests inside MLflow."""

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the network: the folder that was saved with the model, the one named in its config, or the bundled."""
        config = context.model_config or {}
        self._predictor = SamPredictor.from_pretrained(context.artifacts.get(_NETWORK) or config.get(_NETWORK))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """A DataFrame with the column ``response``, one row per row of the request.

        Images are not fetched from addresses: a server can reach what strangers must not.
        """
        try:
            rows = parse_request(model_input)
            Limits().check_rows(rows)
            refuse_addresses(rows)
            answer = score_rows(rows, self._predictor, "service")
        except ModelError:
            raise
        except SamWidgetError as error:
            raise MlflowException(str(error), error_code=BAD_REQUEST) from error
        return pd.DataFrame({"response": [row["response"] for row in answer]})


def save_mlflow_model(path: str | Path, model: str | Path | None = None) -> None:
    """Writes an MLflow model to a new folder.

    Args:
        path: a folder that is not there yet.
        model: the network: None for the bundled one, a folder, which is copied into the model, or a hub id, which is
            fetched where the model is loaded.

    Raises:
        SamWidgetError: the folder is there already.
    """
    target = Path(path).expanduser()
    if target.exists():
        raise SamWidgetError(f"{target} is there already", hint="give a new folder")
    is_folder = model is not None and Path(model).expanduser().is_dir()
    mlflow.pyfunc.save_model(
        target,
        python_model=str(_CODE),
        artifacts={_NETWORK: str(Path(model).expanduser())} if is_folder and model is not None else None,
        model_config=None if model is None or is_folder else {_NETWORK: str(model)},
        signature=ModelSignature(
            inputs=Schema(
                [*(ColSpec(DataType.string, name) for name in COLUMNS[:4]), ColSpec(DataType.boolean, COLUMNS[4])]
            ),
            outputs=Schema([ColSpec(DataType.string, "response")]),
        ),
        # Named here, since MLflow would otherwise start the model in a new process to find out.
        pip_requirements=[f"samwidget[mlflow]=={__version__}"],
    )
